/* Every system call fails once: for each kind of call the first, the second,
 * and so on until none is left to fail. Whatever it is that fails, and whether
 * it fails once or from then on, the call copes or tells which file and which
 * error it was; the output is the whole new one or what was there before;
 * nothing is left beside it, no descriptor and no thread. A call that was
 * interrupted or came short is no failure at all.
 *
 * Linked with fault_shim.c, which stands in front of the C library. */
#include "fixture.h"

#include "fault_shim.h"

#include <time.h>

#define DISK_LEN ((size_t)2 << 20)
#define MEMORY_LEN ((size_t)300 << 10)
#define CALLS_MAX 2000     /* more calls of one kind than any of this makes */
#define SETTLE_SECONDS 15 /* until a thread that should be gone is a failure */
#define OLD "what was there before"

enum work { BUILD, BUILD_SAMPLED, EXTRACT, READ };

static const char *const kind_names[FAULT_KINDS] = {"openat", "fstat",     "fstatat", "lseek",  "pread",
                                                    "pwrite", "ftruncate", "fsync",   "linkat", "renameat"};
static const struct mode {
    const char *name;
    int error;
    int stays;
} modes[] = {{"EIO once", EIO, 0},
             {"EIO from then on", EIO, 1},
             {"ENOSPC from then on", ENOSPC, 1},
             {"EINTR once", EINTR, 0},
             {"short once", FAULT_SHORT, 0}};

static unsigned char *disk;
/* What each work makes when nothing fails. */
static struct {
    unsigned char *bytes;
    size_t len;
} whole[READ];
static long calls_seen[FAULT_KINDS];
static long descriptors, threads;

static int comes_short(enum fault_kind kind)
{
    return kind == FAULT_PREAD || kind == FAULT_PWRITE;
}

/* What a call of this kind does about EINTR is to make it again. */
static int is_repeated(enum fault_kind kind)
{
    return comes_short(kind) || kind == FAULT_OPENAT || kind == FAULT_FTRUNCATE;
}

static hexz_status build(int sampled, int over)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("out/file"));
    opts.memory = in_folder("memory.raw");
    opts.flags = over ? HEXZ_BUILD_OVERWRITE : 0;
    opts.profile = sampled ? "eda" : NULL;
    opts.threads = 2;
    return hexz_build(&opts);
}

static hexz_status extract(hexz_snapshot *snapshot, int over)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    opts.output = in_folder("out/file");
    opts.flags = over ? HEXZ_EXTRACT_OVERWRITE : 0;
    opts.threads = 2;
    return hexz_snapshot_extract(snapshot, &opts);
}

/* Opens, reads, verifies; what was read is right whenever the library says so. */
static hexz_status look_at_all(unsigned char *buf)
{
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_snapshot *snapshot = NULL;
    hexz_status status = open_path(in_folder("disk.hxz"), &snapshot);
    verify.threads = 2;
    if (status == HEXZ_OK) {
        status = hexz_snapshot_read(snapshot, 0, 0, buf, DISK_LEN);
        if (status == HEXZ_OK)
            CHECK_BYTES(buf, disk, DISK_LEN);
    }
    if (status == HEXZ_OK)
        status = hexz_snapshot_verify(snapshot, &verify);
    hexz_snapshot_close(snapshot);
    return status;
}

static hexz_status do_work(enum work work, int over, hexz_snapshot *snapshot)
{
    static unsigned char buf[DISK_LEN];
    switch (work) {
    case BUILD:
        return build(0, over);
    case BUILD_SAMPLED:
        return build(1, over);
    case EXTRACT:
        return extract(snapshot, over);
    default:
        return look_at_all(buf);
    }
}

/* A thread that was joined is still listed for a moment. */
static void check_nothing_leaked(void)
{
    const struct timespec pause = {0, 1000000};
    long i;
    for (i = 0; i < SETTLE_SECONDS * 1000 && entries_in("/proc/self/task") != threads; i++)
        (void)nanosleep(&pause, NULL);
    CHECK_EQ(entries_in("/proc/self/task"), threads);
    CHECK_EQ(entries_in("/proc/self/fd"), descriptors);
}

static void check_failure(enum work work, hexz_status status, enum fault_kind kind, const struct mode *mode)
{
    hexz_status reading = work < EXTRACT ? HEXZ_ERR_SOURCE : HEXZ_ERR_IO;
    CHECK(status == reading || (work != READ && status == HEXZ_ERR_OUTPUT));
    CHECK_EQ(hexz_last_errno(), mode->error);
    CHECK_TEXT(status == HEXZ_ERR_OUTPUT ? "out/file" : work < EXTRACT ? ".raw" : "disk.hxz");
    CHECK(mode->error != FAULT_SHORT);
    CHECK(mode->error != EINTR || !is_repeated(kind));
}

