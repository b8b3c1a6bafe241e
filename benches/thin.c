/* A build on a parent as a host makes it that knows what changed: the bench of nightly snapshots measures it.
 *
 *     thin [--parent SNAPSHOT] [--changes FILE] [--threads N] SOURCE OUTPUT
 *
 * Without --changes all of SOURCE is read. With it, a file of lines `OFFSET LENGTH` in rising order, only
 * those ranges are asked for; the rest is as in the parent, or zero when there is none: the changes alone.
 * Prints `SECONDS FILE_SIZE BYTES_READ BYTES_INHERITED`, the seconds of hexz_build() without the start of a process. */
#define _POSIX_C_SOURCE 200809L
#include <hexz.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct range {
    uint64_t offset;
    uint64_t len;
};

struct image {
    int fd;
    uint32_t unchanged;
    uint64_t size;
    struct range *changes;
    size_t count;
};

static int32_t read_at(void *user_data, uint64_t offset, void *buf, size_t len)
{
    const struct image *image = user_data;
    char *to = buf;
    while (len > 0) {
        ssize_t got = pread(image->fd, to, len, (off_t)offset);
        if (got <= 0)
            return 1;
        to += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return 0;
}

/* By halving: the ranges are many, and the build asks in no promised order. */
static int32_t extent_at(void *user_data, uint64_t offset, uint64_t *len, uint32_t *kind)
{
    const struct image *image = user_data;
    size_t low = 0, high = image->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (image->changes[middle].offset + image->changes[middle].len <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < image->count && image->changes[low].offset <= offset) {
        *kind = HEXZ_EXTENT_DATA;
        *len = image->changes[low].offset + image->changes[low].len - offset;
    } else {
        *kind = image->unchanged;
        *len = (low < image->count ? image->changes[low].offset : image->size) - offset;
    }
    return 0;
}

static int load_changes(struct image *image, const char *path)
{
    FILE *file = fopen(path, "r");
    size_t room = 0;
    struct range next;
    if (!file)
        return 0;
    while (fscanf(file, "%" SCNu64 " %" SCNu64, &next.offset, &next.len) == 2) {
        if (image->count == room) {
            room = room ? 2 * room : 1024;
            image->changes = realloc(image->changes, room * sizeof next);
            if (!image->changes)
                return 0;
        }
        image->changes[image->count++] = next;
    }
    return fclose(file) == 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: thin [--parent SNAPSHOT] [--changes FILE] [--threads N] SOURCE OUTPUT\n");
    return 2;
}

int main(int argc, char **argv)
{
    const char *paths[2] = {NULL, NULL}, *changes = NULL;
    int i, named = 0;
    struct stat st;
    struct timespec start, end;
    struct image image = {0};
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    hexz_source source = HEXZ_INIT(hexz_source);
    hexz_stream stream = HEXZ_INIT(hexz_stream);
    const hexz_stream *streams = &stream;

    opts.threads = 2;
    for (i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && i + 1 == argc)
            return usage();
        if (strcmp(argv[i], "--parent") == 0)
            opts.parent = argv[++i];
        else if (strcmp(argv[i], "--changes") == 0)
            changes = argv[++i];
        else if (strcmp(argv[i], "--threads") == 0)
            opts.threads = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (named < 2)
            paths[named++] = argv[i];
        else
            return usage();
    }
    if (named != 2)
        return usage();

    profile.compression = HEXZ_COMPRESSION_ZSTD;
    profile.level = 3;
    profile.block_size = 65536;
    opts.custom = &profile;
    opts.output = paths[1];
    opts.flags = HEXZ_BUILD_NO_SYNC | HEXZ_BUILD_OVERWRITE;
    opts.report = &report;
    if (changes) {
        image.fd = open(paths[0], O_RDONLY | O_CLOEXEC);
        if (image.fd < 0 || fstat(image.fd, &st) != 0 || !load_changes(&image, changes)) {
            perror("thin");
            return 1;
        }
        image.size = (uint64_t)st.st_size;
        image.unchanged = opts.parent ? HEXZ_EXTENT_PARENT : HEXZ_EXTENT_ZERO;
        source.user_data = &image;
        source.size = image.size;
        source.flags = HEXZ_SOURCE_CONCURRENT;
        source.read_at = read_at;
        source.extent_at = extent_at;
        stream.name = "disk";
        stream.kind = HEXZ_STREAM_DISK;
        stream.source = &source;
        opts.streams = &streams;
        opts.stream_count = 1;
    } else {
        opts.source = paths[0];
        opts.source_format = HEXZ_FORMAT_RAW;
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (hexz_build(&opts) != HEXZ_OK) {
        fprintf(stderr, "thin: %s\n", hexz_last_error());
        return 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.6f %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
           (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9, report.file_size,
           report.bytes_read, report.bytes_inherited);
    free(image.changes);
    return 0;
}
