/* NULL for every pointer of every function: refused with a status and a text
 * where the pointer is needed, harmless where it is not, never a crash. A
 * handle that could not be made is NULL afterwards, and other results stay as
 * they were. */
#include "fixture.h"

/* Never followed: it only has to be seen replaced by NULL. */
static char junk;

static int32_t decline(void *user_data, const hexz_password_request *request, char *buf, size_t capacity, size_t *len)
{
    CHECK(user_data == NULL && request != NULL && buf != NULL && capacity > 0 && len != NULL);
    return 1;
}

static hexz_snapshot *sample(void)
{
    unsigned char data[10000];
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("disk.hxz"));
    fill_random(data, sizeof(data), 1);
    put_file(in_folder("disk.raw"), data, sizeof(data));
    CHECK_OK(hexz_build(&opts));
    return must_open(in_folder("disk.hxz"));
}

static void freeing_null(void)
{
    hexz_cancel_free(NULL);
    hexz_cancel_trigger(NULL);
    hexz_builder_free(NULL);
    hexz_snapshot_close(NULL);
    hexz_live_free(NULL);
    hexz_pager_free(NULL);
    CHECK(1);
}

static void profile_and_cancel(void)
{
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    CHECK_STATUS(hexz_profile_resolve("generic", NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_profile_resolve(NULL, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_OK(hexz_profile_resolve(NULL, &profile));
    CHECK_STATUS(hexz_cancel_new(NULL), HEXZ_ERR_INVALID_ARGUMENT);
}

static void build(void)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("out.hxz"));
    long entries = entries_here();

    CHECK_STATUS(hexz_build(NULL), HEXZ_ERR_INVALID_ARGUMENT);
    opts.source = NULL;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    opts.memory = in_folder("disk.raw");
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    opts = build_of(in_folder("disk.raw"), NULL);
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    opts = build_of(in_folder("disk.raw"), in_folder("out.hxz"));
    opts.streams = NULL;
    opts.stream_count = 1;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_EQ(entries_here(), entries);

    /* Every optional pointer is NULL here. */
    opts.stream_count = 0;
    CHECK_OK(hexz_build(&opts));
    /* Data for callbacks that are not there is no error. */
    opts.progress_data = &junk;
    opts.password_data = &junk;
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    CHECK_OK(hexz_build(&opts));
    /* A callback without data is called without. */
    opts.password = decline;
    opts.password_data = NULL;
    opts.flags |= HEXZ_BUILD_ENCRYPT;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_PASSWORD_REQUIRED);
}

