/* Into a sink: a snapshot that is built, a stream that is extracted. The same
 * bytes as a file has, front to back, on the thread of the call; one commit or
 * one abort, whatever fails; nothing at all when the call is refused. */
#include "hosted.h"

#include "passwords.h"

#define PASSWORD "correct horse"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned char *disk, *memory;
static size_t disk_len, memory_len;

struct kind {
    const char *name, *profile;
    uint64_t flags;
    int with_memory;
};
static const struct kind kinds[] = {
    {"plain", NULL, 0, 0},
    {"with memory", NULL, 0, 1},
    {"trained", "embedded", 0, 1},
    {"chunks", "eda", HEXZ_BUILD_CDC, 1},
    {"encrypted", NULL, HEXZ_BUILD_ENCRYPT, 1},
};
static struct passwords passwords;

static hexz_build_opts build_kind(const struct kind *kind, uint32_t threads)
{
    hexz_build_opts opts = encrypted_build_of(in_folder("disk.raw"), NULL, &passwords);
    passwords = password_is(PASSWORD);
    opts.flags = kind->flags;
    opts.profile = kind->profile;
    opts.memory = kind->with_memory ? in_folder("memory.raw") : NULL;
    opts.threads = threads;
    if (!(kind->flags & HEXZ_BUILD_ENCRYPT))
        opts.password = NULL;
    return opts;
}

static hexz_status build_into(hexz_build_opts opts, struct hosted_sink *hosted)
{
    hexz_sink sink = sink_in(hosted);
    opts.sink = &sink;
    return hexz_build(&opts);
}

static hexz_status extract_into(const hexz_snapshot *snapshot, uint32_t threads, const hexz_cancel *cancel,
                                struct hosted_sink *hosted)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    hexz_sink sink = sink_in(hosted);
    opts.sink = &sink;
    opts.threads = threads;
    opts.cancel = cancel;
    return hexz_snapshot_extract(snapshot, &opts);
}

static void check_disk(const struct hosted_sink *hosted)
{
    if (CHECK_EQ(hosted->len, disk_len))
        CHECK_BYTES(hosted->bytes, disk, disk_len);
}

/* In few and large writes, the same bytes as a file; and read back from memory. */
static void built(const struct kind *kind)
{
    hexz_build_report report = HEXZ_INIT(hexz_build_report), want = HEXZ_INIT(hexz_build_report);
    hexz_build_opts opts = build_kind(kind, 1);
    uint32_t threads;
    opts.output = in_folder("file.hxz");
    opts.flags |= HEXZ_BUILD_OVERWRITE | HEXZ_BUILD_NO_SYNC;
    opts.report = &want;
    CHECK_OK(hexz_build(&opts));
    for (threads = 1; threads <= 3; threads++) {
        struct hosted_sink hosted = sunk(), back = sunk();
        struct hosted_storage storage;
        hexz_snapshot *snapshot = NULL;
        check_about("%s, %u threads", kind->name, (unsigned)threads);
        opts = build_kind(kind, threads);
        opts.report = &report;
        CHECK_OK(build_into(opts, &hosted));
        check_committed(&hosted);
        CHECK_EQ(report.file_size, hosted.len);
        CHECK(hosted.writes <= (long)(hosted.len >> 18) + 2);
        CHECK(hosted.least >= (size_t)1 << 18);
        CHECK_EQ(hosted.zero_runs, 0);
        if (kind->flags & HEXZ_BUILD_ENCRYPT) {
            CHECK_EQ(passwords.count, 1);
            CHECK_EQ(passwords.asked[0].path[0], '\0');
        } else {
            CHECK_BYTES(report.root, want.root, 32);
            CHECK(file_holds(in_folder("file.hxz"), hosted.bytes, hosted.len));
        }
        storage = stored(hosted.bytes, hosted.len);
        if (CHECK_OK(open_storage(&storage, 0, kind->flags & HEXZ_BUILD_ENCRYPT ? PASSWORD : NULL, &snapshot))) {
            CHECK_OK(extract_into(snapshot, threads, NULL, &back));
            check_committed(&back);
            check_disk(&back);
        }
        hexz_snapshot_close(snapshot);
        CHECK_EQ(storage.released, 1);
        sink_free(&back);
        sink_free(&hosted);
    }
    check_about("%s", "");
}

