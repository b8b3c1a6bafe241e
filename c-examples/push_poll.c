/* A snapshot from writes that come in any order, in an event loop: the pages of a disk
 * image in a scattered order, as a mirror job would bring them. The loop never waits in
 * the library, only in poll(2), where it would see its other descriptors too.
 *
 *   push_poll IMAGE SNAPSHOT
 */
#define _POSIX_C_SOURCE 200809L
#include <hexz.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define PIECE 65536

static int failed(void)
{
    fprintf(stderr, "%s\n", hexz_last_error());
    return 1;
}

/* Writes a piece, waiting in poll(2) while the builder has no room for it. */
static hexz_status put(hexz_builder *builder, struct pollfd *ready, uint64_t offset, const void *data, size_t len)
{
    for (;;) {
        hexz_status status = hexz_builder_try_write(builder, 0, offset, data, len);
        if (status != HEXZ_ERR_AGAIN)
            return status;
        /* Here a host would have its sockets and timers in the array as well. */
        (void)poll(ready, 1, -1);
    }
}

static hexz_status push(hexz_builder *builder, FILE *image, uint64_t size)
{
    static char piece[PIECE];
    struct pollfd ready = {-1, POLLIN, 0};
    uint64_t pieces = (size + PIECE - 1) / PIECE, i;
    uint32_t stream;
    hexz_status status = hexz_builder_stream(builder, "disk", HEXZ_STREAM_DISK, size, &stream);

    if (status == HEXZ_OK)
        status = hexz_builder_ready_fd(builder, &ready.fd);
    /* Every other piece, and then those between. */
    for (i = 0; status == HEXZ_OK && i < pieces; i++) {
        uint64_t at = i < (pieces + 1) / 2 ? 2 * i : 2 * (i - (pieces + 1) / 2) + 1;
        uint64_t offset = at * PIECE;
        size_t len = size - offset < PIECE ? (size_t)(size - offset) : PIECE;
        if (fseek(image, (long)offset, SEEK_SET) != 0 || fread(piece, 1, len, image) != len) {
            perror("cannot read the image");
            return HEXZ_ERR_SOURCE;
        }
        status = put(builder, &ready, offset, piece, len);
    }
    return status;
}

int main(int argc, char **argv)
{
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_builder *builder;
    FILE *image;
    long size;
    int code = 0;

    if (argc != 3) {
        fprintf(stderr, "usage: push_poll IMAGE SNAPSHOT\n");
        return 2;
    }
    image = fopen(argv[1], "rb");
    if (!image || fseek(image, 0, SEEK_END) != 0 || (size = ftell(image)) < 0) {
        perror(argv[1]);
        return 1;
    }
    opts.output = argv[2];
    if (hexz_builder_new(&opts, &builder) != HEXZ_OK) {
        code = failed();
    } else {
        if (push(builder, image, (uint64_t)size) != HEXZ_OK || hexz_builder_finish(builder, &report) != HEXZ_OK)
            code = failed();
        else
            printf("%s: %llu bytes\n", argv[2], (unsigned long long)report.file_size);
        /* One that was not finished leaves nothing behind. */
        hexz_builder_free(builder);
    }
    (void)fclose(image);
    return code;
}
