// The face of the library, pinned: prototypes, types and offsets of fields,
// sizes when first declared, values of constants. It compiles or it does not;
// nothing runs. Fields may be added behind the last one of a struct, and then
// here; whatever else breaks this file breaks programs that are already built.
#include "hexz.h"

#include <cstddef>
#include <type_traits>

// Constants are plain integers, so that the preprocessor and every binding
// generator can read them.
#if HEXZ_VERSION_MAJOR < 0 || \
    HEXZ_VERSION_MINOR < 0 || \
    HEXZ_VERSION_PATCH < 0
#error "versions"
#endif
#if HEXZ_OK != 0 || \
    HEXZ_ERR_INVALID_ARGUMENT != -1 || \
    HEXZ_ERR_UNKNOWN_PROFILE != -2 || \
    HEXZ_ERR_SOURCE != -3 || \
    HEXZ_ERR_OUTPUT != -4 || \
    HEXZ_ERR_EXISTS != -5 || \
    HEXZ_ERR_PASSWORD_REQUIRED != -6 || \
    HEXZ_ERR_INVALID_PASSWORD != -7 || \
    HEXZ_ERR_WRONG_PASSWORD != -8 || \
    HEXZ_ERR_NOT_SNAPSHOT != -9 || \
    HEXZ_ERR_UNSUPPORTED != -10 || \
    HEXZ_ERR_CORRUPT != -11 || \
    HEXZ_ERR_OUT_OF_RANGE != -12 || \
    HEXZ_ERR_NO_STREAM != -13 || \
    HEXZ_ERR_PARENT != -14 || \
    HEXZ_ERR_CANCELLED != -15 || \
    HEXZ_ERR_CALLBACK != -16 || \
    HEXZ_ERR_NO_MEMORY != -17 || \
    HEXZ_ERR_STATE != -18 || \
    HEXZ_ERR_INTERNAL != -19 || \
    HEXZ_ERR_IO != -20 || \
    HEXZ_ERR_NOT_ENCRYPTED != -21 || \
    HEXZ_ERR_AGAIN != -22 || \
    HEXZ_BUILD_ENCRYPT != 1 || \
    HEXZ_BUILD_CDC != 2 || \
    HEXZ_BUILD_OVERWRITE != 4 || \
    HEXZ_BUILD_NO_SYNC != 8 || \
    HEXZ_BUILD_ALLOW_BACKING != 16 || \
    HEXZ_BUILD_FORCE_SHARE != 32 || \
    HEXZ_BUILD_ALLOW_CHANGE != 64 || \
    HEXZ_BUILD_FOLD != 128 || \
    HEXZ_EXTRACT_OVERWRITE != 1 || \
    HEXZ_EXTRACT_NO_SYNC != 2 || \
    HEXZ_EXTRACT_IN_PLACE != 4 || \
    HEXZ_EXTRACT_FORCE_SHARE != 8 || \
    HEXZ_OPEN_ALLOW_PLAIN != 1 || \
    HEXZ_OPEN_NO_HINTS != 2 || \
    HEXZ_PROFILE_REFERENCES != 1 || \
    HEXZ_PROFILE_FLOAT != 2 || \
    HEXZ_SOURCE_CONCURRENT != 1 || \
    HEXZ_FORMAT_AUTO != 0 || \
    HEXZ_FORMAT_RAW != 1 || \
    HEXZ_FORMAT_QCOW2 != 2 || \
    HEXZ_STREAM_DISK != 1 || \
    HEXZ_STREAM_MEMORY != 2 || \
    HEXZ_STREAM_BLOB != 3 || \
    HEXZ_COMPRESSION_NONE != 0 || \
    HEXZ_COMPRESSION_LZ4 != 1 || \
    HEXZ_COMPRESSION_ZSTD != 2 || \
    HEXZ_EXTENT_DATA != 1 || \
    HEXZ_EXTENT_ZERO != 2 || \
    HEXZ_EXTENT_PARENT != 3 || \
    HEXZ_EXTENT_SAME != 4 || \
    HEXZ_PASSWORD_CREATE != 1 || \
    HEXZ_PASSWORD_OPEN != 2 || \
    HEXZ_PASSWORD_PARENT != 3 || \
    HEXZ_PHASE_TRAIN != 1 || \
    HEXZ_PHASE_PACK != 2 || \
    HEXZ_PHASE_SYNC != 3 || \
    HEXZ_PHASE_VERIFY != 4 || \
    HEXZ_PHASE_EXTRACT != 5 || \
    HEXZ_REKEY_ADD != 1 || \
    HEXZ_REKEY_REPLACE != 2 || \
    HEXZ_REKEY_REMOVE != 3 || \
    HEXZ_LIVE_TRACK != 1 || \
    HEXZ_PAGER_UFFD != 1
