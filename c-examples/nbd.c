/* A snapshot of an NBD export, without a file in between: hexz pulls the bytes through libnbd, and
 * what the server knows to be zeros (block status) is never transferred.
 *
 *   qemu-nbd --read-only --persistent --socket=/tmp/nbd.sock --format=qcow2 vm.qcow2 &
 *   cc -std=c99 nbd.c -lnbd -lhexz -o nbd && ./nbd 'nbd+unix:///?socket=/tmp/nbd.sock' vm.hxz
 *
 * With a parent and the name of a dirty bitmap, only what was written since the bitmap was made is
 * transferred; the bitmap must have been made when the parent was, and the parent's disk is "disk":
 *
 *   qemu-img bitmap --add vm.qcow2 since-monday           (or block-dirty-bitmap-add of a running machine)
 *   qemu-nbd --read-only --persistent --socket=/tmp/nbd.sock --format=qcow2 --bitmap=since-monday vm.qcow2 &
 *   ./nbd 'nbd+unix:///?socket=/tmp/nbd.sock' tuesday.hxz monday.hxz since-monday
 *
 * One connection serves one request at a time, so the source is not HEXZ_SOURCE_CONCURRENT, and all
 * of it runs on this thread. */
#include <hexz.h>
#include <libnbd.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Servers take 32 bits of length; most transfer no more than this at once. */
#define STATUS_MOST ((uint64_t)1 << 30)
#define READ_MOST ((size_t)32 << 20)
/* QEMU, docs/interop/nbd.txt. */
#define DIRTY_BITMAP "qemu:dirty-bitmap:"
#define STATE_DIRTY 1

/* One way in which the server describes the export: what its flag means, and what it said last. */
struct context {
    char name[128];     /* empty: it is not asked for */
    uint32_t flag;      /* of a run that is `set`, else `clear`; HEXZ_EXTENT_ values */
    uint32_t set, clear;
    uint32_t kind;
    uint64_t len;
};

struct export {
    struct nbd_handle *nbd;
    uint64_t transferred;
    struct context allocation, bitmap;
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
static int on_extents(void *user_data, const char *name, uint64_t offset, uint32_t *entries, size_t count,
                      int *error)
{
    struct export *export = user_data;
    struct context *context = strcmp(name, export->bitmap.name) == 0 ? &export->bitmap : &export->allocation;
    size_t i;
    (void)offset;
    (void)error;
    for (i = 0; i + 1 < count; i += 2) {
        uint32_t kind = entries[i + 1] & context->flag ? context->set : context->clear;
        if (i > 0 && kind != context->kind)
            break;
        context->kind = kind;
        context->len += entries[i];
    }
    return 0;
}

/* What is clean in the bitmap is the parent's, whatever the allocation says; the rest is data or zeros. */
static int32_t extent_at(void *user_data, uint64_t offset, uint64_t *len, uint32_t *kind)
{
    struct export *export = user_data;
    struct context *allocation = &export->allocation, *bitmap = &export->bitmap;
    nbd_extent_callback told;
    told.callback = on_extents;
    told.user_data = export;
    told.free = NULL;
    *kind = HEXZ_EXTENT_DATA;
    if (allocation->name[0] == '\0' && bitmap->name[0] == '\0')
        return 0;
    allocation->len = bitmap->len = 0;
    if (nbd_block_status(export->nbd, *len < STATUS_MOST ? *len : STATUS_MOST, offset, told, 0) != 0)
        return 1;
    if (bitmap->name[0] != '\0') {
        *len = bitmap->len;
        *kind = bitmap->kind;
    }
    if (*kind == HEXZ_EXTENT_DATA && allocation->name[0] != '\0') {
        *len = bitmap->name[0] == '\0' || allocation->len < *len ? allocation->len : *len;
        *kind = allocation->kind;
    }
    return 0;
}

/* 0, or -1 with libnbd's text. A bitmap that the server does not have is an error, the allocation is not. */
static int connect_to(struct export *export, const char *uri, int64_t *size)
{
    struct context *allocation = &export->allocation, *bitmap = &export->bitmap;
    export->nbd = nbd_create();
    if (export->nbd == NULL || nbd_add_meta_context(export->nbd, allocation->name) != 0 ||
        (bitmap->name[0] != '\0' && nbd_add_meta_context(export->nbd, bitmap->name) != 0) ||
        nbd_connect_uri(export->nbd, uri) != 0)
        return -1;
    if (nbd_can_meta_context(export->nbd, allocation->name) != 1)
        allocation->name[0] = '\0';
    if (bitmap->name[0] != '\0' && nbd_can_meta_context(export->nbd, bitmap->name) != 1) {
        fprintf(stderr, "nbd: the server has no %s\n", bitmap->name);
        return -1;
    }
    *size = nbd_get_size(export->nbd);
    return *size < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct export export = {0};
    struct context *bitmap = &export.bitmap;
    hexz_source source = HEXZ_INIT(hexz_source);
    hexz_stream disk = HEXZ_INIT(hexz_stream);
    const hexz_stream *streams[1];
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    hexz_status status = HEXZ_ERR_SOURCE;
    int64_t size;

    if (argc != 3 && argc != 5) {
        fprintf(stderr, "usage: nbd URI OUTPUT [PARENT BITMAP]\n");
        return 2;
    }
    strcpy(export.allocation.name, LIBNBD_CONTEXT_BASE_ALLOCATION);
    export.allocation.flag = LIBNBD_STATE_ZERO;
    export.allocation.set = HEXZ_EXTENT_ZERO;
    export.allocation.clear = HEXZ_EXTENT_DATA;
    bitmap->flag = STATE_DIRTY;
    bitmap->set = HEXZ_EXTENT_DATA;
    bitmap->clear = HEXZ_EXTENT_PARENT;
    if (argc == 5)
        (void)snprintf(bitmap->name, sizeof(bitmap->name), "%s%s", DIRTY_BITMAP, argv[4]);
    if (connect_to(&export, argv[1], &size) != 0) {
        if (nbd_get_error() != NULL)
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
    opts.parent = argc == 5 ? argv[3] : NULL;

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
