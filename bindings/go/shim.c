#include "shim.h"

#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

/* Passes a status on, with what this thread's failure left behind. */
static hexz_status taken(hexz_status status, hexz_go_error *error)
{
    if (status != HEXZ_OK) {
        const char *text = hexz_last_error();
        size_t size = strlen(text) + 1;
        error->system = hexz_last_errno();
        error->code = hexz_last_callback_code();
        error->text = malloc(size);
        if (error->text != NULL)
            memcpy(error->text, text, size);
    }
    return status;
}

static int32_t on_password(void *user_data, const hexz_password_request *request, char *buf,
                           size_t capacity, size_t *len)
{
    return hexzGoPassword((uintptr_t)user_data, (hexz_password_request *)request, buf, capacity,
                          len);
}

static int32_t on_progress(void *user_data, const hexz_progress *progress)
{
    return hexzGoProgress((uintptr_t)user_data, (hexz_progress *)progress);
}

static int32_t on_read_at(void *user_data, uint64_t offset, void *buf, size_t len)
{
    return hexzGoReadAt((uintptr_t)user_data, offset, buf, len);
}

static int32_t on_extent_at(void *user_data, uint64_t offset, uint64_t *len, uint32_t *kind)
{
    return hexzGoExtentAt((uintptr_t)user_data, offset, len, kind);
}

void hexz_go_source(hexz_source *source, uintptr_t call, int has_extents)
{
    source->struct_size = sizeof(*source);
    source->user_data = (void *)call;
    source->flags = HEXZ_SOURCE_CONCURRENT;
    source->read_at = on_read_at;
    source->extent_at = has_extents ? on_extent_at : NULL;
}

static int32_t on_write(void *user_data, const void *buf, size_t len)
{
    return hexzGoWrite((uintptr_t)user_data, (void *)buf, len);
}

static int32_t on_storage_read_at(void *reader, uint64_t offset, void *buf, size_t len)
{
    return hexzGoStorageReadAt((uintptr_t)reader, offset, buf, len);
}

static void on_release(void *reader)
{
    hexzGoRelease((uintptr_t)reader);
}

void hexz_go_storage(hexz_storage *storage, uintptr_t reader)
{
    storage->struct_size = sizeof(*storage);
    storage->user_data = (void *)reader;
    storage->flags = HEXZ_SOURCE_CONCURRENT;
    storage->read_at = on_storage_read_at;
    storage->release = on_release;
}

static int32_t on_ancestor(void *user_data, hexz_ancestor *ancestor)
{
    return hexzGoAncestor((uintptr_t)user_data, ancestor);
}

/* Lives in the caller as long as the call. An error tells Go what abort would. */
#define SET_SINK(opts, hooks)                                                                      \
    hexz_sink sink = HEXZ_INIT(hexz_sink);                                                         \
    sink.user_data = (void *)(hooks).call;                                                         \
    sink.write = on_write;                                                                         \
    (opts)->sink = ((hooks).which & HEXZ_GO_SINK) != 0 ? &sink : NULL

#define SET_PASSWORD(opts, hooks)                                                                  \
    do {                                                                                           \
        (opts)->password = ((hooks).which & HEXZ_GO_PASSWORD) != 0 ? on_password : NULL;           \
        (opts)->password_data = (void *)(hooks).call;                                              \
    } while (0)

#define SET_PROGRESS(opts, hooks)                                                                  \
    do {                                                                                           \
        (opts)->progress = ((hooks).which & HEXZ_GO_PROGRESS) != 0 ? on_progress : NULL;           \
        (opts)->progress_data = (void *)(hooks).call;                                              \
    } while (0)

hexz_status hexz_go_profile_resolve(const char *name, hexz_profile *out, hexz_go_error *error)
{
    return taken(hexz_profile_resolve(name, out), error);
}

hexz_status hexz_go_cancel_new(hexz_cancel **out, hexz_go_error *error)
{
    return taken(hexz_cancel_new(out), error);
}

hexz_status hexz_go_build(const hexz_build_opts *opts, hexz_go_hooks hooks,
                          hexz_build_report *report, hexz_go_error *error)
{
    hexz_build_opts full = *opts;
    SET_PASSWORD(&full, hooks);
    SET_PROGRESS(&full, hooks);
    SET_SINK(&full, hooks);
    full.report = report;
    return taken(hexz_build(&full), error);
}

hexz_status hexz_go_builder_new(const hexz_build_opts *opts, hexz_go_hooks hooks,
                                hexz_builder **out, hexz_go_error *error)
{
    hexz_build_opts full = *opts;
    SET_PASSWORD(&full, hooks);
    SET_PROGRESS(&full, hooks);
    SET_SINK(&full, hooks); /* copied by the call, as all structs are */
    return taken(hexz_builder_new(&full, out), error);
}

