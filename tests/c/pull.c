/* Streams that callbacks of the host program read: on which thread they come,
 * how often and in which order, that what is no data is never asked for, each
 * call failing and being the moment of a cancel, and what a host may say that
 * makes no sense. Whatever the way in, the bytes of a snapshot are the same. */
#include "fixture.h"
#include "passwords.h"

#include <pthread.h>

#define PAGE ((size_t)4096)
#define MIB ((size_t)1 << 20)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NEVER ((long)-1)

/* A run of the host's map, up to `end`. */
struct run {
    uint64_t end;
    uint32_t kind;
};

struct host {
    const unsigned char *bytes;
    uint64_t len;
    const struct run *runs; /* the last one reaches the end */
    uint64_t longest;       /* no answer is longer; 0: all of the run */
    int concurrent;

    pthread_mutex_t lock;
    pthread_cond_t met;
    pthread_t caller;
    long reads, looks;      /* calls begun */
    long inside, inside_max;
    long elsewhere;         /* reads on another thread than the caller's */
    long looks_elsewhere;
    unsigned char *asked;   /* NULL, or for each offset whether its extent was asked for */
    long asked_twice;
    int meet;               /* the first two reads wait for each other */
    uint64_t read_bytes, next;
    int in_order;
    size_t most;            /* longest read */
    int in_holes;           /* somebody asked for what is no data */

    long fail_at;           /* this call, of both kinds, answers `code` */
    int32_t code;
    long cancel_at;
    hexz_cancel *cancel;
    uint32_t lie_kind;      /* in place of the kind, if not UINT32_MAX */
    uint64_t lie_len;       /* in place of the length, if not 1 */
    void (*during)(void);
};

static unsigned char *disk;
static size_t disk_len;
static struct run *runs;

static void start(struct host *host)
{
    memset(host, 0, sizeof(*host));
    host->bytes = disk;
    host->len = disk_len;
    host->runs = runs;
    (void)pthread_mutex_init(&host->lock, NULL);
    (void)pthread_cond_init(&host->met, NULL);
    host->caller = pthread_self();
    host->in_order = 1;
    host->fail_at = host->cancel_at = NEVER;
    host->lie_kind = UINT32_MAX;
    host->lie_len = 1;
}

static const struct run *run_at(const struct host *host, uint64_t offset)
{
    const struct run *run = host->runs;
    while (run->end <= offset)
        run++;
    return run;
}

/* Before each call: its number; what it answers unless 0. */
static int32_t enter(struct host *host)
{
    long call = host->reads + host->looks - 1;
    if (call == host->cancel_at)
        hexz_cancel_trigger(host->cancel);
    return call == host->fail_at ? host->code : 0;
}

static int32_t read_at(void *user_data, uint64_t offset, void *buf, size_t len)
{
    struct host *host = user_data;
    const struct run *run;
    int32_t code;

    (void)pthread_mutex_lock(&host->lock);
    host->reads++;
    host->elsewhere += !pthread_equal(host->caller, pthread_self());
    host->inside++;
    if (host->inside > host->inside_max)
        host->inside_max = host->inside;
    (void)pthread_cond_broadcast(&host->met);
    while (host->meet && host->inside_max < 2)
        (void)pthread_cond_wait(&host->met, &host->lock);
    host->in_order = host->in_order && offset >= host->next;
    host->next = offset + len;
    host->read_bytes += len;
    if (len > host->most)
        host->most = len;
    CHECK(len > 0 && offset < host->len && len <= host->len - offset);
    for (run = run_at(host, offset); run->kind == HEXZ_EXTENT_DATA && run->end < offset + len; run++)
        ;
    host->in_holes += run->kind != HEXZ_EXTENT_DATA;
    code = enter(host);
    (void)pthread_mutex_unlock(&host->lock);
    if (host->during != NULL)
        host->during();
    if (code == 0 && host->bytes != NULL)
        memcpy(buf, host->bytes + offset, len);
    else if (code == 0)
        memset(buf, 'x', len);
    (void)pthread_mutex_lock(&host->lock);
    host->inside--;
    (void)pthread_mutex_unlock(&host->lock);
    return code;
}

