//! hexz.h in Zig, by hand and with its own names; its comments are the manual. The tests have a C
//! compiler compare every constant, field and function here with the header.

pub const HEXZ_VERSION_MAJOR: u32 = 0;
pub const HEXZ_VERSION_MINOR: u32 = 1;
pub const HEXZ_VERSION_PATCH: u32 = 0;

// hexz_status
pub const HEXZ_OK: i32 = 0;
pub const HEXZ_ERR_INVALID_ARGUMENT: i32 = -1;
pub const HEXZ_ERR_UNKNOWN_PROFILE: i32 = -2;
pub const HEXZ_ERR_SOURCE: i32 = -3;
pub const HEXZ_ERR_OUTPUT: i32 = -4;
pub const HEXZ_ERR_EXISTS: i32 = -5;
pub const HEXZ_ERR_PASSWORD_REQUIRED: i32 = -6;
pub const HEXZ_ERR_INVALID_PASSWORD: i32 = -7;
pub const HEXZ_ERR_WRONG_PASSWORD: i32 = -8;
pub const HEXZ_ERR_NOT_SNAPSHOT: i32 = -9;
pub const HEXZ_ERR_UNSUPPORTED: i32 = -10;
pub const HEXZ_ERR_CORRUPT: i32 = -11;
pub const HEXZ_ERR_OUT_OF_RANGE: i32 = -12;
pub const HEXZ_ERR_NO_STREAM: i32 = -13;
pub const HEXZ_ERR_PARENT: i32 = -14;
pub const HEXZ_ERR_CANCELLED: i32 = -15;
pub const HEXZ_ERR_CALLBACK: i32 = -16;
pub const HEXZ_ERR_NO_MEMORY: i32 = -17;
pub const HEXZ_ERR_STATE: i32 = -18;
pub const HEXZ_ERR_INTERNAL: i32 = -19;
pub const HEXZ_ERR_IO: i32 = -20;
pub const HEXZ_ERR_NOT_ENCRYPTED: i32 = -21;
pub const HEXZ_ERR_AGAIN: i32 = -22;

// hexz_build_opts.flags
pub const HEXZ_BUILD_ENCRYPT: u64 = 1;
pub const HEXZ_BUILD_CDC: u64 = 2;
pub const HEXZ_BUILD_OVERWRITE: u64 = 4;
pub const HEXZ_BUILD_NO_SYNC: u64 = 8;
pub const HEXZ_BUILD_ALLOW_BACKING: u64 = 16;
pub const HEXZ_BUILD_FORCE_SHARE: u64 = 32;
pub const HEXZ_BUILD_ALLOW_CHANGE: u64 = 64;
pub const HEXZ_BUILD_FOLD: u64 = 128;

// hexz_extract_opts.flags
pub const HEXZ_EXTRACT_OVERWRITE: u64 = 1;
pub const HEXZ_EXTRACT_NO_SYNC: u64 = 2;
pub const HEXZ_EXTRACT_IN_PLACE: u64 = 4;
pub const HEXZ_EXTRACT_FORCE_SHARE: u64 = 8;

// hexz_open_opts.flags
pub const HEXZ_OPEN_ALLOW_PLAIN: u64 = 1;
pub const HEXZ_OPEN_NO_HINTS: u64 = 2;

// hexz_profile.features
pub const HEXZ_PROFILE_REFERENCES: u32 = 1;
pub const HEXZ_PROFILE_FLOAT: u32 = 2;

// hexz_source.flags, hexz_storage.flags
pub const HEXZ_SOURCE_CONCURRENT: u64 = 1;

// hexz_build_opts.source_format, hexz_stream.format
pub const HEXZ_FORMAT_AUTO: u32 = 0;
pub const HEXZ_FORMAT_RAW: u32 = 1;
pub const HEXZ_FORMAT_QCOW2: u32 = 2;

// hexz_stream.kind, hexz_stream_info.kind
pub const HEXZ_STREAM_DISK: u32 = 1;
pub const HEXZ_STREAM_MEMORY: u32 = 2;
pub const HEXZ_STREAM_BLOB: u32 = 3;

// hexz_profile.compression, hexz_info.compression
pub const HEXZ_COMPRESSION_NONE: u32 = 0;
pub const HEXZ_COMPRESSION_LZ4: u32 = 1;
pub const HEXZ_COMPRESSION_ZSTD: u32 = 2;