hexz_status hexz_go_builder_stream(hexz_builder *builder, const char *name, uint32_t kind,
                                   uint64_t size, uint32_t *stream, hexz_go_error *error)
{
    return taken(hexz_builder_stream(builder, name, kind, size, stream), error);
}

hexz_status hexz_go_builder_write(hexz_builder *builder, uint32_t stream, uint64_t offset,
                                  const void *data, size_t len, hexz_go_error *error)
{
    return taken(hexz_builder_write(builder, stream, offset, data, len), error);
}

hexz_status hexz_go_builder_zero(hexz_builder *builder, uint32_t stream, uint64_t offset,
                                 uint64_t len, hexz_go_error *error)
{
    return taken(hexz_builder_zero(builder, stream, offset, len), error);
}

hexz_status hexz_go_builder_inherit(hexz_builder *builder, uint32_t stream, uint64_t offset,
                                    uint64_t len, hexz_go_error *error)
{
    return taken(hexz_builder_inherit(builder, stream, offset, len), error);
}

hexz_status hexz_go_builder_finish(hexz_builder *builder, hexz_build_report *report,
                                   hexz_go_error *error)
{
    return taken(hexz_builder_finish(builder, report), error);
}

hexz_status hexz_go_open(const hexz_open_opts *opts, hexz_go_hooks hooks,
                         const uint8_t *expect_root, hexz_snapshot **out, hexz_go_error *error)
{
    hexz_open_opts full = *opts;
    SET_PASSWORD(&full, hooks);
    full.expect_root = expect_root;
    full.ancestor = (hooks.which & HEXZ_GO_ANCESTOR) != 0 ? on_ancestor : NULL;
    full.ancestor_data = (void *)hooks.call;
    return taken(hexz_snapshot_open(&full, out), error);
}

hexz_status hexz_go_info(const hexz_snapshot *snapshot, hexz_info *out, hexz_go_error *error)
{
    return taken(hexz_snapshot_info(snapshot, out), error);
}

hexz_status hexz_go_stream(const hexz_snapshot *snapshot, uint32_t index, hexz_stream_info *out,
                           hexz_go_error *error)
{
    return taken(hexz_snapshot_stream(snapshot, index, out), error);
}

hexz_status hexz_go_ancestor(const hexz_snapshot *snapshot, uint32_t index,
                             hexz_ancestor_info *out, hexz_go_error *error)
{
    return taken(hexz_snapshot_ancestor(snapshot, index, out), error);
}

hexz_status hexz_go_find(const hexz_snapshot *snapshot, const char *name, uint32_t *index,
                         hexz_go_error *error)
{
    return taken(hexz_snapshot_find(snapshot, name, index), error);
}

hexz_status hexz_go_read(const hexz_snapshot *snapshot, uint32_t stream, uint64_t offset,
                         void *buf, size_t len, hexz_go_error *error)
{
    return taken(hexz_snapshot_read(snapshot, stream, offset, buf, len), error);
}

hexz_status hexz_go_read_hosted(const hexz_snapshot *snapshot, uint32_t stream, uint64_t offset,
                                void *buf, size_t len, hexz_go_error *error)
{
    return taken(hexz_snapshot_read(snapshot, stream, offset, buf, len), error);
}

hexz_status hexz_go_extent(const hexz_snapshot *snapshot, uint32_t stream, uint64_t offset,
                           hexz_extent *out, hexz_go_error *error)
{
    return taken(hexz_snapshot_extent(snapshot, stream, offset, out), error);
}

hexz_status hexz_go_diff(const hexz_snapshot *from, uint32_t from_stream, const hexz_snapshot *to,
                         uint32_t to_stream, uint64_t offset, hexz_extent *out,
                         hexz_go_error *error)
{
    return taken(hexz_snapshot_diff(from, from_stream, to, to_stream, offset, out), error);
}

hexz_status hexz_go_verify(const hexz_snapshot *snapshot, const hexz_verify_opts *opts,
                           hexz_go_hooks hooks, hexz_verify_report *report, hexz_go_error *error)
{
    hexz_verify_opts full = *opts;
    SET_PROGRESS(&full, hooks);
    full.report = report;
    return taken(hexz_snapshot_verify(snapshot, &full), error);
}

hexz_status hexz_go_extract(const hexz_snapshot *snapshot, const hexz_extract_opts *opts,
                            hexz_go_hooks hooks, hexz_go_error *error)
{
    hexz_extract_opts full = *opts;
    SET_PROGRESS(&full, hooks);
    SET_SINK(&full, hooks);
    return taken(hexz_snapshot_extract(snapshot, &full), error);
}

hexz_status hexz_go_rekey(const hexz_rekey_opts *opts, hexz_go_hooks hooks, hexz_go_error *error)
{
    hexz_rekey_opts full = *opts;
    SET_PASSWORD(&full, hooks);
    return taken(hexz_snapshot_rekey(&full), error);
}
