/* The library's functions in the form that Go calls them in.
 *
 * Go may go on on another thread after each call into C, and the text of a
 * failure belongs to the thread: so a call and its failure are one call here.
 * Pointers to Go memory come as arguments of their own and are put into options
 * here, because Go memory that C is given may not point to Go memory. */
#ifndef HEXZ_GO_SHIM_H
#define HEXZ_GO_SHIM_H

#include <hexz.h>

/* What a failed call left behind; untouched by one that succeeded. */
typedef struct hexz_go_error {
    int32_t system; /* errno or 0 */
    int32_t code;   /* what a callback returned, or 0 */
    char *text;     /* the caller's to free; NULL without memory for it */
} hexz_go_error;

/* Which callbacks a call has. */
#define HEXZ_GO_PASSWORD 1
#define HEXZ_GO_PROGRESS 2
#define HEXZ_GO_SINK 4
#define HEXZ_GO_ANCESTOR 8

/* A cgo.Handle of the Go side of a call, and HEXZ_GO_ values. */
typedef struct hexz_go_hooks {
    uintptr_t call;
    uint32_t which;
} hexz_go_hooks;

/* Makes a source of the Go side of one, which is a cgo.Handle; not its size. */
void hexz_go_source(hexz_source *source, uintptr_t call, int has_extents);

/* Makes a storage of a cgo.Handle of an io.ReaderAt; not its size. */
void hexz_go_storage(hexz_storage *storage, uintptr_t reader);

hexz_status hexz_go_profile_resolve(const char *name, hexz_profile *out, hexz_go_error *error);
hexz_status hexz_go_cancel_new(hexz_cancel **out, hexz_go_error *error);
hexz_status hexz_go_build(const hexz_build_opts *opts, hexz_go_hooks hooks,
                          hexz_build_report *report, hexz_go_error *error);
hexz_status hexz_go_builder_new(const hexz_build_opts *opts, hexz_go_hooks hooks,
                                hexz_builder **out, hexz_go_error *error);
hexz_status hexz_go_builder_stream(hexz_builder *builder, const char *name, uint32_t kind,
                                   uint64_t size, uint32_t *stream, hexz_go_error *error);
hexz_status hexz_go_builder_write(hexz_builder *builder, uint32_t stream, uint64_t offset,
                                  const void *data, size_t len, hexz_go_error *error);
hexz_status hexz_go_builder_zero(hexz_builder *builder, uint32_t stream, uint64_t offset,
                                 uint64_t len, hexz_go_error *error);
hexz_status hexz_go_builder_inherit(hexz_builder *builder, uint32_t stream, uint64_t offset,
                                    uint64_t len, hexz_go_error *error);
hexz_status hexz_go_builder_finish(hexz_builder *builder, hexz_build_report *report,
                                   hexz_go_error *error);
hexz_status hexz_go_open(const hexz_open_opts *opts, hexz_go_hooks hooks,
                         const uint8_t *expect_root, hexz_snapshot **out, hexz_go_error *error);
hexz_status hexz_go_info(const hexz_snapshot *snapshot, hexz_info *out, hexz_go_error *error);
hexz_status hexz_go_stream(const hexz_snapshot *snapshot, uint32_t index, hexz_stream_info *out,
                           hexz_go_error *error);
hexz_status hexz_go_ancestor(const hexz_snapshot *snapshot, uint32_t index,
                             hexz_ancestor_info *out, hexz_go_error *error);
hexz_status hexz_go_find(const hexz_snapshot *snapshot, const char *name, uint32_t *index,
                         hexz_go_error *error);
hexz_status hexz_go_read(const hexz_snapshot *snapshot, uint32_t stream, uint64_t offset,
                         void *buf, size_t len, hexz_go_error *error);
/* The same, of a snapshot that leans on a storage in Go, which it calls back. */
hexz_status hexz_go_read_hosted(const hexz_snapshot *snapshot, uint32_t stream, uint64_t offset,
                                void *buf, size_t len, hexz_go_error *error);
hexz_status hexz_go_extent(const hexz_snapshot *snapshot, uint32_t stream, uint64_t offset,
                           hexz_extent *out, hexz_go_error *error);
hexz_status hexz_go_diff(const hexz_snapshot *from, uint32_t from_stream, const hexz_snapshot *to,
                         uint32_t to_stream, uint64_t offset, hexz_extent *out,
                         hexz_go_error *error);
hexz_status hexz_go_verify(const hexz_snapshot *snapshot, const hexz_verify_opts *opts,
                           hexz_go_hooks hooks, hexz_verify_report *report, hexz_go_error *error);
hexz_status hexz_go_extract(const hexz_snapshot *snapshot, const hexz_extract_opts *opts,
                            hexz_go_hooks hooks, hexz_go_error *error);
hexz_status hexz_go_rekey(const hexz_rekey_opts *opts, hexz_go_hooks hooks, hexz_go_error *error);

#endif
