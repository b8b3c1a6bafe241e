/* More streams than a disk and its memory: what they may be called, what kinds
 * there are, and where their bytes come from: paths, callbacks, and streams of
 * other snapshots, by which one is flattened, converted, encrypted, decrypted,
 * merged with others and taken apart. */
#include "fixture.h"
#include "passwords.h"

#include <pthread.h>

#define PAGE ((size_t)4096)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define STREAMS_MOST 256

static unsigned char *disk;
static size_t disk_len;

static hexz_stream stream_named(const char *name)
{
    hexz_stream stream = HEXZ_INIT(hexz_stream);
    stream.name = name;
    stream.path = in_folder("disk.raw");
    return stream;
}

static hexz_status build_streams(const hexz_stream *const *streams, size_t count, const char *source)
{
    hexz_build_opts opts = build_of(source, in_folder("out.hxz"));
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    opts.streams = streams;
    opts.stream_count = count;
    return hexz_build(&opts);
}

/* The stream beside a disk. */
static hexz_status build_stream(const hexz_stream *stream)
{
    return build_streams(&stream, 1, in_folder("disk.raw"));
}

static void check_holds(const hexz_snapshot *snapshot, const char *name, uint32_t kind, const void *bytes, size_t len)
{
    hexz_stream_info info = HEXZ_INIT(hexz_stream_info);
    unsigned char *back = bytes_new(len);
    uint32_t index = 0;
    if (CHECK_OK(hexz_snapshot_find(snapshot, name, &index)) &&
        CHECK_OK(hexz_snapshot_stream(snapshot, index, &info)) && CHECK_EQ(info.size, len)) {
        CHECK_EQ(info.kind, kind);
        CHECK_OK(hexz_snapshot_read(snapshot, index, 0, back, len));
        CHECK_BYTES(back, bytes, len);
    }
    free(back);
}