static int32_t extent_at(void *user_data, uint64_t offset, uint64_t *len, uint32_t *kind)
{
    struct host *host = user_data;
    const struct run *run = run_at(host, offset);
    int32_t code;

    (void)pthread_mutex_lock(&host->lock);
    host->looks++;
    host->looks_elsewhere += !pthread_equal(host->caller, pthread_self());
    CHECK(offset < host->len && *len >= 1);
    *kind = host->lie_kind != UINT32_MAX ? host->lie_kind : run->kind;
    *len = run->end - offset;
    if (host->longest != 0 && *len > host->longest)
        *len = host->longest;
    if (host->lie_len != 1)
        *len = host->lie_len;
    if (host->asked != NULL)
        host->asked_twice += host->asked[offset]++;
    code = enter(host);
    (void)pthread_mutex_unlock(&host->lock);
    return code;
}

/* What a hexz_stream of the host points to: valid until the next one. */
static const hexz_stream *stream_of(struct host *host, const char *name)
{
    static hexz_source source;
    static hexz_stream stream;
    const hexz_source fresh = HEXZ_INIT(hexz_source);
    const hexz_stream fresh_stream = HEXZ_INIT(hexz_stream);
    source = fresh;
    source.user_data = host;
    source.size = host->len;
    source.flags = host->concurrent ? HEXZ_SOURCE_CONCURRENT : 0;
    source.read_at = read_at;
    source.extent_at = host->runs != NULL ? extent_at : NULL;
    stream = fresh_stream;
    stream.name = name;
    stream.kind = HEXZ_STREAM_DISK;
    stream.source = &source;
    return &stream;
}

static hexz_status pull(struct host *host, hexz_build_opts *opts)
{
    const hexz_stream *list[1];
    hexz_status status;
    list[0] = stream_of(host, "disk");
    opts->source = NULL;
    opts->streams = list;
    opts->stream_count = 1;
    opts->cancel = host->cancel;
    status = hexz_build(opts);
    /* Threads of the library are gone; TSan, which does not see it end them, sees this. */
    (void)pthread_mutex_lock(&host->lock);
    (void)pthread_mutex_unlock(&host->lock);
    return status;
}

static hexz_build_opts to(const char *name)
{
    hexz_build_opts opts = build_of(NULL, in_folder(name));
    (void)unlink(in_folder(name));
    return opts;
}

/* A disk whose map is no map of pages: runs that begin and end anywhere, crumbs
 * of data and of zeros in one page, zeros told as data, the end in a page. */
static void make_disk(void)
{
    static const size_t lens[] = {10,     4086,   3 * PAGE, 5,    70000,  1,     3,      4092,
                                  300000, PAGE,   PAGE + 1, 8191, 500001, 20000, 131072, 65536};
    const size_t rounds = fixture_small() ? 2 : 6;
    uint64_t at = 0;
    size_t i;

    disk_len = 0;
    for (i = 0; i < rounds * COUNT(lens); i++)
        disk_len += lens[i % COUNT(lens)] + i % 7;
    disk = bytes_new(disk_len);
    runs = (struct run *)(void *)bytes_new(rounds * COUNT(lens) * sizeof(*runs));
    for (i = 0; i < rounds * COUNT(lens); i++) {
        size_t len = lens[i % COUNT(lens)] + i % 7;
        runs[i].kind = i % 3 == 1 ? HEXZ_EXTENT_ZERO : HEXZ_EXTENT_DATA;
        runs[i].end = at + len;
        if (runs[i].kind == HEXZ_EXTENT_DATA && i % 5 == 0)
            fill_random(disk + at, len, i);
        else if (runs[i].kind == HEXZ_EXTENT_DATA && i % 11 != 3)
            fill_text(disk + at, len, i);
        at += len;
    }
    put_file(in_folder("disk.raw"), disk, disk_len);
}