/* Each call fails, in turn, the commit among them. */
static void troubled_build(const struct kind *kind)
{
    static const int32_t codes[] = {-5, 9, INT32_MIN};
    struct hosted_sink whole = sunk();
    long k;
    CHECK_OK(build_into(build_kind(kind, 2), &whole));
    for (k = 1; k <= whole.calls; k++) {
        struct hosted_sink hosted = sunk(), cancelled = sunk();
        hexz_build_opts opts = build_kind(kind, 2);
        hexz_cancel *cancel = NULL;
        check_about("%s, call %ld of %ld", kind->name, k, whole.calls);
        hosted.trouble.at = k;
        hosted.trouble.code = codes[(size_t)k % COUNT(codes)];
        CHECK_STATUS(build_into(opts, &hosted), HEXZ_ERR_CALLBACK);
        CHECK_EQ(hexz_last_callback_code(), hosted.trouble.code);
        CHECK_TEXT("opts.sink");
        CHECK_TEXT(k == whole.calls ? "commit" : "write");
        CHECK_EQ(hosted.commits, k == whole.calls);
        check_aborted(&hosted);

        CHECK_OK(hexz_cancel_new(&cancel));
        opts = build_kind(kind, 2);
        opts.cancel = cancel;
        cancelled.trouble.at = k;
        cancelled.trouble.cancel = cancel;
        if (k == whole.calls) {
            /* Once it is being committed, it is done. */
            CHECK_OK(build_into(opts, &cancelled));
            check_committed(&cancelled);
        } else {
            CHECK_STATUS(build_into(opts, &cancelled), HEXZ_ERR_CANCELLED);
            check_aborted(&cancelled);
            CHECK_EQ(cancelled.commits, 0);
        }
        hexz_cancel_free(cancel);
        sink_free(&cancelled);
        sink_free(&hosted);
    }
    sink_free(&whole);
    check_about("%s", "");
}

static int32_t stop(void *user_data, const hexz_progress *progress)
{
    (void)progress;
    return *(int32_t *)user_data;
}