static void check_output(enum work work, int over, int in_place)
{
    const char *output = in_folder("out/file");
    if (in_place)
        CHECK(file_holds(output, whole[work].bytes, whole[work].len));
    else if (over)
        CHECK(file_holds(output, OLD, strlen(OLD)));
    else
        CHECK(!file_exists(output));
    CHECK_EQ(entries_in(in_folder("out")), in_place || over);
}

/* The `nth` call fails; false when there were fewer. */
static int fail_one(enum work work, int over, enum fault_kind kind, const struct mode *mode, long nth)
{
    hexz_snapshot *snapshot = work == EXTRACT ? must_open(in_folder("disk.hxz")) : NULL;
    hexz_status status;
    long calls;
    (void)unlink(in_folder("out/file"));
    if (over)
        put_file(in_folder("out/file"), OLD, strlen(OLD));
    fault_arm(kind, nth, mode->error, mode->stays);
    status = do_work(work, over, snapshot);
    calls = fault_disarm();
    if (calls < nth)
        CHECK_OK(status);
    else if (status != HEXZ_OK)
        check_failure(work, status, kind, mode);
    if (work != READ) {
        /* The last step of all, and the text says so. */
        int too_late = kind == FAULT_FSYNC && strstr(hexz_last_error(), "complete and in place") != NULL;
        check_output(work, over, status == HEXZ_OK || too_late);
    }
    if (work == EXTRACT && calls >= nth) {
        /* What failed once is not remembered by the handle. */
        CHECK_OK(extract(snapshot, 1));
        check_output(work, 1, 1);
    }
    hexz_snapshot_close(snapshot);
    check_nothing_leaked();
    return calls >= nth;
}

static void fail_each(enum work work, int over, const char *about)
{
    int kind;
    size_t m;
    for (kind = 0; kind < FAULT_KINDS; kind++)
        for (m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
            long nth = 0;
            if (modes[m].error == FAULT_SHORT && !comes_short(kind))
                continue;
            do {
                nth++;
                check_about("%s%s: %s number %ld, %s", about, over ? " over an old file" : "", kind_names[kind], nth,
                            modes[m].name);
            } while (fail_one(work, over, (enum fault_kind)kind, &modes[m], nth) && nth < CALLS_MAX);
            CHECK(nth < CALLS_MAX);
            calls_seen[kind] += nth - 1;
        }
}

static void make_whole(enum work work, hexz_snapshot *snapshot)
{
    CHECK_OK(do_work(work, 1, snapshot));
    whole[work].bytes = get_file(in_folder("out/file"), &whole[work].len);
}

int main(void)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("disk.hxz"));
    unsigned char *memory = bytes_new(MEMORY_LEN);
    hexz_snapshot *snapshot;
    int kind;

    disk = bytes_new(DISK_LEN);
    memset(disk, 0, DISK_LEN);
    fill_random(disk + (256 << 10), (size_t)700 << 10, 5);
    fill_text(disk + (1280 << 10), (size_t)512 << 10, 6);
    put_sparse(in_folder("disk.raw"), disk, DISK_LEN);
    fill_random(memory, MEMORY_LEN, 7);
    put_file(in_folder("memory.raw"), memory, MEMORY_LEN);
    free(memory);
    if (mkdir(in_folder("out"), 0700) != 0)
        fixture_fail("mkdir", in_folder("out"));
    CHECK_OK(hexz_build(&opts));

    make_whole(BUILD, NULL);
    make_whole(BUILD_SAMPLED, NULL);
    snapshot = must_open(in_folder("disk.hxz"));
    make_whole(EXTRACT, snapshot);
    hexz_snapshot_close(snapshot);
    CHECK_EQ(whole[EXTRACT].len, DISK_LEN);
    CHECK_BYTES(whole[EXTRACT].bytes, disk, DISK_LEN);
    descriptors = entries_in("/proc/self/fd");
    threads = entries_in("/proc/self/task");

    fail_each(READ, 0, "read");
    fail_each(BUILD, 0, "build");
    fail_each(BUILD, 1, "build");
    fail_each(BUILD_SAMPLED, 0, "build that looks for a dictionary");
    fail_each(EXTRACT, 0, "extract");
    fail_each(EXTRACT, 1, "extract");
    fault_old_file_system(1);
    fail_each(BUILD, 0, "build on an old file system");
    fail_each(BUILD, 1, "build on an old file system");
    fail_each(EXTRACT, 0, "extract on an old file system");
    fail_each(EXTRACT, 1, "extract on an old file system");

    check_about("%s", "");
    /* A kind that never came was not tested, or does not go through the shim. */
    for (kind = 0; kind < FAULT_KINDS; kind++) {
        printf("fault: %ld of %s\n", calls_seen[kind], kind_names[kind]);
        CHECK(calls_seen[kind] > 0);
    }
    free(whole[BUILD].bytes);
    free(whole[BUILD_SAMPLED].bytes);
    free(whole[EXTRACT].bytes);
    free(disk);
    return check_done();
}