static uint64_t data_bytes(void)
{
    uint64_t data = 0, at = 0;
    const struct run *run = runs;
    for (; at < disk_len; at = run->end, run++)
        data += run->kind == HEXZ_EXTENT_DATA ? run->end - at : 0;
    return data;
}

static long run_count(void)
{
    long count = 1;
    const struct run *run = runs;
    for (; run->end < disk_len; run++)
        count++;
    return count;
}

/* The same file by path, by callbacks, and as a stream of the snapshot of it. */
static void same_file(const char *profile, uint64_t flags)
{
    static const uint32_t threads[] = {1, 2, 5};
    hexz_build_opts opts = to("path.hxz");
    unsigned char *first;
    size_t first_len, i;
    int concurrent;
    uint64_t longest;

    opts.profile = profile;
    opts.flags |= flags;
    opts.source = in_folder("disk.raw");
    check_about("%s, flags %llu", profile, (unsigned long long)flags);
    if (!CHECK_OK(hexz_build(&opts)))
        return;
    first = get_file(in_folder("path.hxz"), &first_len);
    for (i = 0; i < COUNT(threads); i++) {
        hexz_stream stream = HEXZ_INIT(hexz_stream);
        const hexz_stream *list[1];
        hexz_snapshot *snapshot;
        for (concurrent = 0; concurrent < 2; concurrent++) {
            for (longest = 0; longest < 3; longest++) {
                struct host host;
                start(&host);
                host.concurrent = concurrent;
                host.longest = longest * longest * 5000;
                check_about("%s, flags %llu, %u threads, concurrent %d, answers of %llu", profile,
                            (unsigned long long)flags, (unsigned)threads[i], concurrent,
                            (unsigned long long)host.longest);
                opts = to("pull.hxz");
                opts.profile = profile;
                opts.flags |= flags;
                opts.threads = threads[i];
                CHECK_OK(pull(&host, &opts));
                CHECK(file_holds(in_folder("pull.hxz"), first, first_len));
                CHECK_EQ(host.in_holes, 0);
                CHECK_EQ(host.looks_elsewhere, 0);
            }
        }
        check_about("%s, flags %llu, %u threads, snapshot", profile, (unsigned long long)flags, (unsigned)threads[i]);
        snapshot = must_open(in_folder("path.hxz"));
        stream.name = "disk";
        stream.kind = HEXZ_STREAM_DISK;
        stream.snapshot = snapshot;
        list[0] = &stream;
        opts = to("again.hxz");
        opts.profile = profile;
        opts.flags |= flags;
        opts.threads = threads[i];
        opts.streams = list;
        opts.stream_count = 1;
        CHECK_OK(hexz_build(&opts));
        hexz_snapshot_close(snapshot);
        CHECK(file_holds(in_folder("again.hxz"), first, first_len));
    }
    check_about("%s", "");
    free(first);
}

/* On the calling thread, front to back, each byte of data once, no hole. */
static void on_the_calling_thread(void)
{
    static const uint32_t threads[] = {1, 2, 4};
    size_t i;
    for (i = 0; i < COUNT(threads); i++) {
        hexz_build_report report = HEXZ_INIT(hexz_build_report);
        hexz_build_opts opts = to("order.hxz");
        struct host host;
        check_about("%u threads", (unsigned)threads[i]);
        start(&host);
        opts.threads = threads[i];
        opts.report = &report;
        host.asked = bytes_new(disk_len);
        CHECK_OK(pull(&host, &opts));
        CHECK_EQ(host.elsewhere, 0);
        CHECK_EQ(host.inside_max, 1);
        CHECK(host.in_order);
        /* Nor is the map asked twice at one place: a page in two runs is looked at from both sides. */
        CHECK_EQ(host.asked_twice, 0);
        CHECK(host.looks <= 2 * run_count());
        free(host.asked);
        CHECK_EQ(host.in_holes, 0);
        CHECK_EQ(host.read_bytes, data_bytes());
        CHECK(host.most <= MIB);
        CHECK_EQ(report.bytes_zero + report.bytes_duplicate + report.bytes_unique, disk_len);
    }
    check_about("%s", "");
}