static void names(void)
{
    static const char *const bad[] = {NULL, "", "disk", "\xff\xfe", "\xc3", "\xc0\xaf", "\xed\xa0\x80",
                                      "a name of sixty-four bytes, which is one more than may be: ....."};
    static const char *const good[] = {"a", "Disk", "m\xc3\xa9moire",
                                       "sixty-three bytes are allowed, counted without the zero ......."};
    hexz_stream stream = stream_named("vmstate"), twin = stream_named("vmstate");
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("out.hxz"));
    const hexz_stream *list[2];
    size_t i;

    CHECK_EQ(strlen(bad[COUNT(bad) - 1]), 64);
    CHECK_EQ(strlen(good[COUNT(good) - 1]), 63);
    for (i = 0; i < COUNT(bad); i++) {
        check_about("stream name %s", bad[i] ? bad[i] : "NULL");
        stream = stream_named(bad[i]);
        CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
        CHECK_TEXT("opts.streams[0]");
    }
    check_about("%s", "");
    stream = stream_named("vmstate");
    list[0] = &stream;
    list[1] = &twin;
    CHECK_STATUS(build_streams(list, 2, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("another stream 'vmstate'");
    list[1] = NULL;
    CHECK_STATUS(build_streams(list, 2, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(build_streams(NULL, 2, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    stream = stream_named("memory");
    list[0] = &stream;
    opts.memory = in_folder("disk.raw");
    opts.streams = list;
    opts.stream_count = 1;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    /* A name in a text commands no terminal. */
    stream = stream_named("a\x1b[2J");
    twin = stream_named("a\x1b[2J");
    list[1] = &twin;
    CHECK_STATUS(build_streams(list, 2, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(strchr(hexz_last_error(), '\x1b') == NULL);
    CHECK(!file_exists(in_folder("out.hxz")));

    for (i = 0; i < COUNT(good); i++) {
        hexz_snapshot *snapshot;
        check_about("stream name %s", good[i]);
        stream = stream_named(good[i]);
        CHECK_OK(build_stream(&stream));
        snapshot = must_open(in_folder("out.hxz"));
        check_holds(snapshot, "disk", HEXZ_STREAM_DISK, disk, disk_len);
        check_holds(snapshot, good[i], HEXZ_STREAM_BLOB, disk, disk_len);
        hexz_snapshot_close(snapshot);
    }
    /* Free names are free: what no option takes. */
    stream = stream_named("disk");
    list[0] = &stream;
    CHECK_OK(build_streams(list, 1, NULL));
    stream = stream_named("memory");
    CHECK_OK(build_stream(&stream));
    check_about("%s", "");
    (void)unlink(in_folder("out.hxz"));
}

/* As many as there may be, in order; the disk is one of them. */
static void as_many_as_may_be(void)
{
    static hexz_stream many[STREAMS_MOST + 1];
    static char many_names[STREAMS_MOST + 1][16];
    const hexz_stream *list[STREAMS_MOST + 1];
    hexz_snapshot *snapshot;
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    size_t i;

    put_file(in_folder("small.raw"), disk, 5000);
    for (i = 0; i <= STREAMS_MOST; i++) {
        (void)snprintf(many_names[i], sizeof(many_names[i]), "stream-%d", (int)i);
        many[i] = stream_named(many_names[i]);
        many[i].path = in_folder(i % 2 ? "small.raw" : "disk.raw");
        list[i] = &many[i];
    }
    CHECK_STATUS(build_streams(list, STREAMS_MOST + 1, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("256");
    CHECK_STATUS(build_streams(list, STREAMS_MOST, in_folder("disk.raw")), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(build_streams(list, SIZE_MAX, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(!file_exists(in_folder("out.hxz")));
    CHECK_OK(build_streams(list, STREAMS_MOST, NULL));
    snapshot = must_open(in_folder("out.hxz"));
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    CHECK_EQ(info.stream_count, STREAMS_MOST);
    for (i = 0; i < STREAMS_MOST; i++) {
        hexz_stream_info stream = HEXZ_INIT(hexz_stream_info);
        CHECK_OK(hexz_snapshot_stream(snapshot, (uint32_t)i, &stream));
        CHECK(strcmp(stream.name, many_names[i]) == 0);
        if (i < 2 || i == STREAMS_MOST - 1)
            check_holds(snapshot, stream.name, HEXZ_STREAM_BLOB, disk, i % 2 ? 5000 : disk_len);
    }
    /* The same content 256 times is stored once. */
    CHECK(info.file_size < 2 * disk_len + ((size_t)1 << 20));
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    hexz_snapshot_close(snapshot);
    (void)unlink(in_folder("out.hxz"));
}

/* AUTO looks at disks; memory and blobs are their bytes. */
static void kinds_and_formats(void)
{
    static const unsigned char gzip[20] = {0x1f, 0x8b, 8};
    static const uint32_t bad_kinds[] = {4, UINT32_MAX}, bad_formats[] = {3, UINT32_MAX};
    hexz_stream stream;
    hexz_snapshot *snapshot;
    size_t i;

    put_file(in_folder("archive.gz"), gzip, sizeof(gzip));
    stream = stream_named("x");
    stream.path = in_folder("archive.gz");
    CHECK_OK(build_stream(&stream));
    snapshot = must_open(in_folder("out.hxz"));
    check_holds(snapshot, "x", HEXZ_STREAM_BLOB, gzip, sizeof(gzip));
    hexz_snapshot_close(snapshot);
    (void)unlink(in_folder("out.hxz"));
    stream.kind = HEXZ_STREAM_DISK;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_SOURCE);
    CHECK_TEXT("gzip");
    stream.format = HEXZ_FORMAT_QCOW2;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_SOURCE);
    CHECK_TEXT("qcow2");
    CHECK(!file_exists(in_folder("out.hxz")));
    stream.format = HEXZ_FORMAT_RAW;
    CHECK_OK(build_stream(&stream));
    /* As opts.memory, which is refused where it is plainly something else. */
    stream.kind = HEXZ_STREAM_MEMORY;
    stream.format = HEXZ_FORMAT_AUTO;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_SOURCE);
    stream.format = HEXZ_FORMAT_RAW;
    CHECK_OK(build_stream(&stream));
    stream.format = HEXZ_FORMAT_AUTO;
    stream.path = in_folder("disk.raw");
    CHECK_OK(build_stream(&stream));
    snapshot = must_open(in_folder("out.hxz"));
    check_holds(snapshot, "x", HEXZ_STREAM_MEMORY, disk, disk_len);
    hexz_snapshot_close(snapshot);
    for (i = 0; i < COUNT(bad_kinds); i++) {
        stream = stream_named("x");
        stream.kind = bad_kinds[i];
        CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
        stream.kind = 0;
        stream.format = bad_formats[i];
        CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    }
    stream = stream_named("x");
    stream.reserved = 1;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    stream = stream_named("x");
    stream.path = in_folder("absent");
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_SOURCE);
    CHECK_EQ(hexz_last_errno(), ENOENT);
    (void)unlink(in_folder("out.hxz"));
}

static int32_t no_read(void *user_data, uint64_t offset, void *buf, size_t len)
{
    (void)user_data;
    (void)offset;
    (void)buf;
    (void)len;
    CHECK(0);
    return 1;
}

/* Bytes come from one place, and that is known before anything is read. */
static void one_place(const hexz_snapshot *snapshot)
{
    hexz_source source = HEXZ_INIT(hexz_source);
    hexz_stream stream = stream_named("x");

    source.size = disk_len;
    source.read_at = no_read;
    stream.source = &source;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    stream.path = NULL;
    stream.snapshot = snapshot;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    stream.snapshot = NULL;
    stream.format = HEXZ_FORMAT_RAW;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    stream.format = 0;
    stream.snapshot_stream = 1;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    stream.snapshot_stream = 0;
    source.flags = 2;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    source.flags = 0;
    source.read_at = NULL;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    source.read_at = no_read;
    source.struct_size = 8;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    stream.source = NULL;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("no bytes");

    stream.snapshot = snapshot;
    stream.snapshot_stream = 99;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_NO_STREAM);
    stream.snapshot_stream = 0;
    stream.format = HEXZ_FORMAT_RAW;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    stream = stream_named("x");
    stream.snapshot_stream = 1;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(!file_exists(in_folder("out.hxz")));
}

static hexz_stream stream_of(const char *name, const hexz_snapshot *snapshot, uint32_t index)
{
    hexz_stream stream = HEXZ_INIT(hexz_stream);
    stream.name = name;
    stream.kind = HEXZ_STREAM_DISK;
    stream.snapshot = snapshot;
    stream.snapshot_stream = index;
    return stream;
}

static hexz_status build_from(const hexz_stream *const *list, size_t count, const char *name, const char *profile,
                              struct passwords *passwords, hexz_build_report *report)
{
    hexz_build_opts opts = passwords != NULL ? encrypted_build_of(NULL, in_folder(name), passwords)
                                             : build_of(NULL, in_folder(name));
    (void)unlink(in_folder(name));
    opts.profile = profile;
    opts.threads = 2;
    opts.streams = list;
    opts.stream_count = count;
    opts.report = report;
    return hexz_build(&opts);
}

/* Plain to encrypted, to another profile, and back: the first file again. */
static void converted(void)
{
    struct passwords passwords = password_is("between");
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_stream stream;
    const hexz_stream *list[1];
    hexz_snapshot *snapshot = must_open(in_folder("plain.hxz"));
    hexz_stream_info info = HEXZ_INIT(hexz_stream_info);
    unsigned char *first;
    size_t first_len;

    CHECK_OK(hexz_snapshot_stream(snapshot, 0, &info));
    list[0] = &stream;
    stream = stream_of("disk", snapshot, 0);
    CHECK_OK(build_from(list, 1, "sealed.hxz", "eda", &passwords, &report));
    /* Its holes are known: only what has data was read. */
    CHECK_EQ(report.bytes_read, info.data_size);
    CHECK(info.data_size < disk_len);
    hexz_snapshot_close(snapshot);

    snapshot = must_open_with(in_folder("sealed.hxz"), "between");
    check_holds(snapshot, "disk", HEXZ_STREAM_DISK, disk, disk_len);
    stream = stream_of("disk", snapshot, 0);
    CHECK_OK(build_from(list, 1, "again.hxz", "generic", NULL, NULL));
    hexz_snapshot_close(snapshot);
    first = get_file(in_folder("plain.hxz"), &first_len);
    CHECK(file_holds(in_folder("again.hxz"), first, first_len));
    free(first);
}

/* Two into one, and one of them out of it again. */
static void merged_and_split(void)
{
    hexz_stream streams[3];
    const hexz_stream *list[3];
    hexz_snapshot *a, *b;
    size_t i, small = 3 * PAGE + 17;
    unsigned char *first;
    size_t first_len;

    put_file(in_folder("small.raw"), disk, small);
    {
        hexz_build_opts opts = build_of(in_folder("small.raw"), in_folder("b.hxz"));
        CHECK_OK(hexz_build(&opts));
    }
    a = must_open(in_folder("plain.hxz"));
    b = must_open(in_folder("b.hxz"));
    streams[0] = stream_of("first", a, 0);
    streams[1] = stream_of("second", b, 0);
    streams[2] = stream_of("second again", b, 0);
    for (i = 0; i < 3; i++)
        list[i] = &streams[i];
    CHECK_OK(build_from(list, 3, "merged.hxz", NULL, NULL, NULL));
    hexz_snapshot_close(a);
    hexz_snapshot_close(b);
    a = must_open(in_folder("merged.hxz"));
    check_holds(a, "first", HEXZ_STREAM_DISK, disk, disk_len);
    check_holds(a, "second", HEXZ_STREAM_DISK, disk, small);
    check_holds(a, "second again", HEXZ_STREAM_DISK, disk, small);
    streams[0] = stream_of("disk", a, 1);
    CHECK_OK(build_from(list, 1, "split.hxz", NULL, NULL, NULL));
    hexz_snapshot_close(a);
    first = get_file(in_folder("b.hxz"), &first_len);
    CHECK(file_holds(in_folder("split.hxz"), first, first_len));
    free(first);
}

static int32_t close_it(void *user_data, const hexz_progress *progress)
{
    hexz_snapshot **snapshot = user_data;
    (void)progress;
    hexz_snapshot_close(*snapshot);
    *snapshot = NULL;
    return 0;
}

/* What the build needs of a snapshot it keeps: the handle may even go away meanwhile. */
static void closed_meanwhile(void)
{
    hexz_build_opts opts = build_of(NULL, in_folder("kept.hxz"));
    hexz_snapshot *snapshot = must_open(in_folder("plain.hxz"));
    hexz_stream stream = stream_of("disk", snapshot, 0);
    const hexz_stream *list[1];
    unsigned char *first;
    size_t first_len;
    list[0] = &stream;
    opts.streams = list;
    opts.stream_count = 1;
    opts.progress = close_it;
    opts.progress_data = &snapshot;
    CHECK_OK(hexz_build(&opts));
    CHECK(snapshot == NULL);
    first = get_file(in_folder("plain.hxz"), &first_len);
    CHECK(file_holds(in_folder("kept.hxz"), first, first_len));
    free(first);
}

struct stored {
    unsigned char *bytes;
    size_t len;
    int inside, at_once, released, elsewhere;
    pthread_t caller;
};

static int32_t stored_read_at(void *user_data, uint64_t offset, void *buf, size_t len)
{
    struct stored *stored = user_data;
    if (__atomic_add_fetch(&stored->inside, 1, __ATOMIC_SEQ_CST) > 1)
        __atomic_store_n(&stored->at_once, 1, __ATOMIC_SEQ_CST);
    memcpy(buf, stored->bytes + offset, len);
    (void)__atomic_sub_fetch(&stored->inside, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static void stored_release(void *user_data)
{
    struct stored *stored = user_data;
    stored->released++;
    stored->elsewhere += !pthread_equal(stored->caller, pthread_self());
}

/* A snapshot that lies in the host's storage is a source too: workers read it one after the other, and the
 * storage is given back once, on this thread, when the build is over although the handle went before. */
static void out_of_a_storage(void)
{
    hexz_open_opts opening = HEXZ_INIT(hexz_open_opts);
    hexz_storage storage = HEXZ_INIT(hexz_storage);
    hexz_build_opts opts = build_of(NULL, in_folder("stored.hxz"));
    hexz_snapshot *snapshot = NULL;
    hexz_stream stream;
    const hexz_stream *list[1];
    struct stored stored;

    memset(&stored, 0, sizeof(stored));
    stored.bytes = get_file(in_folder("plain.hxz"), &stored.len);
    stored.caller = pthread_self();
    storage.user_data = &stored;
    storage.size = stored.len;
    storage.read_at = stored_read_at;
    storage.release = stored_release;
    opening.storage = &storage;
    if (!CHECK_OK(hexz_snapshot_open(&opening, &snapshot)))
        return;
    stream = stream_of("disk", snapshot, 0);
    list[0] = &stream;
    opts.streams = list;
    opts.stream_count = 1;
    opts.threads = 4;
    opts.progress = close_it;
    opts.progress_data = &snapshot;
    CHECK_OK(hexz_build(&opts));
    CHECK(snapshot == NULL);
    CHECK_EQ(__atomic_load_n(&stored.inside, __ATOMIC_SEQ_CST), 0);
    CHECK_EQ(stored.at_once, 0);
    CHECK_EQ(stored.released, 1);
    CHECK_EQ(stored.elsewhere, 0);
    CHECK(file_holds(in_folder("stored.hxz"), stored.bytes, stored.len));
    free(stored.bytes);
}

/* An output that is an input, by whatever name. */
static void output_is_input(void)
{
    hexz_build_opts opts = build_of(NULL, in_folder("plain.hxz"));
    hexz_snapshot *snapshot = must_open(in_folder("plain.hxz"));
    hexz_stream from_snapshot = stream_of("disk", snapshot, 0), from_path = stream_named("x");
    const hexz_stream *list[1];
    unsigned char *before;
    size_t before_len;

    before = get_file(in_folder("plain.hxz"), &before_len);
    if (link(in_folder("plain.hxz"), in_folder("other name.hxz")) != 0)
        fixture_fail("link", "other name.hxz");
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    opts.streams = list;
    opts.stream_count = 1;
    list[0] = &from_snapshot;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    opts.output = in_folder("other name.hxz");
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    list[0] = &from_path;
    from_path.path = in_folder("plain.hxz");
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("is the source");
    CHECK(file_holds(in_folder("plain.hxz"), before, before_len));
    (void)unlink(in_folder("other name.hxz"));
    hexz_snapshot_close(snapshot);
    free(before);
}

/* Damage in a source is told as damage, and leaves nothing. */
static void damaged(void)
{
    hexz_snapshot *snapshot;
    hexz_stream stream;
    const hexz_stream *list[1];
    long entries;
    unsigned char *bytes;
    size_t len;

    bytes = get_file(in_folder("plain.hxz"), &len);
    put_file(in_folder("bad.hxz"), bytes, len);
    free(bytes);
    snapshot = must_open(in_folder("bad.hxz"));
    flip_byte(in_folder("bad.hxz"), 4096 + 100, 1);
    (void)unlink(in_folder("from bad.hxz"));
    entries = entries_here();
    stream = stream_of("disk", snapshot, 0);
    list[0] = &stream;
    CHECK_STATUS(build_from(list, 1, "from bad.hxz", NULL, NULL, NULL), HEXZ_ERR_CORRUPT);
    CHECK_TEXT("bad.hxz");
    CHECK_EQ(entries_here(), entries);
    hexz_snapshot_close(snapshot);
}

int main(void)
{
    hexz_build_opts opts;
    hexz_snapshot *snapshot;
    size_t data = (fixture_small() ? 60 : 500) * PAGE;

    disk_len = 3 * data + 77;
    disk = bytes_new(disk_len);
    fill_text(disk, data, 3);
    fill_random(disk + 2 * data, data + 77, 4);
    put_sparse(in_folder("disk.raw"), disk, disk_len);
    opts = build_of(in_folder("disk.raw"), in_folder("plain.hxz"));
    CHECK_OK(hexz_build(&opts));
    names();
    as_many_as_may_be();
    kinds_and_formats();
    snapshot = must_open(in_folder("plain.hxz"));
    one_place(snapshot);
    hexz_snapshot_close(snapshot);
    converted();
    merged_and_split();
    closed_meanwhile();
    out_of_a_storage();
    output_is_input();
    damaged();
    free(disk);
    return check_done();
}