/* What is refused before the work calls nothing; what fails in it, the abort. */
static void refused(void)
{
    struct hosted_sink hosted = sunk();
    hexz_build_opts opts;
    hexz_cancel *cancel = NULL;
    int32_t code = 44;
    CHECK_OK(hexz_cancel_new(&cancel));
    hexz_cancel_trigger(cancel);
#define REFUSED(kind, set, want) \
    do { \
        check_about("refused: %s", #set); \
        opts = build_kind(&kinds[kind], 2); \
        set; \
        CHECK_STATUS(build_into(opts, &hosted), want); \
        check_untouched(&hosted); \
    } while (0)
    REFUSED(0, opts.flags = UINT64_C(1) << 63, HEXZ_ERR_INVALID_ARGUMENT);
    REFUSED(0, opts.output = in_folder("both.hxz"), HEXZ_ERR_INVALID_ARGUMENT);
    REFUSED(0, opts.source = in_folder("absent"), HEXZ_ERR_SOURCE);
    REFUSED(0, opts.memory = in_folder("absent"), HEXZ_ERR_SOURCE);
    REFUSED(0, opts.memory_limit = 1, HEXZ_ERR_INVALID_ARGUMENT);
    REFUSED(4, opts.memory_limit = 1, HEXZ_ERR_INVALID_ARGUMENT);
    REFUSED(0, opts.profile = "no such", HEXZ_ERR_UNKNOWN_PROFILE);
    REFUSED(0, opts.cancel = cancel, HEXZ_ERR_CANCELLED);
    REFUSED(4, opts.password = NULL, HEXZ_ERR_PASSWORD_REQUIRED);
    REFUSED(4, passwords.answers[0].code = 3, HEXZ_ERR_PASSWORD_REQUIRED);
    REFUSED(4, passwords.answers[0].code = -3, HEXZ_ERR_CALLBACK);
    REFUSED(4, passwords.answers[0].len = 0, HEXZ_ERR_INVALID_PASSWORD);
    check_about("%s", "");
    opts = build_kind(&kinds[0], 2);
    opts.progress = stop;
    opts.progress_data = &code;
    CHECK_STATUS(build_into(opts, &hosted), HEXZ_ERR_CANCELLED);
    CHECK_EQ(hexz_last_callback_code(), 44);
    check_aborted(&hosted);
    hexz_cancel_free(cancel);
    sink_free(&hosted);
}

static int32_t write_only(void *user_data, const void *buf, size_t len)
{
    struct hosted_sink *hosted = user_data;
    hexz_sink sink = sink_in(hosted);
    return sink.write(hosted, buf, len);
}

/* A sink of one function; and one that fails. */
static void least(const hexz_snapshot *snapshot)
{
    struct hosted_sink hosted = sunk(), back = sunk();
    hexz_sink sink = HEXZ_INIT(hexz_sink);
    hexz_build_opts opts = build_kind(&kinds[0], 2);
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    sink.write = write_only;
    sink.user_data = &hosted;
    opts.sink = &sink;
    CHECK_OK(hexz_build(&opts));
    CHECK(file_holds(in_folder("disk.hxz"), hosted.bytes, hosted.len));
    hosted.trouble.at = hosted.calls + 1;
    hosted.trouble.code = 6;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_CALLBACK);

    sink.user_data = &back;
    extract.sink = &sink;
    extract.threads = 3;
    CHECK_OK(hexz_snapshot_extract(snapshot, &extract));
    check_disk(&back);
    CHECK_EQ(back.zero_runs, 0);
    CHECK_EQ(hosted.commits + hosted.aborts + back.commits + back.aborts, 0);
    /* Sink and file, sink in place, no write. */
    extract.output = in_folder("both.raw");
    CHECK_STATUS(hexz_snapshot_extract(snapshot, &extract), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("both opts.output and opts.sink");
    extract.output = NULL;
    extract.flags = HEXZ_EXTRACT_IN_PLACE;
    CHECK_STATUS(hexz_snapshot_extract(snapshot, &extract), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("HEXZ_EXTRACT_IN_PLACE");
    extract.flags = 0;
    extract.stream = 9;
    CHECK_STATUS(hexz_snapshot_extract(snapshot, &extract), HEXZ_ERR_NO_STREAM);
    extract.stream = 0;
    sink.write = NULL;
    CHECK_STATUS(hexz_snapshot_extract(snapshot, &extract), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("opts.sink.write");
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    extract.sink = NULL;
    CHECK_STATUS(hexz_snapshot_extract(snapshot, &extract), HEXZ_ERR_INVALID_ARGUMENT);
    sink_free(&hosted);
    sink_free(&back);
}

/* In order whatever the threads: the very same calls. */
static void extracted(const hexz_snapshot *snapshot)
{
    uint32_t threads;
    struct hosted_sink first = sunk();
    CHECK_OK(extract_into(snapshot, 1, NULL, &first));
    for (threads = 1; threads <= 5; threads++) {
        struct hosted_sink hosted = sunk();
        check_about("extracted by %u threads", (unsigned)threads);
        CHECK_OK(extract_into(snapshot, threads, NULL, &hosted));
        check_committed(&hosted);
        check_disk(&hosted);
        CHECK_EQ(hosted.calls, first.calls);
        CHECK_EQ(hosted.zero_runs, first.zero_runs);
        CHECK_EQ(hosted.largest, first.largest);
        CHECK(hosted.zero_runs > 0);
        CHECK(hosted.zeros >= 600000);
        CHECK(hosted.largest <= 1 << 20);
        sink_free(&hosted);
    }
    sink_free(&first);
    check_about("%s", "");
}

static void troubled_extraction(const hexz_snapshot *snapshot)
{
    struct hosted_sink whole = sunk();
    uint32_t threads;
    long k;
    CHECK_OK(extract_into(snapshot, 3, NULL, &whole));
    for (threads = 1; threads <= 3; threads += 2) {
        for (k = 1; k <= whole.calls; k++) {
            struct hosted_sink hosted = sunk(), cancelled = sunk();
            hexz_cancel *cancel = NULL;
            check_about("extraction by %u, call %ld of %ld", (unsigned)threads, k, whole.calls);
            hosted.trouble.at = k;
            hosted.trouble.code = k % 2 ? -5 : 5;
            CHECK_STATUS(extract_into(snapshot, threads, NULL, &hosted), HEXZ_ERR_CALLBACK);
            CHECK_EQ(hexz_last_callback_code(), hosted.trouble.code);
            CHECK_TEXT("opts.sink");
            check_aborted(&hosted);
            CHECK_EQ(hosted.commits, k == whole.calls);
            CHECK(hosted.len <= disk_len);
            CHECK_BYTES(hosted.bytes, disk, hosted.len);
            CHECK_OK(hexz_cancel_new(&cancel));
            cancelled.trouble.at = k;
            cancelled.trouble.cancel = cancel;
            if (k == whole.calls) {
                CHECK_OK(extract_into(snapshot, threads, cancel, &cancelled));
                check_committed(&cancelled);
            } else {
                CHECK_STATUS(extract_into(snapshot, threads, cancel, &cancelled), HEXZ_ERR_CANCELLED);
                check_aborted(&cancelled);
                CHECK_EQ(cancelled.commits, 0);
            }
            hexz_cancel_free(cancel);
            sink_free(&hosted);
            sink_free(&cancelled);
        }
    }
    sink_free(&whole);
    check_about("%s", "");
}

/* Damage in the middle: what came before it came, in order, and then the abort. */
static void damaged(void)
{
    size_t len, at;
    unsigned char *bytes = get_file(in_folder("disk.hxz"), &len);
    uint32_t threads;
    for (threads = 1; threads <= 3; threads++) {
        struct hosted_storage storage = stored(bytes, len);
        struct hosted_sink hosted = sunk();
        hexz_snapshot *snapshot = NULL;
        check_about("damage, %u threads", (unsigned)threads);
        at = len / 2;
        bytes[at] ^= 1;
        if (CHECK_OK(open_storage(&storage, 0, NULL, &snapshot)))
            CHECK_STATUS(extract_into(snapshot, threads, NULL, &hosted), HEXZ_ERR_CORRUPT);
        check_aborted(&hosted);
        CHECK_EQ(hosted.commits, 0);
        CHECK(hosted.len < disk_len);
        CHECK_BYTES(hosted.bytes, disk, hosted.len);
        hexz_snapshot_close(snapshot);
        bytes[at] ^= 1;
        sink_free(&hosted);
    }
    check_about("%s", "");
    free(bytes);
}

struct own {
    const hexz_snapshot *own, *other;
    int called;
};

static void use_own(void *data)
{
    struct own *own = data;
    struct hosted_sink hosted = sunk();
    unsigned char byte;
    own->called++;
    CHECK_STATUS(hexz_snapshot_read(own->own, 0, 0, &byte, 1), HEXZ_ERR_STATE);
    CHECK_STATUS(extract_into(own->own, 1, NULL, &hosted), HEXZ_ERR_STATE);
    check_untouched(&hosted);
    CHECK_OK(extract_into(own->other, 1, NULL, &hosted));
    check_disk(&hosted);
    sink_free(&hosted);
}

static void own_handle(const hexz_snapshot *snapshot)
{
    hexz_snapshot *other = must_open(in_folder("disk.hxz"));
    uint32_t threads;
    for (threads = 1; threads <= 3; threads += 2) {
        struct hosted_sink hosted = sunk();
        struct own own;
        own.own = snapshot;
        own.other = other;
        own.called = 0;
        hosted.trouble.at = 2;
        hosted.trouble.during = use_own;
        hosted.trouble.during_data = &own;
        CHECK_OK(extract_into(snapshot, threads, NULL, &hosted));
        CHECK_EQ(own.called, 1);
        check_disk(&hosted);
        sink_free(&hosted);
    }
    hexz_snapshot_close(other);
}

/* Nothing to write is complete at once. */
static void empty(void)
{
    struct hosted_sink hosted = sunk(), back = sunk();
    struct hosted_storage storage;
    hexz_build_opts opts = build_kind(&kinds[0], 1);
    hexz_snapshot *snapshot = NULL;
    put_file(in_folder("empty.raw"), "", 0);
    opts.source = in_folder("empty.raw");
    CHECK_OK(build_into(opts, &hosted));
    storage = stored(hosted.bytes, hosted.len);
    if (CHECK_OK(open_storage(&storage, 0, NULL, &snapshot))) {
        CHECK_OK(extract_into(snapshot, 2, NULL, &back));
        check_committed(&back);
        CHECK_EQ(back.writes + back.zero_runs, 0);
    }
    hexz_snapshot_close(snapshot);
    sink_free(&hosted);
}

struct drain {
    int fd;
    unsigned char *bytes;
    size_t len, room;
};

static void *drain(void *argument)
{
    struct drain *drain = argument;
    ssize_t n;
    while ((n = read(drain->fd, drain->bytes + drain->len, drain->room - drain->len)) > 0)
        drain->len += (size_t)n;
    return NULL;
}

static int32_t write_pipe(void *user_data, const void *buf, size_t len)
{
    const unsigned char *from = buf;
    while (len > 0) {
        ssize_t n = write(*(int *)user_data, from, len);
        if (n <= 0)
            return errno == 0 ? -1 : errno;
        from += n;
        len -= (size_t)n;
    }
    return 0;
}

/* What cannot seek takes it: the whole snapshot, and the stream. */
static void through_a_pipe(const hexz_snapshot *snapshot)
{
    int way;
    for (way = 0; way < 2; way++) {
        int ends[2];
        struct drain all;
        pthread_t thread;
        hexz_sink sink = HEXZ_INIT(hexz_sink);
        hexz_build_opts opts = build_kind(&kinds[0], 2);
        hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
        if (pipe(ends) != 0)
            fixture_fail("pipe", "a test");
        all.fd = ends[0];
        all.len = 0;
        all.room = 2 * disk_len + 100000;
        all.bytes = bytes_new(all.room);
        if (pthread_create(&thread, NULL, drain, &all) != 0)
            fixture_fail("pthread_create", "a thread");
        sink.write = write_pipe;
        sink.user_data = &ends[1];
        opts.sink = &sink;
        extract.sink = &sink;
        extract.threads = 2;
        CHECK_OK(way == 0 ? hexz_build(&opts) : hexz_snapshot_extract(snapshot, &extract));
        (void)close(ends[1]);
        (void)pthread_join(thread, NULL);
        (void)close(ends[0]);
        CHECK(file_holds(in_folder(way == 0 ? "disk.hxz" : "disk.raw"), all.bytes, all.len));
        free(all.bytes);
    }
}

int main(void)
{
    hexz_build_opts opts;
    hexz_snapshot *snapshot;
    size_t i;
    disk_len = (fixture_small() ? 4 : 12) * ((size_t)1 << 20) + 333;
    memory_len = 300000;
    disk = bytes_new(disk_len);
    memory = bytes_new(memory_len);
    fill_random(disk, disk_len, 6);
    fill_text(disk + 400000, 600000, 5);
    memset(disk + 1500000, 0, 700000);
    memset(disk + 2400000, 0, 8192);
    memset(disk + disk_len - 5000, 0, 5000);
    fill_text(memory, memory_len, 8);
    put_file(in_folder("disk.raw"), disk, disk_len);
    put_file(in_folder("memory.raw"), memory, memory_len);
    opts = build_of(in_folder("disk.raw"), in_folder("disk.hxz"));
    CHECK_OK(hexz_build(&opts));
    snapshot = must_open(in_folder("disk.hxz"));

    for (i = 0; i < COUNT(kinds); i++)
        if (!fixture_small() || i == 0 || i == 4)
            built(&kinds[i]);
    troubled_build(&kinds[0]);
    troubled_build(&kinds[fixture_small() ? 0 : 2]);
    refused();
    least(snapshot);
    extracted(snapshot);
    troubled_extraction(snapshot);
    damaged();
    own_handle(snapshot);
    empty();
    through_a_pipe(snapshot);
    hexz_snapshot_close(snapshot);
    free(disk);
    free(memory);
    return check_done();
}
