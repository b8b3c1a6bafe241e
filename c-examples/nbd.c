/* A snapshot of an NBD export, without a file in between: hexz pulls the bytes through libnbd, and
 * what the server knows to be zeros (block status) is never transferred.
 *
 *   qemu-nbd --read-only --persistent --socket=/tmp/nbd.sock --format=qcow2 vm.qcow2 &
 *   cc -std=c99 nbd.c -lnbd -lhexz -o nbd && ./nbd 'nbd+unix:///?socket=/tmp/nbd.sock' vm.hxz
 *
 * One connection serves one request at a time, so the source is not HEXZ_SOURCE_CONCURRENT, and all
 * of it runs on this thread. With a parent, the ranges of a dirty bitmap (the meta context
 * "qemu:dirty-bitmap:NAME") that are clean would be HEXZ_EXTENT_PARENT. */
#include <hexz.h>
#include <libnbd.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Servers take 32 bits of length; most transfer no more than this at once. */
#define STATUS_MOST ((uint64_t)1 << 30)
#define READ_MOST ((size_t)32 << 20)

struct export {
    struct nbd_handle *nbd;
    int knows_zeros;
    uint64_t transferred;
    /* What block status said last. */
    uint64_t len;
    uint32_t kind;
};

static int32_t read_at(void *user_data, uint64_t offset, void *buf, size_t len)
{
    struct export *export = user_data;
    char *to = buf;
    while (len > 0) {
        size_t part = len < READ_MOST ? len : READ_MOST;
        if (nbd_pread(export->nbd, to, part, offset, 0) != 0)
            return 1;
        export->transferred += part;
        to += part;
        offset += part;
        len -= part;
    }
    return 0;
}

/* The extents that the server tells: pairs of length and flags, the first one at the offset that was
 * asked about. Those of one kind make one run. */
static int on_extents(void *user_data, const char *context, uint64_t offset, uint32_t *entries, size_t count,
                      int *error)
{
    struct export *export = user_data;
    size_t i;
    (void)context;
    (void)offset;
    (void)error;
    for (i = 0; i + 1 < count; i += 2) {
        uint32_t kind = entries[i + 1] & LIBNBD_STATE_ZERO ? HEXZ_EXTENT_ZERO : HEXZ_EXTENT_DATA;
        if (i > 0 && kind != export->kind)
            break;
        export->kind = kind;
        export->len += entries[i];
    }
    return 0;
}

static int32_t extent_at(void *user_data, uint64_t offset, uint64_t *len, uint32_t *kind)
{
    struct export *export = user_data;
    nbd_extent_callback told;
    told.callback = on_extents;
    told.user_data = export;
    told.free = NULL;
    if (!export->knows_zeros) {
        *kind = HEXZ_EXTENT_DATA;
        return 0;
    }
    export->len = 0;
    if (nbd_block_status(export->nbd, *len < STATUS_MOST ? *len : STATUS_MOST, offset, told, 0) != 0)
        return 1;
    *len = export->len;
    *kind = export->kind;
    return 0;
}

/* 0, or -1 with libnbd's text. */
static int connect_to(struct export *export, const char *uri, int64_t *size)
{
    export->nbd = nbd_create();
    if (export->nbd == NULL || nbd_add_meta_context(export->nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0 ||
        nbd_connect_uri(export->nbd, uri) != 0)
        return -1;
    export->knows_zeros = nbd_can_meta_context(export->nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1;
    *size = nbd_get_size(export->nbd);
    return *size < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct export export = {0};
    hexz_source source = HEXZ_INIT(hexz_source);
    hexz_stream disk = HEXZ_INIT(hexz_stream);
    const hexz_stream *streams[1];
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    hexz_status status = HEXZ_ERR_SOURCE;
    int64_t size;

    if (argc != 3) {
        fprintf(stderr, "usage: nbd URI OUTPUT\n");
        return 2;
    }
    if (connect_to(&export, argv[1], &size) != 0) {
        fprintf(stderr, "nbd: %s\n", nbd_get_error());
        nbd_close(export.nbd);
        return 1;
    }
    source.user_data = &export;
    source.size = (uint64_t)size;
    source.read_at = read_at;
    source.extent_at = extent_at;
    disk.name = "disk";
    disk.kind = HEXZ_STREAM_DISK;
    disk.source = &source;
    streams[0] = &disk;
    opts.streams = streams;
    opts.stream_count = 1;
    opts.output = argv[2];

    status = hexz_build(&opts);
    if (status == HEXZ_ERR_CALLBACK)
        fprintf(stderr, "nbd: %s: %s\n", hexz_last_error(), nbd_get_error());
    else if (status != HEXZ_OK)
        fprintf(stderr, "nbd: %s\n", hexz_last_error());
    else
        printf("%s: %" PRIu64 " of %" PRId64 " bytes transferred\n", argv[2], export.transferred, size);
    (void)nbd_shutdown(export.nbd, 0);
    nbd_close(export.nbd);
    return status == HEXZ_OK ? 0 : 1;
}