// hexz_extent.kind, hexz_source.extent_at
pub const HEXZ_EXTENT_DATA: u32 = 1;
pub const HEXZ_EXTENT_ZERO: u32 = 2;
pub const HEXZ_EXTENT_PARENT: u32 = 3;
pub const HEXZ_EXTENT_SAME: u32 = 4;

// hexz_password_request.purpose
pub const HEXZ_PASSWORD_CREATE: u32 = 1;
pub const HEXZ_PASSWORD_OPEN: u32 = 2;
pub const HEXZ_PASSWORD_PARENT: u32 = 3;

// hexz_progress.phase
pub const HEXZ_PHASE_TRAIN: u32 = 1;
pub const HEXZ_PHASE_PACK: u32 = 2;
pub const HEXZ_PHASE_SYNC: u32 = 3;
pub const HEXZ_PHASE_VERIFY: u32 = 4;
pub const HEXZ_PHASE_EXTRACT: u32 = 5;

// hexz_rekey_opts.operation
pub const HEXZ_REKEY_ADD: u32 = 1;
pub const HEXZ_REKEY_REPLACE: u32 = 2;
pub const HEXZ_REKEY_REMOVE: u32 = 3;

// hexz_live_opts.flags
pub const HEXZ_LIVE_TRACK: u64 = 1;

// hexz_pager_opts.flags
pub const HEXZ_PAGER_UFFD: u64 = 1;

pub const hexz_builder = opaque {};
pub const hexz_cancel = opaque {};
pub const hexz_live = opaque {};
pub const hexz_pager = opaque {};
pub const hexz_snapshot = opaque {};
pub const hexz_status = i32;
pub const hexz_profile = extern struct {
    struct_size: usize = 0,
    compression: u32 = 0,
    level: i32 = 0,
    block_size: u32 = 0,
    dictionary: u32 = 0,
    cdc_min: u32 = 0,
    cdc_avg: u32 = 0,
    cdc_max: u32 = 0,
    features: u32 = 0,
};

pub const hexz_password_request = extern struct {
    struct_size: usize = 0,
    purpose: u32 = 0,
    attempt: u32 = 0,
    path: ?[*:0]const u8 = null,
};

pub const hexz_password_fn = ?*const fn (user_data: ?*anyopaque, request: *const hexz_password_request, buf: [*]u8, capacity: usize, len: *usize) callconv(.c) i32;
pub const hexz_progress = extern struct {
    struct_size: usize = 0,
    phase: u32 = 0,
    reserved: u32 = 0,
    done: u64 = 0,
    total: u64 = 0,
    stored: u64 = 0,
};

pub const hexz_progress_fn = ?*const fn (user_data: ?*anyopaque, progress: *const hexz_progress) callconv(.c) i32;
pub const hexz_source = extern struct {
    struct_size: usize = 0,
    user_data: ?*anyopaque = null,
    size: u64 = 0,
    flags: u64 = 0,
    read_at: ?*const fn (user_data: ?*anyopaque, offset: u64, buf: ?*anyopaque, len: usize) callconv(.c) i32 = null,
    extent_at: ?*const fn (user_data: ?*anyopaque, offset: u64, len: *u64, kind: *u32) callconv(.c) i32 = null,
};

pub const hexz_stream = extern struct {
    struct_size: usize = 0,
    name: ?[*:0]const u8 = null,
    kind: u32 = 0,
    format: u32 = 0,
    path: ?[*:0]const u8 = null,
    source: ?*const hexz_source = null,
    snapshot: ?*const hexz_snapshot = null,
    live: ?*const hexz_live = null,
    snapshot_stream: u32 = 0,
    reserved: u32 = 0,
};

pub const hexz_sink = extern struct {
    struct_size: usize = 0,
    user_data: ?*anyopaque = null,
    write: ?*const fn (user_data: ?*anyopaque, buf: ?*const anyopaque, len: usize) callconv(.c) i32 = null,
    write_zeroes: ?*const fn (user_data: ?*anyopaque, len: u64) callconv(.c) i32 = null,
    commit: ?*const fn (user_data: ?*anyopaque) callconv(.c) i32 = null,
    abort: ?*const fn (user_data: ?*anyopaque) callconv(.c) void = null,
};

