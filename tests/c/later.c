/* What the header declares and this version does not do yet: arguments are
 * checked first, as they always will be; then the answer is a plain
 * HEXZ_ERR_UNSUPPORTED with a text, nothing is made and no callback runs.
 * Every check on LATER here gives way to tests of the feature itself. */
#include "fixture.h"

#define LATER HEXZ_ERR_UNSUPPORTED
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define STREAMS_MOST 256

static unsigned char disk[20000];
static hexz_snapshot *snapshot;
static long entries;
static int callbacks;

static int32_t disk_read_at(void *user_data, uint64_t offset, void *buf, size_t len)
{
    (void)user_data;
    callbacks++;
    memcpy(buf, disk + offset, len);
    return 0;
}

static int32_t swallow(void *user_data, const void *buf, size_t len)
{
    (void)user_data;
    (void)buf;
    (void)len;
    callbacks++;
    return 0;
}

static hexz_build_opts build_here(void)
{
    return build_of(in_folder("disk.raw"), in_folder("out.hxz"));
}

static void check_nothing_done(const char *about)
{
    check_about("%s", about);
    CHECK_EQ(entries_here(), entries);
    CHECK_EQ(callbacks, 0);
    check_about("%s", "");
}

static void parents(void)
{
    hexz_build_opts build = build_here();
    hexz_open_opts opening = HEXZ_INIT(hexz_open_opts);
    hexz_snapshot *opened = NULL;

    build.parent = in_folder("disk.hxz");
    CHECK_STATUS(hexz_build(&build), LATER);
    CHECK_TEXT("parent");
    build.parent_snapshot = snapshot;
    CHECK_STATUS(hexz_build(&build), HEXZ_ERR_INVALID_ARGUMENT);
    build.parent = NULL;
    CHECK_STATUS(hexz_build(&build), LATER);

    opening.path = in_folder("disk.hxz");
    opening.parent = in_folder("disk.hxz");
    CHECK_STATUS(hexz_snapshot_open(&opening, &opened), LATER);
    CHECK_TEXT("parent");
    opening.parent_snapshot = snapshot;
    CHECK_STATUS(hexz_snapshot_open(&opening, &opened), HEXZ_ERR_INVALID_ARGUMENT);
    opening.parent = NULL;
    CHECK_STATUS(hexz_snapshot_open(&opening, &opened), LATER);
    CHECK(opened == NULL);
    check_nothing_done("parents");
}

static hexz_status build_streams(const hexz_stream *const *streams, size_t count, const char *source)
{
    hexz_build_opts opts = build_here();
    opts.source = source;
    opts.streams = streams;
    opts.stream_count = count;
    return hexz_build(&opts);
}

static hexz_status build_stream(const hexz_stream *stream)
{
    return build_streams(&stream, 1, in_folder("disk.raw"));
}

static hexz_stream stream_named(const char *name)
{
    hexz_stream stream = HEXZ_INIT(hexz_stream);
    stream.name = name;
    stream.path = in_folder("disk.raw");
    return stream;
}