/* A source that says so is read by workers: two reads are under way at once,
 * and would wait for ever if they were not. With one thread, and with chunks,
 * which the thread cuts that reads, all is as above. */
static void on_workers(void)
{
    struct host host;
    hexz_build_opts opts = to("workers.hxz");
    unsigned char *big = bytes_new(8 * MIB);
    const struct run all = {8 * MIB, HEXZ_EXTENT_DATA};
    fill_random(big, 8 * MIB, 5);

    start(&host);
    host.bytes = big;
    host.len = 8 * MIB;
    host.runs = &all;
    host.concurrent = 1;
    host.meet = 1;
    opts.threads = 2;
    CHECK_OK(pull(&host, &opts));
    CHECK(host.elsewhere > 0);
    CHECK_EQ(host.inside_max, 2);
    CHECK_EQ(host.looks_elsewhere, 0);
    CHECK_EQ(host.read_bytes, 8 * MIB);

    host.meet = 0;
    host.elsewhere = host.inside_max = 0;
    opts = to("workers.hxz");
    opts.threads = 1;
    CHECK_OK(pull(&host, &opts));
    CHECK_EQ(host.elsewhere, 0);
    opts = to("workers.hxz");
    opts.threads = 2;
    opts.flags |= HEXZ_BUILD_CDC;
    CHECK_OK(pull(&host, &opts));
    CHECK_EQ(host.elsewhere, 0);
    CHECK_EQ(host.inside_max, 1);
    free(big);
}

/* Without a map all is data; and nothing is a stream too. */
static void without_a_map(void)
{
    hexz_build_opts opts = to("nomap.hxz");
    hexz_snapshot *snapshot;
    hexz_stream_info info = HEXZ_INIT(hexz_stream_info);
    struct host host;
    start(&host);
    host.runs = NULL;
    host.len = 0;
    CHECK_OK(pull(&host, &opts));
    CHECK_EQ(host.reads, 0);
    snapshot = must_open(in_folder("nomap.hxz"));
    CHECK_OK(hexz_snapshot_stream(snapshot, 0, &info));
    CHECK_EQ(info.size, 0);
    hexz_snapshot_close(snapshot);
}

static const struct run *all_data(void)
{
    static struct run run = {0, HEXZ_EXTENT_DATA};
    run.end = disk_len;
    return &run;
}

/* 16 TiB, of which two pages are not zeros: those are read, and nothing else. */
static void mostly_holes(void)
{
    static const struct run far[] = {{(uint64_t)1 << 43, HEXZ_EXTENT_ZERO},
                                     {((uint64_t)1 << 43) + 8192, HEXZ_EXTENT_DATA},
                                     {((uint64_t)1 << 44) - 1, HEXZ_EXTENT_ZERO}};
    hexz_build_opts opts = to("far.hxz");
    hexz_snapshot *snapshot;
    struct host host;
    char buf[2];
    start(&host);
    host.bytes = NULL;
    host.len = ((uint64_t)1 << 44) - 1;
    host.runs = far;
    CHECK_OK(pull(&host, &opts));
    CHECK_EQ(host.read_bytes, 8192);
    CHECK_EQ(host.in_holes, 0);
    CHECK(host.looks < 10);
    CHECK(file_size_of(in_folder("far.hxz")) < 65536);
    snapshot = must_open(in_folder("far.hxz"));
    CHECK_OK(hexz_snapshot_read(snapshot, 0, ((uint64_t)1 << 43) - 1, buf, 2));
    CHECK_BYTES(buf, "\0x", 2);
    hexz_snapshot_close(snapshot);
}

