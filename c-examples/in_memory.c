/* A snapshot that is never in a file: built into memory, opened there, and a stream of it written to
 * the standard output.
 *
 *     cc -std=c99 in_memory.c -lhexz -o in_memory && ./in_memory disk.img > copy.img
 */
#include <hexz.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memory {
    unsigned char *bytes;
    size_t len, room;
};

/* The sink: takes all of buf, or fails with a number of its own. */
static int32_t append(void *user_data, const void *buf, size_t len)
{
    struct memory *memory = user_data;
    if (memory->room - memory->len < len) {
        size_t room = 2 * memory->room + len;
        unsigned char *bytes = realloc(memory->bytes, room);
        if (bytes == NULL)
            return 1;
        memory->bytes = bytes;
        memory->room = room;
    }
    memcpy(memory->bytes + memory->len, buf, len);
    memory->len += len;
    return 0;
}

/* The storage: never asked for what lies beyond its size. Memory that nobody writes can be read by
 * many threads at once, which HEXZ_SOURCE_CONCURRENT says. */
static int32_t read_at(void *user_data, uint64_t offset, void *buf, size_t len)
{
    const struct memory *memory = user_data;
    memcpy(buf, memory->bytes + offset, len);
    return 0;
}

/* Called once, when nothing leans on the storage any more. */
static void release(void *user_data)
{
    struct memory *memory = user_data;
    free(memory->bytes);
    memory->bytes = NULL;
}

static int32_t print(void *user_data, const void *buf, size_t len)
{
    (void)user_data;
    return fwrite(buf, 1, len, stdout) == len ? 0 : 1;
}

static int32_t flush(void *user_data)
{
    (void)user_data;
    return fflush(stdout) == 0 ? 0 : 1;
}

static int fail(const char *what)
{
    fprintf(stderr, "in_memory: %s: %s\n", what, hexz_last_error());
    return 1;
}

int main(int argc, char **argv)
{
    struct memory memory = {NULL, 0, 0};
    if (argc != 2) {
        fprintf(stderr, "usage: in_memory SOURCE > COPY\n");
        return 2;
    }
    hexz_sink into = HEXZ_INIT(hexz_sink); /* without commit and abort: the status tells us */
    into.write = append;
    into.user_data = &memory;
    hexz_build_opts build = HEXZ_INIT(hexz_build_opts);
    build.source = argv[1];
    build.sink = &into;
    if (hexz_build(&build) != HEXZ_OK) {
        free(memory.bytes);
        return fail("build");
    }
    fprintf(stderr, "in_memory: a snapshot of %zu bytes\n", memory.len);

    hexz_storage storage = HEXZ_INIT(hexz_storage);
    storage.user_data = &memory;
    storage.size = memory.len;
    storage.flags = HEXZ_SOURCE_CONCURRENT;
    storage.read_at = read_at;
    storage.release = release;
    hexz_open_opts open = HEXZ_INIT(hexz_open_opts);
    open.storage = &storage;
    hexz_snapshot *snapshot;
    if (hexz_snapshot_open(&open, &snapshot) != HEXZ_OK)
        return fail("open"); /* released already */

    int status = 0;
    hexz_sink out = HEXZ_INIT(hexz_sink);
    out.write = print;
    out.commit = flush;
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    extract.sink = &out; /* stream 0 is the source, "disk" */
    if (hexz_snapshot_extract(snapshot, &extract) != HEXZ_OK)
        status = fail("extract");
    hexz_snapshot_close(snapshot);
    return status;
}