pub const hexz_build_report = extern struct {
    struct_size: usize = 0,
    reserved: usize = 0,
    bytes_read: u64 = 0,
    bytes_zero: u64 = 0,
    bytes_duplicate: u64 = 0,
    bytes_inherited: u64 = 0,
    bytes_unique: u64 = 0,
    bytes_stored: u64 = 0,
    bytes_dead: u64 = 0,
    blocks: u64 = 0,
    file_size: u64 = 0,
    root: [32]u8 = @splat(0),
    read_ns: u64 = 0,
    hash_ns: u64 = 0,
    compress_ns: u64 = 0,
    seal_ns: u64 = 0,
    write_ns: u64 = 0,
    sync_ns: u64 = 0,
    total_ns: u64 = 0,
};

pub const hexz_build_opts = extern struct {
    struct_size: usize = 0,
    reserved: usize = 0,
    flags: u64 = 0,
    source: ?[*:0]const u8 = null,
    memory: ?[*:0]const u8 = null,
    output: ?[*:0]const u8 = null,
    profile: ?[*:0]const u8 = null,
    source_format: u32 = 0,
    threads: u32 = 0,
    custom: ?*const hexz_profile = null,
    password: hexz_password_fn = null,
    password_data: ?*anyopaque = null,
    progress: hexz_progress_fn = null,
    progress_data: ?*anyopaque = null,
    cancel: ?*const hexz_cancel = null,
    parent: ?[*:0]const u8 = null,
    parent_snapshot: ?*const hexz_snapshot = null,
    streams: ?[*]const *const hexz_stream = null,
    stream_count: usize = 0,
    sink: ?*const hexz_sink = null,
    report: ?*hexz_build_report = null,
    memory_limit: u64 = 0,
    kdf_memory_kib: u32 = 0,
    kdf_passes: u32 = 0,
    kdf_lanes: u32 = 0,
    reserved2: u32 = 0,
    bases: ?[*]const *const hexz_snapshot = null,
    base_count: usize = 0,
    spill: ?[*:0]const u8 = null,
};

pub const hexz_storage = extern struct {
    struct_size: usize = 0,
    user_data: ?*anyopaque = null,
    size: u64 = 0,
    flags: u64 = 0,
    read_at: ?*const fn (user_data: ?*anyopaque, offset: u64, buf: ?*anyopaque, len: usize) callconv(.c) i32 = null,
    release: ?*const fn (user_data: ?*anyopaque) callconv(.c) void = null,
};

pub const hexz_ancestor = extern struct {
    struct_size: usize = 0,
    root: ?*const [32]u8 = null,
    hint: ?[*:0]const u8 = null,
    path: ?[*:0]const u8 = null,
    storage: ?*const hexz_storage = null,
    snapshot: ?*const hexz_snapshot = null,
};

pub const hexz_ancestor_fn = ?*const fn (user_data: ?*anyopaque, ancestor: *hexz_ancestor) callconv(.c) i32;
pub const hexz_open_opts = extern struct {
    struct_size: usize = 0,
    reserved: usize = 0,
    flags: u64 = 0,
    cache_size: u64 = 0,
    path: ?[*:0]const u8 = null,
    storage: ?*const hexz_storage = null,
    password: hexz_password_fn = null,
    password_data: ?*anyopaque = null,
    parent: ?[*:0]const u8 = null,
    parent_snapshot: ?*const hexz_snapshot = null,
    expect_root: ?*const [32]u8 = null,
    cancel: ?*const hexz_cancel = null,
    ancestor: hexz_ancestor_fn = null,
    ancestor_data: ?*anyopaque = null,
    kdf_memory_max_kib: u32 = 0,
    reserved2: u32 = 0,
};

pub const hexz_info = extern struct {
    struct_size: usize = 0,
    reserved: usize = 0,
    root: [32]u8 = @splat(0),
    parent_root: [32]u8 = @splat(0),
    format_version: u32 = 0,
    stream_count: u32 = 0,
    encrypted: u32 = 0,
    cdc: u32 = 0,
    compression: u32 = 0,
    level: i32 = 0,
    block_size: u32 = 0,
    dictionary_size: u32 = 0,
    file_size: u64 = 0,
    logical_size: u64 = 0,
    blocks: u64 = 0,
    ancestor_count: u32 = 0,
    reserved2: u32 = 0,
};

pub const hexz_ancestor_info = extern struct {
    struct_size: usize = 0,
    root: [32]u8 = @splat(0),
    hint: [256]u8 = @splat(0),
    bytes_inherited: u64 = 0,
    file_size: u64 = 0,
};

pub const hexz_stream_info = extern struct {
    struct_size: usize = 0,
    name: [64]u8 = @splat(0),
    kind: u32 = 0,
    reserved: u32 = 0,
    size: u64 = 0,
    data_size: u64 = 0,
    zero_size: u64 = 0,
    stored_size: u64 = 0,
};