/* Each call fails once; a text and a code say which, nothing is left. */
static void failing(int concurrent, uint32_t threads, uint64_t flags, const char *profile)
{
    static const int32_t codes[] = {1, -1, INT32_MAX, INT32_MIN, 5};
    hexz_build_opts opts = to("fails.hxz");
    struct host host;
    long calls, k, step = fixture_small() ? 7 : 1;
    long entries;

    start(&host);
    host.concurrent = concurrent;
    opts.threads = threads;
    opts.flags |= flags;
    opts.profile = profile;
    CHECK_OK(pull(&host, &opts));
    calls = host.reads + host.looks;
    CHECK(calls > 50);
    opts = to("fails.hxz");
    entries = entries_here();
    for (k = 0; k < calls; k += step) {
        struct host failing;
        start(&failing);
        failing.concurrent = concurrent;
        failing.fail_at = k;
        failing.code = codes[(size_t)k % COUNT(codes)];
        opts.threads = threads;
        opts.flags |= flags;
        opts.profile = profile;
        check_about("call %ld of %ld, concurrent %d, %u threads", k, calls, concurrent, (unsigned)threads);
        CHECK_STATUS(pull(&failing, &opts), HEXZ_ERR_CALLBACK);
        CHECK(hexz_last_callback_code() == failing.code);
        CHECK_TEXT("'disk'");
        CHECK(strstr(hexz_last_error(), "read_at") != NULL || strstr(hexz_last_error(), "extent_at") != NULL);
        /* Others may have been under way. */
        if (!concurrent)
            CHECK_EQ(failing.reads + failing.looks, k + 1);
        CHECK_EQ(entries_here(), entries);
    }
    check_about("%s", "");
}

/* Each call is the moment of a cancel, after which there is no other. */
static void cancelling(int concurrent, uint32_t threads)
{
    hexz_build_opts opts = to("cancel.hxz");
    struct host host;
    long calls, k, step = fixture_small() ? 7 : 1, entries;

    start(&host);
    opts.threads = threads;
    CHECK_OK(pull(&host, &opts));
    calls = host.reads + host.looks;
    opts = to("cancel.hxz");
    entries = entries_here();
    for (k = 0; k < calls; k += step) {
        struct host stopping;
        start(&stopping);
        stopping.concurrent = concurrent;
        stopping.cancel_at = k;
        CHECK_OK(hexz_cancel_new(&stopping.cancel));
        opts.threads = threads;
        check_about("call %ld of %ld, concurrent %d, %u threads", k, calls, concurrent, (unsigned)threads);
        CHECK_STATUS(pull(&stopping, &opts), HEXZ_ERR_CANCELLED);
        CHECK(stopping.reads + stopping.looks <= k + (concurrent ? (long)threads : 1));
        CHECK_EQ(entries_here(), entries);
        hexz_cancel_free(stopping.cancel);
    }
    check_about("%s", "");
}

/* A map that makes no sense is the source's fault, and said with its place. */
static void lies(void)
{
    static const uint32_t kinds[] = {0, HEXZ_EXTENT_PARENT, HEXZ_EXTENT_SAME, 5, UINT32_MAX - 1};
    static const uint64_t sizes[] = {((uint64_t)1 << 63), UINT64_MAX};
    hexz_build_opts opts = to("lies.hxz");
    long entries = entries_here();
    struct host host;
    size_t i;

    for (i = 0; i < COUNT(kinds); i++) {
        check_about("kind %u", (unsigned)kinds[i]);
        start(&host);
        host.lie_kind = kinds[i];
        CHECK_STATUS(pull(&host, &opts), HEXZ_ERR_SOURCE);
        CHECK_TEXT("source 'disk'");
        CHECK_TEXT(kinds[i] == HEXZ_EXTENT_PARENT ? "parent" : "kind");
        CHECK_EQ(host.reads, 0);
        CHECK_EQ(entries_here(), entries);
    }
    check_about("%s", "a length of 0");
    start(&host);
    host.lie_len = 0;
    CHECK_STATUS(pull(&host, &opts), HEXZ_ERR_SOURCE);
    CHECK_TEXT("0 bytes");
    CHECK_EQ(host.reads, 0);
    check_about("%s", "lengths beyond the end");
    start(&host);
    host.runs = all_data();
    host.lie_len = UINT64_MAX;
    CHECK_OK(pull(&host, &opts));
    CHECK_EQ(host.read_bytes, disk_len);
    opts = to("lies.hxz");
    for (i = 0; i < COUNT(sizes); i++) {
        check_about("a size of %llu", (unsigned long long)sizes[i]);
        start(&host);
        host.len = sizes[i];
        CHECK_STATUS(pull(&host, &opts), HEXZ_ERR_INVALID_ARGUMENT);
        CHECK_TEXT("size");
        CHECK_EQ(host.reads + host.looks, 0);
    }
    check_about("%s", "");
}