#error "a constant has another value"
#endif

#define SAME(a, b) std::is_same<a, b>::value
#define FUNCTION(name, ...) static_assert(SAME(decltype(&name), __VA_ARGS__), #name)
#define FIELD(type, field, at, ...)                                               \
    static_assert(SAME(decltype(type::field), __VA_ARGS__), #type "." #field);    \
    static_assert(offsetof(type, field) == (at), "offset of " #type "." #field)
// A struct is plain data, as long as it was or longer, and without a hole at
// its end: its last field ends where it does.
#define STRUCT(type, first_size, last)                                                          \
    static_assert(std::is_trivial<type>::value && std::is_standard_layout<type>::value, #type); \
    static_assert(sizeof(type) >= (first_size), "size of " #type);                              \
    static_assert(sizeof(type) == offsetof(type, last) + sizeof(type::last), "end of " #type);  \
    static_assert(alignof(type) == alignof(std::size_t), "alignment of " #type)

static_assert(sizeof(void *) == 8 && sizeof(std::size_t) == 8, "the offsets here are those of 64 bits");

static_assert(SAME(hexz_status, int32_t), "hexz_status");
static_assert(SAME(hexz_progress_fn, int32_t (*)(void *, const hexz_progress *)), "hexz_progress_fn");
static_assert(SAME(hexz_password_fn, int32_t (*)(void *, const hexz_password_request *, char *, size_t, size_t *)),
              "hexz_password_fn");
static_assert(SAME(hexz_ancestor_fn, int32_t (*)(void *, hexz_ancestor *)), "hexz_ancestor_fn");

FIELD(hexz_profile, struct_size, 0, size_t);
FIELD(hexz_profile, compression, 8, uint32_t);
FIELD(hexz_profile, level, 12, int32_t);
FIELD(hexz_profile, block_size, 16, uint32_t);
FIELD(hexz_profile, dictionary, 20, uint32_t);
FIELD(hexz_profile, cdc_min, 24, uint32_t);
FIELD(hexz_profile, cdc_avg, 28, uint32_t);
FIELD(hexz_profile, cdc_max, 32, uint32_t);
FIELD(hexz_profile, features, 36, uint32_t);
STRUCT(hexz_profile, 40, features);

FIELD(hexz_progress, struct_size, 0, size_t);
FIELD(hexz_progress, phase, 8, uint32_t);
FIELD(hexz_progress, reserved, 12, uint32_t);
FIELD(hexz_progress, done, 16, uint64_t);
FIELD(hexz_progress, total, 24, uint64_t);
FIELD(hexz_progress, stored, 32, uint64_t);
STRUCT(hexz_progress, 40, stored);

FIELD(hexz_password_request, struct_size, 0, size_t);
FIELD(hexz_password_request, purpose, 8, uint32_t);
FIELD(hexz_password_request, attempt, 12, uint32_t);
FIELD(hexz_password_request, path, 16, const char *);
STRUCT(hexz_password_request, 24, path);

FIELD(hexz_source, struct_size, 0, size_t);
FIELD(hexz_source, user_data, 8, void *);
FIELD(hexz_source, size, 16, uint64_t);
FIELD(hexz_source, flags, 24, uint64_t);
FIELD(hexz_source, read_at, 32, int32_t (*)(void *, uint64_t, void *, size_t));
FIELD(hexz_source, extent_at, 40, int32_t (*)(void *, uint64_t, uint64_t *, uint32_t *));
STRUCT(hexz_source, 48, extent_at);

FIELD(hexz_stream, struct_size, 0, size_t);
FIELD(hexz_stream, name, 8, const char *);
FIELD(hexz_stream, kind, 16, uint32_t);
FIELD(hexz_stream, format, 20, uint32_t);
FIELD(hexz_stream, path, 24, const char *);
FIELD(hexz_stream, source, 32, const hexz_source *);
FIELD(hexz_stream, snapshot, 40, const hexz_snapshot *);
FIELD(hexz_stream, live, 48, const hexz_live *);
FIELD(hexz_stream, snapshot_stream, 56, uint32_t);
FIELD(hexz_stream, reserved, 60, uint32_t);
STRUCT(hexz_stream, 40, reserved);

FIELD(hexz_sink, struct_size, 0, size_t);
FIELD(hexz_sink, user_data, 8, void *);
FIELD(hexz_sink, write, 16, int32_t (*)(void *, const void *, size_t));
FIELD(hexz_sink, write_zeroes, 24, int32_t (*)(void *, uint64_t));
FIELD(hexz_sink, commit, 32, int32_t (*)(void *));
FIELD(hexz_sink, abort, 40, void (*)(void *));
STRUCT(hexz_sink, 48, abort);

FIELD(hexz_storage, struct_size, 0, size_t);
FIELD(hexz_storage, user_data, 8, void *);
FIELD(hexz_storage, size, 16, uint64_t);
FIELD(hexz_storage, flags, 24, uint64_t);
FIELD(hexz_storage, read_at, 32, int32_t (*)(void *, uint64_t, void *, size_t));
FIELD(hexz_storage, release, 40, void (*)(void *));
STRUCT(hexz_storage, 48, release);

FIELD(hexz_build_report, struct_size, 0, size_t);
FIELD(hexz_build_report, reserved, 8, uintptr_t);
FIELD(hexz_build_report, bytes_read, 16, uint64_t);
FIELD(hexz_build_report, bytes_zero, 24, uint64_t);
FIELD(hexz_build_report, bytes_duplicate, 32, uint64_t);
FIELD(hexz_build_report, bytes_inherited, 40, uint64_t);
FIELD(hexz_build_report, bytes_unique, 48, uint64_t);
FIELD(hexz_build_report, bytes_stored, 56, uint64_t);
FIELD(hexz_build_report, bytes_dead, 64, uint64_t);
FIELD(hexz_build_report, blocks, 72, uint64_t);
FIELD(hexz_build_report, file_size, 80, uint64_t);
FIELD(hexz_build_report, root, 88, uint8_t[32]);
FIELD(hexz_build_report, read_ns, 120, uint64_t);
FIELD(hexz_build_report, hash_ns, 128, uint64_t);
FIELD(hexz_build_report, compress_ns, 136, uint64_t);
FIELD(hexz_build_report, seal_ns, 144, uint64_t);
FIELD(hexz_build_report, write_ns, 152, uint64_t);
FIELD(hexz_build_report, sync_ns, 160, uint64_t);
FIELD(hexz_build_report, total_ns, 168, uint64_t);
STRUCT(hexz_build_report, 176, total_ns);

FIELD(hexz_build_opts, struct_size, 0, size_t);
FIELD(hexz_build_opts, reserved, 8, uintptr_t);
FIELD(hexz_build_opts, flags, 16, uint64_t);
FIELD(hexz_build_opts, source, 24, const char *);
FIELD(hexz_build_opts, memory, 32, const char *);
FIELD(hexz_build_opts, output, 40, const char *);
FIELD(hexz_build_opts, profile, 48, const char *);
FIELD(hexz_build_opts, source_format, 56, uint32_t);
FIELD(hexz_build_opts, threads, 60, uint32_t);
FIELD(hexz_build_opts, custom, 64, const hexz_profile *);
FIELD(hexz_build_opts, password, 72, hexz_password_fn);
FIELD(hexz_build_opts, password_data, 80, void *);
FIELD(hexz_build_opts, progress, 88, hexz_progress_fn);
FIELD(hexz_build_opts, progress_data, 96, void *);
FIELD(hexz_build_opts, cancel, 104, const hexz_cancel *);
FIELD(hexz_build_opts, parent, 112, const char *);
FIELD(hexz_build_opts, parent_snapshot, 120, const hexz_snapshot *);
FIELD(hexz_build_opts, streams, 128, const hexz_stream *const *);
FIELD(hexz_build_opts, stream_count, 136, size_t);
FIELD(hexz_build_opts, sink, 144, const hexz_sink *);
FIELD(hexz_build_opts, report, 152, hexz_build_report *);
FIELD(hexz_build_opts, memory_limit, 160, uint64_t);
FIELD(hexz_build_opts, kdf_memory_kib, 168, uint32_t);
FIELD(hexz_build_opts, kdf_passes, 172, uint32_t);
FIELD(hexz_build_opts, kdf_lanes, 176, uint32_t);
FIELD(hexz_build_opts, reserved2, 180, uint32_t);
FIELD(hexz_build_opts, bases, 184, const hexz_snapshot *const *);
FIELD(hexz_build_opts, base_count, 192, size_t);
FIELD(hexz_build_opts, spill, 200, const char *);
STRUCT(hexz_build_opts, 184, spill);

FIELD(hexz_ancestor, struct_size, 0, size_t);
FIELD(hexz_ancestor, root, 8, const uint8_t *);
FIELD(hexz_ancestor, hint, 16, const char *);
FIELD(hexz_ancestor, path, 24, const char *);
FIELD(hexz_ancestor, storage, 32, const hexz_storage *);
FIELD(hexz_ancestor, snapshot, 40, const hexz_snapshot *);
STRUCT(hexz_ancestor, 48, snapshot);

FIELD(hexz_open_opts, struct_size, 0, size_t);
FIELD(hexz_open_opts, reserved, 8, uintptr_t);
FIELD(hexz_open_opts, flags, 16, uint64_t);
FIELD(hexz_open_opts, cache_size, 24, uint64_t);
FIELD(hexz_open_opts, path, 32, const char *);
FIELD(hexz_open_opts, storage, 40, const hexz_storage *);
FIELD(hexz_open_opts, password, 48, hexz_password_fn);
FIELD(hexz_open_opts, password_data, 56, void *);
FIELD(hexz_open_opts, parent, 64, const char *);
FIELD(hexz_open_opts, parent_snapshot, 72, const hexz_snapshot *);
FIELD(hexz_open_opts, expect_root, 80, const uint8_t *);
FIELD(hexz_open_opts, cancel, 88, const hexz_cancel *);
FIELD(hexz_open_opts, ancestor, 96, hexz_ancestor_fn);
FIELD(hexz_open_opts, ancestor_data, 104, void *);
FIELD(hexz_open_opts, kdf_memory_max_kib, 112, uint32_t);
FIELD(hexz_open_opts, reserved2, 116, uint32_t);
STRUCT(hexz_open_opts, 96, reserved2);

FIELD(hexz_info, struct_size, 0, size_t);
FIELD(hexz_info, reserved, 8, uintptr_t);
FIELD(hexz_info, root, 16, uint8_t[32]);
FIELD(hexz_info, parent_root, 48, uint8_t[32]);
FIELD(hexz_info, format_version, 80, uint32_t);
FIELD(hexz_info, stream_count, 84, uint32_t);
FIELD(hexz_info, encrypted, 88, uint32_t);
FIELD(hexz_info, cdc, 92, uint32_t);
FIELD(hexz_info, compression, 96, uint32_t);
FIELD(hexz_info, level, 100, int32_t);
FIELD(hexz_info, block_size, 104, uint32_t);
FIELD(hexz_info, dictionary_size, 108, uint32_t);
FIELD(hexz_info, file_size, 112, uint64_t);
FIELD(hexz_info, logical_size, 120, uint64_t);
FIELD(hexz_info, blocks, 128, uint64_t);
FIELD(hexz_info, ancestor_count, 136, uint32_t);
FIELD(hexz_info, reserved2, 140, uint32_t);
STRUCT(hexz_info, 136, reserved2);

FIELD(hexz_ancestor_info, struct_size, 0, size_t);
FIELD(hexz_ancestor_info, root, 8, uint8_t[32]);
FIELD(hexz_ancestor_info, hint, 40, char[256]);
FIELD(hexz_ancestor_info, bytes_inherited, 296, uint64_t);
FIELD(hexz_ancestor_info, file_size, 304, uint64_t);
STRUCT(hexz_ancestor_info, 312, file_size);

FIELD(hexz_stream_info, struct_size, 0, size_t);
FIELD(hexz_stream_info, name, 8, char[64]);
FIELD(hexz_stream_info, kind, 72, uint32_t);
FIELD(hexz_stream_info, reserved, 76, uint32_t);
FIELD(hexz_stream_info, size, 80, uint64_t);
FIELD(hexz_stream_info, data_size, 88, uint64_t);
FIELD(hexz_stream_info, zero_size, 96, uint64_t);
FIELD(hexz_stream_info, stored_size, 104, uint64_t);
STRUCT(hexz_stream_info, 112, stored_size);

FIELD(hexz_extent, struct_size, 0, size_t);
FIELD(hexz_extent, kind, 8, uint32_t);
FIELD(hexz_extent, reserved, 12, uint32_t);
FIELD(hexz_extent, offset, 16, uint64_t);
FIELD(hexz_extent, len, 24, uint64_t);
STRUCT(hexz_extent, 32, len);

FIELD(hexz_verify_report, struct_size, 0, size_t);
FIELD(hexz_verify_report, bad_stream, 8, uint32_t);
FIELD(hexz_verify_report, reserved, 12, uint32_t);
FIELD(hexz_verify_report, bad_offset, 16, uint64_t);
FIELD(hexz_verify_report, blocks_checked, 24, uint64_t);
FIELD(hexz_verify_report, blocks_bad, 32, uint64_t);
STRUCT(hexz_verify_report, 40, blocks_bad);

FIELD(hexz_verify_opts, struct_size, 0, size_t);
FIELD(hexz_verify_opts, threads, 8, uint32_t);
FIELD(hexz_verify_opts, reserved, 12, uint32_t);
FIELD(hexz_verify_opts, progress, 16, hexz_progress_fn);
FIELD(hexz_verify_opts, progress_data, 24, void *);
FIELD(hexz_verify_opts, cancel, 32, const hexz_cancel *);
FIELD(hexz_verify_opts, report, 40, hexz_verify_report *);
STRUCT(hexz_verify_opts, 48, report);

FIELD(hexz_extract_opts, struct_size, 0, size_t);
FIELD(hexz_extract_opts, reserved, 8, uintptr_t);
FIELD(hexz_extract_opts, flags, 16, uint64_t);
FIELD(hexz_extract_opts, stream, 24, uint32_t);
FIELD(hexz_extract_opts, threads, 28, uint32_t);
FIELD(hexz_extract_opts, output, 32, const char *);
FIELD(hexz_extract_opts, sink, 40, const hexz_sink *);
FIELD(hexz_extract_opts, progress, 48, hexz_progress_fn);
FIELD(hexz_extract_opts, progress_data, 56, void *);
FIELD(hexz_extract_opts, cancel, 64, const hexz_cancel *);
FIELD(hexz_extract_opts, reserved2, 72, uintptr_t);
STRUCT(hexz_extract_opts, 80, reserved2);

FIELD(hexz_rekey_opts, struct_size, 0, size_t);
FIELD(hexz_rekey_opts, path, 8, const char *);
FIELD(hexz_rekey_opts, flags, 16, uint64_t);
FIELD(hexz_rekey_opts, operation, 24, uint32_t);
FIELD(hexz_rekey_opts, kdf_memory_kib, 28, uint32_t);
FIELD(hexz_rekey_opts, kdf_passes, 32, uint32_t);
FIELD(hexz_rekey_opts, kdf_lanes, 36, uint32_t);
FIELD(hexz_rekey_opts, password, 40, hexz_password_fn);
FIELD(hexz_rekey_opts, password_data, 48, void *);
FIELD(hexz_rekey_opts, cancel, 56, const hexz_cancel *);
FIELD(hexz_rekey_opts, kdf_memory_max_kib, 64, uint32_t);
FIELD(hexz_rekey_opts, reserved, 68, uint32_t);
STRUCT(hexz_rekey_opts, 56, reserved);

FIELD(hexz_ram, struct_size, 0, size_t);
FIELD(hexz_ram, addr, 8, void *);
FIELD(hexz_ram, len, 16, uint64_t);
FIELD(hexz_ram, offset, 24, uint64_t);
FIELD(hexz_ram, page_size, 32, uint32_t);
FIELD(hexz_ram, reserved, 36, uint32_t);
STRUCT(hexz_ram, 40, reserved);

FIELD(hexz_live_opts, struct_size, 0, size_t);
FIELD(hexz_live_opts, flags, 8, uint64_t);
FIELD(hexz_live_opts, regions, 16, const hexz_ram *const *);
FIELD(hexz_live_opts, region_count, 24, size_t);
FIELD(hexz_live_opts, size, 32, uint64_t);
FIELD(hexz_live_opts, memory_limit, 40, uint64_t);
FIELD(hexz_live_opts, spill, 48, const char *);
STRUCT(hexz_live_opts, 56, spill);

FIELD(hexz_live_stats, struct_size, 0, size_t);
FIELD(hexz_live_stats, reserved, 8, uintptr_t);
FIELD(hexz_live_stats, freezes, 16, uint64_t);
FIELD(hexz_live_stats, freeze_ns, 24, uint64_t);
FIELD(hexz_live_stats, faults, 32, uint64_t);
FIELD(hexz_live_stats, fault_ns_max, 40, uint64_t);
FIELD(hexz_live_stats, bytes_saved, 48, uint64_t);
FIELD(hexz_live_stats, bytes_spilled, 56, uint64_t);
FIELD(hexz_live_stats, bytes_changed, 64, uint64_t);
STRUCT(hexz_live_stats, 72, bytes_changed);

FIELD(hexz_pager_opts, struct_size, 0, size_t);
FIELD(hexz_pager_opts, flags, 8, uint64_t);
FIELD(hexz_pager_opts, regions, 16, const hexz_ram *const *);
FIELD(hexz_pager_opts, region_count, 24, size_t);
FIELD(hexz_pager_opts, stream, 32, uint32_t);
FIELD(hexz_pager_opts, uffd, 36, int32_t);
FIELD(hexz_pager_opts, threads, 40, uint32_t);
FIELD(hexz_pager_opts, reserved, 44, uint32_t);
FIELD(hexz_pager_opts, trace, 48, const void *);
FIELD(hexz_pager_opts, trace_len, 56, size_t);
FIELD(hexz_pager_opts, failed, 64, void (*)(void *, uint64_t, hexz_status));
FIELD(hexz_pager_opts, failed_data, 72, void *);
STRUCT(hexz_pager_opts, 80, failed_data);

FIELD(hexz_pager_stats, struct_size, 0, size_t);
FIELD(hexz_pager_stats, reserved, 8, uintptr_t);
FIELD(hexz_pager_stats, faults, 16, uint64_t);
FIELD(hexz_pager_stats, fault_ns_max, 24, uint64_t);
FIELD(hexz_pager_stats, bytes_faulted, 32, uint64_t);
FIELD(hexz_pager_stats, bytes_prefetched, 40, uint64_t);
FIELD(hexz_pager_stats, bytes_left, 48, uint64_t);
FIELD(hexz_pager_stats, failures, 56, uint64_t);
STRUCT(hexz_pager_stats, 64, failures);

FUNCTION(hexz_version, uint32_t (*)());
FUNCTION(hexz_version_string, const char *(*)());
FUNCTION(hexz_status_name, const char *(*)(hexz_status));
FUNCTION(hexz_last_error, const char *(*)());
FUNCTION(hexz_last_errno, int32_t (*)());
FUNCTION(hexz_last_callback_code, int32_t (*)());
FUNCTION(hexz_profile_resolve, hexz_status (*)(const char *, hexz_profile *));
FUNCTION(hexz_profile_name, const char *(*)(size_t));
FUNCTION(hexz_cancel_new, hexz_status (*)(hexz_cancel **));
FUNCTION(hexz_cancel_trigger, void (*)(const hexz_cancel *));
FUNCTION(hexz_cancel_free, void (*)(hexz_cancel *));
FUNCTION(hexz_build, hexz_status (*)(const hexz_build_opts *));
FUNCTION(hexz_builder_new, hexz_status (*)(const hexz_build_opts *, hexz_builder **));
FUNCTION(hexz_builder_stream, hexz_status (*)(hexz_builder *, const char *, uint32_t, uint64_t, uint32_t *));
FUNCTION(hexz_builder_write, hexz_status (*)(hexz_builder *, uint32_t, uint64_t, const void *, size_t));
FUNCTION(hexz_builder_try_write, hexz_status (*)(hexz_builder *, uint32_t, uint64_t, const void *, size_t));
FUNCTION(hexz_builder_ready_fd, hexz_status (*)(const hexz_builder *, int32_t *));
FUNCTION(hexz_builder_zero, hexz_status (*)(hexz_builder *, uint32_t, uint64_t, uint64_t));
FUNCTION(hexz_builder_inherit, hexz_status (*)(hexz_builder *, uint32_t, uint64_t, uint64_t));
FUNCTION(hexz_builder_finish, hexz_status (*)(hexz_builder *, hexz_build_report *));
FUNCTION(hexz_builder_free, void (*)(hexz_builder *));
FUNCTION(hexz_snapshot_open, hexz_status (*)(const hexz_open_opts *, hexz_snapshot **));
FUNCTION(hexz_snapshot_close, void (*)(hexz_snapshot *));
FUNCTION(hexz_snapshot_info, hexz_status (*)(const hexz_snapshot *, hexz_info *));
FUNCTION(hexz_snapshot_stream, hexz_status (*)(const hexz_snapshot *, uint32_t, hexz_stream_info *));
FUNCTION(hexz_snapshot_ancestor, hexz_status (*)(const hexz_snapshot *, uint32_t, hexz_ancestor_info *));
FUNCTION(hexz_snapshot_find, hexz_status (*)(const hexz_snapshot *, const char *, uint32_t *));
FUNCTION(hexz_snapshot_read, hexz_status (*)(const hexz_snapshot *, uint32_t, uint64_t, void *, size_t));
FUNCTION(hexz_snapshot_extent, hexz_status (*)(const hexz_snapshot *, uint32_t, uint64_t, hexz_extent *));
FUNCTION(hexz_snapshot_diff, hexz_status (*)(const hexz_snapshot *, uint32_t, const hexz_snapshot *, uint32_t, uint64_t, hexz_extent *));
FUNCTION(hexz_snapshot_verify, hexz_status (*)(const hexz_snapshot *, const hexz_verify_opts *));
FUNCTION(hexz_snapshot_extract, hexz_status (*)(const hexz_snapshot *, const hexz_extract_opts *));
FUNCTION(hexz_snapshot_rekey, hexz_status (*)(const hexz_rekey_opts *));
FUNCTION(hexz_live_new, hexz_status (*)(const hexz_live_opts *, hexz_live **));
FUNCTION(hexz_live_freeze, hexz_status (*)(hexz_live *));
FUNCTION(hexz_live_thaw, hexz_status (*)(hexz_live *));
FUNCTION(hexz_live_changed, hexz_status (*)(hexz_live *, uint64_t, uint64_t));
FUNCTION(hexz_live_discard, hexz_status (*)(hexz_live *, uint64_t, uint64_t));
FUNCTION(hexz_live_stats_get, hexz_status (*)(const hexz_live *, hexz_live_stats *));
FUNCTION(hexz_live_free, void (*)(hexz_live *));
FUNCTION(hexz_pager_new, hexz_status (*)(const hexz_snapshot *, const hexz_pager_opts *, hexz_pager **));
FUNCTION(hexz_pager_fill, hexz_status (*)(hexz_pager *, hexz_progress_fn, void *, const hexz_cancel *));
FUNCTION(hexz_pager_trace, hexz_status (*)(const hexz_pager *, void *, size_t, size_t *));
FUNCTION(hexz_pager_stats_get, hexz_status (*)(const hexz_pager *, hexz_pager_stats *));
FUNCTION(hexz_pager_free, void (*)(hexz_pager *));