pub const hexz_extent = extern struct {
    struct_size: usize = 0,
    kind: u32 = 0,
    reserved: u32 = 0,
    offset: u64 = 0,
    len: u64 = 0,
};

pub const hexz_verify_report = extern struct {
    struct_size: usize = 0,
    bad_stream: u32 = 0,
    reserved: u32 = 0,
    bad_offset: u64 = 0,
    blocks_checked: u64 = 0,
    blocks_bad: u64 = 0,
};

pub const hexz_verify_opts = extern struct {
    struct_size: usize = 0,
    threads: u32 = 0,
    reserved: u32 = 0,
    progress: hexz_progress_fn = null,
    progress_data: ?*anyopaque = null,
    cancel: ?*const hexz_cancel = null,
    report: ?*hexz_verify_report = null,
};

pub const hexz_extract_opts = extern struct {
    struct_size: usize = 0,
    reserved: usize = 0,
    flags: u64 = 0,
    stream: u32 = 0,
    threads: u32 = 0,
    output: ?[*:0]const u8 = null,
    sink: ?*const hexz_sink = null,
    progress: hexz_progress_fn = null,
    progress_data: ?*anyopaque = null,
    cancel: ?*const hexz_cancel = null,
    reserved2: usize = 0,
};

pub const hexz_rekey_opts = extern struct {
    struct_size: usize = 0,
    path: ?[*:0]const u8 = null,
    flags: u64 = 0,
    operation: u32 = 0,
    kdf_memory_kib: u32 = 0,
    kdf_passes: u32 = 0,
    kdf_lanes: u32 = 0,
    password: hexz_password_fn = null,
    password_data: ?*anyopaque = null,
    cancel: ?*const hexz_cancel = null,
    kdf_memory_max_kib: u32 = 0,
    reserved: u32 = 0,
};

pub const hexz_ram = extern struct {
    struct_size: usize = 0,
    addr: ?*anyopaque = null,
    len: u64 = 0,
    offset: u64 = 0,
    page_size: u32 = 0,
    reserved: u32 = 0,
};

pub const hexz_live_opts = extern struct {
    struct_size: usize = 0,
    flags: u64 = 0,
    regions: ?[*]const *const hexz_ram = null,
    region_count: usize = 0,
    size: u64 = 0,
    memory_limit: u64 = 0,
    spill: ?[*:0]const u8 = null,
};

pub const hexz_live_stats = extern struct {
    struct_size: usize = 0,
    reserved: usize = 0,
    freezes: u64 = 0,
    freeze_ns: u64 = 0,
    faults: u64 = 0,
    fault_ns_max: u64 = 0,
    bytes_saved: u64 = 0,
    bytes_spilled: u64 = 0,
    bytes_changed: u64 = 0,
};

pub const hexz_pager_opts = extern struct {
    struct_size: usize = 0,
    flags: u64 = 0,
    regions: ?[*]const *const hexz_ram = null,
    region_count: usize = 0,
    stream: u32 = 0,
    uffd: i32 = 0,
    threads: u32 = 0,
    reserved: u32 = 0,
    trace: ?*const anyopaque = null,
    trace_len: usize = 0,
    failed: ?*const fn (user_data: ?*anyopaque, offset: u64, status: hexz_status) callconv(.c) void = null,
    failed_data: ?*anyopaque = null,
};

pub const hexz_pager_stats = extern struct {
    struct_size: usize = 0,
    reserved: usize = 0,
    faults: u64 = 0,
    fault_ns_max: u64 = 0,
    bytes_faulted: u64 = 0,
    bytes_prefetched: u64 = 0,
    bytes_left: u64 = 0,
    failures: u64 = 0,
};