static hexz_snapshot *other;
static unsigned char seen[100];

static void use_another(void)
{
    unsigned char bytes[100];
    CHECK_OK(hexz_snapshot_read(other, 0, 7, bytes, sizeof(bytes)));
    CHECK_BYTES(bytes, seen, sizeof(bytes));
    /* The texts of a callback's own failures are not those of the build. */
    CHECK_STATUS(hexz_snapshot_read(other, 9, 0, bytes, 1), HEXZ_ERR_NO_STREAM);
}

/* A callback may use other handles. */
static void other_handles(void)
{
    hexz_build_opts opts = to("other.hxz");
    struct host host;
    CHECK_OK((opts.source = in_folder("disk.raw"), hexz_build(&opts)));
    other = must_open(in_folder("other.hxz"));
    memcpy(seen, disk + 7, sizeof(seen));
    start(&host);
    host.during = use_another;
    opts = to("within.hxz");
    CHECK_OK(pull(&host, &opts));
    start(&host);
    host.during = use_another;
    host.concurrent = 1;
    host.fail_at = 20;
    host.code = 77;
    opts = to("within.hxz");
    opts.threads = 2;
    CHECK_STATUS(pull(&host, &opts), HEXZ_ERR_CALLBACK);
    CHECK_TEXT("'disk'");
    CHECK_EQ(hexz_last_callback_code(), 77);
    hexz_snapshot_close(other);
}

static void encrypted(void)
{
    struct passwords passwords = password_is("of the pull");
    hexz_build_opts opts = encrypted_build_of(NULL, in_folder("sealed.hxz"), &passwords);
    unsigned char *back = bytes_new(disk_len);
    hexz_snapshot *snapshot;
    struct host host;
    start(&host);
    host.concurrent = 1;
    opts.threads = 2;
    CHECK_OK(pull(&host, &opts));
    CHECK_EQ(host.in_holes, 0);
    snapshot = must_open_with(in_folder("sealed.hxz"), "of the pull");
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, disk_len));
    CHECK_BYTES(back, disk, disk_len);
    hexz_snapshot_close(snapshot);
    free(back);

    /* Refused before anything is read or asked. */
    passwords = password_is("of the pull");
    opts = encrypted_build_of(NULL, in_folder("sealed.hxz"), &passwords);
    start(&host);
    CHECK_STATUS(pull(&host, &opts), HEXZ_ERR_EXISTS);
    CHECK_EQ(host.reads + host.looks, 0);
    CHECK_EQ(passwords.count, 0);
}

int main(void)
{
    make_disk();
    same_file("generic", 0);
    same_file("generic", HEXZ_BUILD_CDC);
    same_file("eda", 0);
    same_file("embedded", HEXZ_BUILD_CDC);
    on_the_calling_thread();
    on_workers();
    without_a_map();
    mostly_holes();
    failing(0, 1, 0, "generic");
    failing(0, 2, 0, "embedded");
    failing(1, 2, 0, "generic");
    failing(1, 1, HEXZ_BUILD_CDC, "generic");
    cancelling(0, 1);
    cancelling(0, 2);
    cancelling(1, 2);
    lies();
    other_handles();
    encrypted();
    free(disk);
    free(runs);
    return check_done();
}