static void streams(void)
{
    static const char *const bad[] = {NULL, "", "disk", "\xff\xfe", "\xc3",
                                      "a name of sixty-four bytes, which is one more than may be: ....."};
    hexz_stream stream = stream_named("vmstate"), other = stream_named("vmstate");
    const hexz_stream *list[STREAMS_MOST];
    static hexz_stream many[STREAMS_MOST];
    static char names[STREAMS_MOST][16];
    hexz_source source = HEXZ_INIT(hexz_source);
    size_t i;

    CHECK_STATUS(build_stream(&stream), LATER);
    CHECK_TEXT("stream");
    list[0] = &stream;
    CHECK_STATUS(build_streams(list, 1, NULL), LATER);
    stream.kind = HEXZ_STREAM_MEMORY;
    stream.format = HEXZ_FORMAT_RAW;
    CHECK_STATUS(build_stream(&stream), LATER);
    stream = stream_named("sixty-three bytes are allowed, counted without the zero .......");
    CHECK_EQ(strlen(stream.name), 63);
    CHECK_STATUS(build_stream(&stream), LATER);

    CHECK_EQ(strlen(bad[COUNT(bad) - 1]), 64);
    for (i = 0; i < COUNT(bad); i++) {
        check_about("stream name %s", bad[i] ? bad[i] : "NULL");
        stream = stream_named(bad[i]);
        CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    }
    check_about("%s", "");
    stream = stream_named("vmstate");
    list[1] = &other;
    CHECK_STATUS(build_streams(list, 2, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    list[1] = NULL;
    CHECK_STATUS(build_streams(list, 2, NULL), HEXZ_ERR_INVALID_ARGUMENT);

    /* The disk is one of the 256. */
    for (i = 0; i < STREAMS_MOST; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "stream-%d", (int)i);
        many[i] = stream_named(names[i]);
        list[i] = &many[i];
    }
    CHECK_STATUS(build_streams(list, STREAMS_MOST, NULL), LATER);
    CHECK_STATUS(build_streams(list, STREAMS_MOST, in_folder("disk.raw")), HEXZ_ERR_INVALID_ARGUMENT);

    /* Bytes come from one place. */
    source.size = sizeof(disk);
    source.read_at = disk_read_at;
    stream.source = &source;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    stream.path = NULL;
    CHECK_STATUS(build_stream(&stream), LATER);
    stream.source = NULL;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    source.read_at = NULL;
    stream.source = &source;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    check_nothing_done("streams");
}

static void sinks(void)
{
    hexz_build_opts build = build_here();
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    hexz_sink sink = HEXZ_INIT(hexz_sink);

    sink.write = swallow;
    build.sink = &sink;
    CHECK_STATUS(hexz_build(&build), HEXZ_ERR_INVALID_ARGUMENT);
    build.output = NULL;
    CHECK_STATUS(hexz_build(&build), LATER);
    CHECK_TEXT("sink");
    extract.sink = &sink;
    CHECK_STATUS(hexz_snapshot_extract(snapshot, &extract), LATER);
    CHECK_TEXT("sink");
    extract.output = in_folder("out.raw");
    CHECK_STATUS(hexz_snapshot_extract(snapshot, &extract), HEXZ_ERR_INVALID_ARGUMENT);
    extract.output = NULL;
    sink.write = NULL;
    CHECK_STATUS(hexz_build(&build), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_snapshot_extract(snapshot, &extract), HEXZ_ERR_INVALID_ARGUMENT);
    check_nothing_done("sinks");
}

static void storages(void)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_storage storage = HEXZ_INIT(hexz_storage);
    hexz_snapshot *opened = NULL;

    storage.size = sizeof(disk);
    storage.read_at = disk_read_at;
    opts.storage = &storage;
    CHECK_STATUS(hexz_snapshot_open(&opts, &opened), LATER);
    CHECK_TEXT("storage");
    opts.path = in_folder("disk.hxz");
    CHECK_STATUS(hexz_snapshot_open(&opts, &opened), HEXZ_ERR_INVALID_ARGUMENT);
    opts.path = NULL;
    storage.read_at = NULL;
    CHECK_STATUS(hexz_snapshot_open(&opts, &opened), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(opened == NULL);
    check_nothing_done("storages");
}

static hexz_status new_builder(const hexz_build_opts *opts)
{
    hexz_builder *builder = (hexz_builder *)(void *)disk;
    hexz_status status = hexz_builder_new(opts, &builder);
    CHECK((builder != NULL) == (status == HEXZ_OK));
    hexz_builder_free(builder);
    return status;
}

static void builders(void)
{
    hexz_build_opts opts = build_of(NULL, in_folder("out.hxz"));
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_stream stream = stream_named("vmstate");
    const hexz_stream *list[1];

    CHECK_STATUS(new_builder(&opts), LATER);
    CHECK_TEXT("builder");
    opts.profile = "no such";
    CHECK_STATUS(new_builder(&opts), HEXZ_ERR_UNKNOWN_PROFILE);

    /* What it does not take. */
    opts = build_of(in_folder("disk.raw"), in_folder("out.hxz"));
    CHECK_STATUS(new_builder(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    opts = build_of(NULL, in_folder("out.hxz"));
    opts.memory = in_folder("disk.raw");
    CHECK_STATUS(new_builder(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    opts = build_of(NULL, in_folder("out.hxz"));
    list[0] = &stream;
    opts.streams = list;
    opts.stream_count = 1;
    CHECK_STATUS(new_builder(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    opts = build_of(NULL, in_folder("out.hxz"));
    opts.report = &report;
    CHECK_STATUS(new_builder(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    check_nothing_done("builders");
}

int main(void)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("disk.hxz"));
    fill_text(disk, sizeof(disk), 91);
    put_file(in_folder("disk.raw"), disk, sizeof(disk));
    CHECK_OK(hexz_build(&opts));
    snapshot = must_open(in_folder("disk.hxz"));
    entries = entries_here();
    parents();
    streams();
    sinks();
    storages();
    builders();
    hexz_snapshot_close(snapshot);
    return check_done();
}