pub extern fn hexz_version() u32;
pub extern fn hexz_version_string() [*:0]const u8;
pub extern fn hexz_status_name(status: hexz_status) [*:0]const u8;
pub extern fn hexz_last_error() [*:0]const u8;
pub extern fn hexz_last_errno() i32;
pub extern fn hexz_last_callback_code() i32;
pub extern fn hexz_profile_resolve(name: ?[*:0]const u8, out: *hexz_profile) hexz_status;
pub extern fn hexz_profile_name(index: usize) ?[*:0]const u8;
pub extern fn hexz_cancel_new(out: *?*hexz_cancel) hexz_status;
pub extern fn hexz_cancel_trigger(cancel: ?*const hexz_cancel) void;
pub extern fn hexz_cancel_free(cancel: ?*hexz_cancel) void;
pub extern fn hexz_build(opts: *const hexz_build_opts) hexz_status;
pub extern fn hexz_builder_new(opts: *const hexz_build_opts, out: *?*hexz_builder) hexz_status;
pub extern fn hexz_builder_stream(builder: *hexz_builder, name: [*:0]const u8, kind: u32, size: u64, stream: *u32) hexz_status;
pub extern fn hexz_builder_write(builder: *hexz_builder, stream: u32, offset: u64, data: *const anyopaque, len: usize) hexz_status;
pub extern fn hexz_builder_try_write(builder: *hexz_builder, stream: u32, offset: u64, data: *const anyopaque, len: usize) hexz_status;
pub extern fn hexz_builder_ready_fd(builder: *const hexz_builder, fd: *i32) hexz_status;
pub extern fn hexz_builder_zero(builder: *hexz_builder, stream: u32, offset: u64, len: u64) hexz_status;
pub extern fn hexz_builder_inherit(builder: *hexz_builder, stream: u32, offset: u64, len: u64) hexz_status;
pub extern fn hexz_builder_finish(builder: *hexz_builder, report: ?*hexz_build_report) hexz_status;
pub extern fn hexz_builder_free(builder: ?*hexz_builder) void;
pub extern fn hexz_snapshot_open(opts: *const hexz_open_opts, out: *?*hexz_snapshot) hexz_status;
pub extern fn hexz_snapshot_close(snapshot: ?*hexz_snapshot) void;
pub extern fn hexz_snapshot_info(snapshot: *const hexz_snapshot, out: *hexz_info) hexz_status;
pub extern fn hexz_snapshot_stream(snapshot: *const hexz_snapshot, index: u32, out: *hexz_stream_info) hexz_status;
pub extern fn hexz_snapshot_ancestor(snapshot: *const hexz_snapshot, index: u32, out: *hexz_ancestor_info) hexz_status;
pub extern fn hexz_snapshot_find(snapshot: *const hexz_snapshot, name: [*:0]const u8, index: *u32) hexz_status;
pub extern fn hexz_snapshot_read(snapshot: *const hexz_snapshot, stream: u32, offset: u64, buf: *anyopaque, len: usize) hexz_status;
pub extern fn hexz_snapshot_extent(snapshot: *const hexz_snapshot, stream: u32, offset: u64, out: *hexz_extent) hexz_status;
pub extern fn hexz_snapshot_diff(from: *const hexz_snapshot, from_stream: u32, to: *const hexz_snapshot, to_stream: u32, offset: u64, out: *hexz_extent) hexz_status;
pub extern fn hexz_snapshot_verify(snapshot: *const hexz_snapshot, opts: *const hexz_verify_opts) hexz_status;
pub extern fn hexz_snapshot_extract(snapshot: *const hexz_snapshot, opts: *const hexz_extract_opts) hexz_status;
pub extern fn hexz_snapshot_rekey(opts: *const hexz_rekey_opts) hexz_status;
pub extern fn hexz_live_new(opts: *const hexz_live_opts, out: *?*hexz_live) hexz_status;
pub extern fn hexz_live_freeze(live: *hexz_live) hexz_status;
pub extern fn hexz_live_thaw(live: *hexz_live) hexz_status;
pub extern fn hexz_live_changed(live: *hexz_live, offset: u64, len: u64) hexz_status;
pub extern fn hexz_live_discard(live: *hexz_live, offset: u64, len: u64) hexz_status;
pub extern fn hexz_live_stats_get(live: *const hexz_live, out: *hexz_live_stats) hexz_status;
pub extern fn hexz_live_free(live: ?*hexz_live) void;
pub extern fn hexz_pager_new(snapshot: *const hexz_snapshot, opts: *const hexz_pager_opts, out: *?*hexz_pager) hexz_status;
pub extern fn hexz_pager_fill(pager: *hexz_pager, progress: hexz_progress_fn, progress_data: ?*anyopaque, cancel: ?*const hexz_cancel) hexz_status;
pub extern fn hexz_pager_trace(pager: *const hexz_pager, buf: ?*anyopaque, capacity: usize, len: *usize) hexz_status;
pub extern fn hexz_pager_stats_get(pager: *const hexz_pager, out: *hexz_pager_stats) hexz_status;
pub extern fn hexz_pager_free(pager: ?*hexz_pager) void;