static void builder(void)
{
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    hexz_builder *out = (hexz_builder *)(void *)&junk;
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    uint32_t stream = 77;
    int32_t fd = 77;
    char data[4096] = {0};

    opts.output = in_folder("pushed.hxz");
    CHECK_STATUS(hexz_builder_new(&opts, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_new(NULL, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_new(NULL, &out), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(out == NULL);
    out = (hexz_builder *)(void *)&junk;
    opts.output = NULL;
    CHECK_STATUS(hexz_builder_new(&opts, &out), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(out == NULL);

    CHECK_STATUS(hexz_builder_stream(NULL, "disk", HEXZ_STREAM_DISK, 4096, &stream), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_EQ(stream, 77);
    CHECK_STATUS(hexz_builder_stream(NULL, NULL, 0, 0, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_write(NULL, 0, 0, data, sizeof(data)), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_write(NULL, 0, 0, NULL, 0), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_try_write(NULL, 0, 0, data, sizeof(data)), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_ready_fd(NULL, &fd), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_ready_fd(NULL, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(fd == 77);
    CHECK_STATUS(hexz_builder_zero(NULL, 0, 0, 4096), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_inherit(NULL, 0, 0, 4096), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_finish(NULL, &report), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_finish(NULL, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(!file_exists(in_folder("pushed.hxz")));
}

/* What a failed call writes: NULL into a new handle, nothing into the rest. */
static void live_and_pager(const hexz_snapshot *snapshot)
{
    hexz_live_opts live_opts = HEXZ_INIT(hexz_live_opts);
    hexz_pager_opts pager_opts = HEXZ_INIT(hexz_pager_opts);
    hexz_live_stats live_stats = HEXZ_INIT(hexz_live_stats);
    hexz_pager_stats pager_stats = HEXZ_INIT(hexz_pager_stats);
    hexz_live *live = (hexz_live *)(void *)&junk;
    hexz_pager *pager = (hexz_pager *)(void *)&junk;
    const hexz_ram *regions[1] = {NULL};
    char trace[16];
    size_t len = 77;

    CHECK_STATUS(hexz_live_new(NULL, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_live_new(&live_opts, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_live_new(NULL, &live), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(live == NULL);
    /* No regions, none at the place, none counted. */
    CHECK_STATUS(hexz_live_new(&live_opts, &live), HEXZ_ERR_INVALID_ARGUMENT);
    live_opts.region_count = 1;
    CHECK_STATUS(hexz_live_new(&live_opts, &live), HEXZ_ERR_INVALID_ARGUMENT);
    live_opts.regions = regions;
    CHECK_STATUS(hexz_live_new(&live_opts, &live), HEXZ_ERR_INVALID_ARGUMENT);
    live_opts.region_count = 0;
    CHECK_STATUS(hexz_live_new(&live_opts, &live), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_live_freeze(NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_live_thaw(NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_live_changed(NULL, 0, 0), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_live_discard(NULL, 0, 0), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_live_stats_get(NULL, &live_stats), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_live_stats_get(NULL, NULL), HEXZ_ERR_INVALID_ARGUMENT);

    CHECK_STATUS(hexz_pager_new(snapshot, &pager_opts, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_pager_new(snapshot, NULL, &pager), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(pager == NULL);
    pager = (hexz_pager *)(void *)&junk;
    CHECK_STATUS(hexz_pager_new(NULL, &pager_opts, &pager), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(pager == NULL);
    CHECK_STATUS(hexz_pager_new(snapshot, &pager_opts, &pager), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_pager_fill(NULL, NULL, NULL, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_pager_trace(NULL, trace, sizeof(trace), &len), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_pager_trace(NULL, NULL, 0, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_EQ(len, 77);
    CHECK_STATUS(hexz_pager_stats_get(NULL, &pager_stats), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_pager_stats_get(NULL, NULL), HEXZ_ERR_INVALID_ARGUMENT);
}

static void opening(void)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_snapshot *out = (hexz_snapshot *)(void *)&junk;

    CHECK_STATUS(hexz_snapshot_open(NULL, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_open(NULL, &out), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(out == NULL);
    out = (hexz_snapshot *)(void *)&junk;
    /* Neither a path nor a storage. */
    CHECK_STATUS(hexz_snapshot_open(&opts, &out), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(out == NULL);
    opts.path = in_folder("disk.hxz");
    CHECK_STATUS(hexz_snapshot_open(&opts, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    /* Failing for another reason gives NULL too. */
    out = (hexz_snapshot *)(void *)&junk;
    opts.path = in_folder("absent.hxz");
    CHECK_STATUS(hexz_snapshot_open(&opts, &out), HEXZ_ERR_IO);
    CHECK(out == NULL);
}

static void reading(const hexz_snapshot *snapshot)
{
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_stream_info stream = HEXZ_INIT(hexz_stream_info);
    hexz_extent extent = HEXZ_INIT(hexz_extent);
    hexz_ancestor_info ancestor = HEXZ_INIT(hexz_ancestor_info);
    uint32_t index = 77;
    char buf[16];

    CHECK_STATUS(hexz_snapshot_info(NULL, &info), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_info(snapshot, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_info(NULL, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_stream(NULL, 0, &stream), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_stream(snapshot, 0, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_find(NULL, "disk", &index), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_find(snapshot, NULL, &index), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_find(snapshot, "disk", NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_EQ(index, 77);
    CHECK_STATUS(hexz_snapshot_read(NULL, 0, 0, buf, sizeof(buf)), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_read(snapshot, 0, 0, NULL, sizeof(buf)), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_read(NULL, 0, 0, NULL, 0), HEXZ_ERR_INVALID_ARGUMENT);
    /* Nothing to read needs no buffer. */
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, NULL, 0));
    CHECK_STATUS(hexz_snapshot_extent(NULL, 0, 0, &extent), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_extent(snapshot, 0, 0, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_ancestor(NULL, 0, &ancestor), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_ancestor(snapshot, 0, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_diff(NULL, 0, snapshot, 0, 0, &extent), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_diff(snapshot, 0, NULL, 0, 0, &extent), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_diff(snapshot, 0, snapshot, 0, 0, NULL), HEXZ_ERR_INVALID_ARGUMENT);
}

static void whole_snapshot(const hexz_snapshot *snapshot)
{
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    hexz_rekey_opts rekey = HEXZ_INIT(hexz_rekey_opts);

    CHECK_STATUS(hexz_snapshot_verify(NULL, &verify), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_verify(snapshot, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_verify(NULL, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));

    CHECK_STATUS(hexz_snapshot_extract(snapshot, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_extract(NULL, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    /* Neither an output nor a sink. */
    CHECK_STATUS(hexz_snapshot_extract(snapshot, &extract), HEXZ_ERR_INVALID_ARGUMENT);
    extract.output = in_folder("back.raw");
    CHECK_STATUS(hexz_snapshot_extract(NULL, &extract), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(!file_exists(in_folder("back.raw")));
    CHECK_OK(hexz_snapshot_extract(snapshot, &extract));

    CHECK_STATUS(hexz_snapshot_rekey(NULL), HEXZ_ERR_INVALID_ARGUMENT);
    rekey.operation = HEXZ_REKEY_ADD;
    CHECK_STATUS(hexz_snapshot_rekey(&rekey), HEXZ_ERR_INVALID_ARGUMENT);
    rekey.password = decline;
    CHECK_STATUS(hexz_snapshot_rekey(&rekey), HEXZ_ERR_INVALID_ARGUMENT);
    rekey.path = in_folder("disk.hxz");
    CHECK_STATUS(hexz_snapshot_rekey(&rekey), HEXZ_ERR_NOT_ENCRYPTED);
    rekey.password = NULL;
    rekey.password_data = &junk;
    CHECK(hexz_snapshot_rekey(&rekey) < 0);
}

int main(void)
{
    hexz_snapshot *snapshot;
    freeing_null();
    profile_and_cancel();
    snapshot = sample();
    build();
    builder();
    live_and_pager(snapshot);
    opening();
    reading(snapshot);
    whole_snapshot(snapshot);
    hexz_snapshot_close(snapshot);
    return check_done();
}
