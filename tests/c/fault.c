/* Every system call fails once: for each kind of call the first, the second,
 * and so on until none is left to fail. Whatever it is that fails, and whether
 * it fails once or from then on, the call copes or tells which file and which
 * error it was; the output is the whole new one or what was there before;
 * nothing is left beside it, no descriptor and no thread. A call that was
 * interrupted or came short is no failure at all. A change of passwords, which
 * writes in place, leaves a snapshot that the old or the new one opens, also
 * when the process is killed in the middle of a call.
 *
 * Linked with fault_shim.c, which stands in front of the C library. */
#include "passwords.h"

#include "fault_shim.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define DISK_LEN ((size_t)2 << 20)
#define MEMORY_LEN ((size_t)300 << 10)
#define CALLS_MAX 2000     /* more calls of one kind than any of this makes */
#define SETTLE_SECONDS 15 /* until a thread that should be gone is a failure */
#define OLD "what was there before"
#define OLD_PASSWORD "yesterday"
#define NEW_PASSWORD "tomorrow"
#define SLOTS_BEGIN ((size_t)4096) /* docs/FORMAT.md, section 7.1 */
#define SLOTS_END ((size_t)12288)

enum work { BUILD, BUILD_SAMPLED, BUILD_ENCRYPTED, BUILD_THIN, EXTRACT, EXTRACT_IN_PLACE, READ, READ_ENCRYPTED, REKEY };

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
/* What each work makes when nothing fails; what is encrypted is new each time. */
static struct {
    unsigned char *bytes;
    size_t len;
} whole[EXTRACT_IN_PLACE + 1], encrypted;
static long calls_seen[FAULT_KINDS];
static long descriptors, threads, swept, locks_seen, killed, parents_failed[2];

static int comes_short(enum fault_kind kind)
{
    return kind == FAULT_PREAD || kind == FAULT_PWRITE;
}

/* What a call of this kind does about EINTR is to make it again. */
static int is_repeated(enum fault_kind kind)
{
    return comes_short(kind) || kind == FAULT_OPENAT || kind == FAULT_FTRUNCATE || kind == FAULT_CLOSE ||
           kind == FAULT_LOCK || kind == FAULT_FALLOCATE;
}

static int is_build(enum work work)
{
    return work == BUILD || work == BUILD_SAMPLED || work == BUILD_ENCRYPTED || work == BUILD_THIN;
}

static int has_output(enum work work)
{
    return is_build(work) || work == EXTRACT || work == EXTRACT_IN_PLACE;
}

/* What the work reads, or changes. */
static const char *operand_of(enum work work)
{
    switch (work) {
    case READ_ENCRYPTED:
        return "secret.hxz";
    case REKEY:
        return "rekey.hxz";
    default:
        return is_build(work) ? ".raw" : "disk.hxz";
    }
}

static hexz_status build(enum work work, int over)
{
    struct passwords passwords = password_is(OLD_PASSWORD);
    hexz_build_opts opts = work == BUILD_ENCRYPTED
                               ? encrypted_build_of(in_folder("disk.raw"), in_folder("out/file"), &passwords)
                               : build_of(in_folder("disk.raw"), in_folder("out/file"));
    opts.memory = in_folder("memory.raw");
    opts.flags &= ~(uint64_t)HEXZ_BUILD_NO_SYNC;
    opts.flags |= over ? HEXZ_BUILD_OVERWRITE : 0;
    opts.profile = work == BUILD_SAMPLED ? "eda" : NULL;
    opts.threads = 2;
    /* What is in the parent at the same place, and what is not. */
    opts.parent = work == BUILD_THIN ? in_folder("disk.hxz") : NULL;
    return hexz_build(&opts);
}

static hexz_status extract(hexz_snapshot *snapshot, uint64_t flags)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    opts.output = in_folder("out/file");
    opts.flags = flags;
    opts.threads = 2;
    return hexz_snapshot_extract(snapshot, &opts);
}

/* Opens, with a password unless it is NULL, reads, verifies; what was read is
 * right whenever the library says so. */
static hexz_status look_at_all(const char *path, const char *password)
{
    static unsigned char buf[DISK_LEN];
    struct passwords passwords = password_is(password != NULL ? password : "");
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_snapshot *snapshot = NULL;
    hexz_status status = password != NULL ? open_with(path, &passwords, &snapshot) : open_path(path, &snapshot);
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

static hexz_status rekey(const char *old, const char *new)
{
    struct passwords passwords = no_passwords();
    hexz_rekey_opts opts = rekey_of(in_folder("rekey.hxz"), HEXZ_REKEY_REPLACE, &passwords);
    add_answer(&passwords, 0, old, strlen(old));
    add_answer(&passwords, 0, new, strlen(new));
    return hexz_snapshot_rekey(&opts);
}

static hexz_status do_work(enum work work, int over, hexz_snapshot *snapshot)
{
    switch (work) {
    case EXTRACT:
        return extract(snapshot, over ? HEXZ_EXTRACT_OVERWRITE : 0);
    case EXTRACT_IN_PLACE:
        return extract(snapshot, HEXZ_EXTRACT_IN_PLACE);
    case READ:
        return look_at_all(in_folder("disk.hxz"), NULL);
    case READ_ENCRYPTED:
        return look_at_all(in_folder("secret.hxz"), OLD_PASSWORD);
    case REKEY:
        return rekey(OLD_PASSWORD, NEW_PASSWORD);
    default:
        return build(work, over);
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
    hexz_status reading = is_build(work) ? HEXZ_ERR_SOURCE : HEXZ_ERR_IO;
    int writes = has_output(work) || work == REKEY;
    /* A parent that cannot be opened, and one that cannot be read. */
    int of_parent = work == BUILD_THIN && (status == HEXZ_ERR_PARENT || status == HEXZ_ERR_IO);
    if (status != reading && !of_parent)
        CHECK_STATUS(status, writes ? HEXZ_ERR_OUTPUT : reading);
    parents_failed[status == HEXZ_ERR_IO] += of_parent;
    CHECK_EQ(hexz_last_errno(), mode->error);
    if (of_parent)
        CHECK_TEXT("disk.hxz");
    else
        CHECK_TEXT(status == HEXZ_ERR_OUTPUT && has_output(work) ? "out/file" : operand_of(work));
    CHECK(mode->error != FAULT_SHORT);
    CHECK(mode->error != EINTR || !is_repeated(kind));
}

static void check_file(enum work work, int over, int in_place)
{
    const char *output = in_folder("out/file");
    if (work == EXTRACT_IN_PLACE && !in_place)
        CHECK(file_exists(output)); /* some of both */
    else if (in_place && work == BUILD_ENCRYPTED)
        CHECK_OK(look_at_all(output, OLD_PASSWORD));
    else if (in_place)
        CHECK(file_holds(output, whole[work].bytes, whole[work].len));
    else if (over)
        CHECK(file_holds(output, OLD, strlen(OLD)));
    else
        CHECK(!file_exists(output));
}

static void check_output(enum work work, int over, int in_place)
{
    check_file(work, over, in_place);
    CHECK_EQ(entries_in(in_folder("out")), in_place || over);
}

/* What could not be removed is a temporary, and the next build to that name sweeps it up. */
static void sweep(int lacks)
{
    if (entries_in(in_folder("out")) == file_exists(in_folder("out/file")))
        return;
    swept++;
    fault_file_system(lacks & ~FAULT_NO_LISTING);
    CHECK_OK(build(BUILD, 1));
    fault_file_system(lacks);
    CHECK_EQ(entries_in(in_folder("out")), 1);
}

/* One of the two opens it, and then a change of passwords makes it whole. */
static void check_rekeyed(hexz_status status)
{
    const char *path = in_folder("rekey.hxz"), *opens = OLD_PASSWORD;
    size_t len;
    unsigned char *now = get_file(path, &len);
    if (CHECK_EQ(len, encrypted.len)) {
        CHECK_BYTES(now, encrypted.bytes, SLOTS_BEGIN);
        CHECK_BYTES(now + SLOTS_END, encrypted.bytes + SLOTS_END, len - SLOTS_END);
    }
    free(now);
    if (status == HEXZ_OK || try_password(path, OLD_PASSWORD) != HEXZ_OK) {
        CHECK_STATUS(try_password(path, OLD_PASSWORD), HEXZ_ERR_WRONG_PASSWORD);
        opens = NEW_PASSWORD;
    }
    CHECK_OK(try_password(path, opens));
    if (status == HEXZ_OK) {
        CHECK_OK(look_at_all(path, opens));
        return;
    }
    CHECK_OK(rekey(opens, "the day after"));
    CHECK_OK(look_at_all(path, "the day after"));
    CHECK_STATUS(try_password(path, OLD_PASSWORD), HEXZ_ERR_WRONG_PASSWORD);
    CHECK_STATUS(try_password(path, NEW_PASSWORD), HEXZ_ERR_WRONG_PASSWORD);
}

static void prepare(enum work work, int over)
{
    (void)unlink(in_folder("out/file"));
    if (over)
        put_file(in_folder("out/file"), OLD, strlen(OLD));
    if (work == REKEY)
        put_file(in_folder("rekey.hxz"), encrypted.bytes, encrypted.len);
}

/* The `nth` call fails; false when there were fewer. */
static int fail_one(enum work work, int over, enum fault_kind kind, const struct mode *mode, long nth)
{
    int extracts = work == EXTRACT || work == EXTRACT_IN_PLACE;
    hexz_snapshot *snapshot = extracts ? must_open(in_folder("disk.hxz")) : NULL;
    hexz_status status;
    long calls;
    prepare(work, over);
    fault_arm(kind, nth, mode->error, mode->stays);
    status = do_work(work, over, snapshot);
    calls = fault_disarm();
    if (calls < nth)
        CHECK_OK(status);
    else if (status != HEXZ_OK)
        check_failure(work, status, kind, mode);
    if (has_output(work)) {
        /* The last step of all, and the text says so. */
        int too_late = (kind == FAULT_FSYNC || kind == FAULT_SYNCFS) && strstr(hexz_last_error(), "complete and in place") != NULL;
        if (kind == FAULT_UNLINKAT)
            check_file(work, over, status == HEXZ_OK);
        else
            check_output(work, over, status == HEXZ_OK || too_late);
        if (kind == FAULT_UNLINKAT && is_build(work))
            sweep(fault_file_system(FAULT_AS_IT_IS));
    }
    if (work == REKEY)
        check_rekeyed(status);
    if (extracts && calls >= nth) {
        /* What failed once is not remembered by the handle. */
        CHECK_OK(do_work(work, 1, snapshot));
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
                check_about("%s%s: %s number %ld, %s", about, over ? " over an old file" : "", fault_kind_names[kind], nth,
                            modes[m].name);
            } while (fail_one(work, over, (enum fault_kind)kind, &modes[m], nth) && nth < CALLS_MAX);
            CHECK(nth < CALLS_MAX);
            calls_seen[kind] += nth - 1;
        }
}

/* Of QEMU's permissions three that are used and four that are denied. */
#define LOCKS_TAKEN 7

/* What a lock call may answer: somebody has it; there are no such locks. */
static const struct answer {
    const char *name;
    int error;
    int taken;
} answers[] = {{"EAGAIN", EAGAIN, 1}, {"EACCES", EACCES, 1},         {"ENOLCK", ENOLCK, 0},
               {"EINVAL", EINVAL, 0}, {"EOPNOTSUPP", EOPNOTSUPP, 0}, {"ENOSYS", ENOSYS, 0}};

/* The `nth` lock call of an extraction in place has that answer; false when there were fewer. A file
 * system that has no locks says so at the first, and then it goes without, as QEMU does; one that has
 * granted one has them, and what it does not grant later is a failure before anything is written. */
static int answer_lock(const struct answer *answer, long nth, int stays)
{
    hexz_snapshot *snapshot = must_open(in_folder("disk.hxz"));
    hexz_status status;
    long calls;
    prepare(EXTRACT_IN_PLACE, 1);
    fault_arm(FAULT_LOCK, nth, answer->error, stays);
    status = do_work(EXTRACT_IN_PLACE, 1, snapshot);
    calls = fault_disarm();
    if (calls < nth || (nth == 1 && !answer->taken)) {
        CHECK_OK(status);
        check_output(EXTRACT_IN_PLACE, 1, 1);
        CHECK(calls < nth || calls == 1);
    } else {
        CHECK_STATUS(status, HEXZ_ERR_OUTPUT);
        CHECK_TEXT("out/file");
        CHECK_TEXT("HEXZ_EXTRACT_FORCE_SHARE");
        if (nth <= LOCKS_TAKEN && answer->taken)
            CHECK_TEXT("is locked by a program that uses it");
        else
            CHECK_EQ(hexz_last_errno(), answer->error);
        CHECK(file_holds(in_folder("out/file"), OLD, strlen(OLD)));
        CHECK_EQ(calls, nth);
    }
    hexz_snapshot_close(snapshot);
    check_nothing_leaked();
    return calls >= nth;
}

static void answer_each_lock(void)
{
    size_t a;
    int stays;
    for (a = 0; a < sizeof(answers) / sizeof(answers[0]); a++)
        for (stays = 0; stays <= 1; stays++) {
            long nth = 0;
            do {
                nth++;
                check_about("extract in place: lock number %ld is %s%s", nth, answers[a].name,
                            stays ? " from then on" : "");
            } while (answer_lock(&answers[a], nth, stays) && nth < CALLS_MAX);
            /* And as many looks at those of others. */
            CHECK_EQ(nth - 1, 2 * LOCKS_TAKEN);
            locks_seen += nth - 1;
        }
}

/* Killed in the `nth` call, when the copy of the key slots at `torn` had been
 * torn before (0: none); false when there were fewer. */
static int kill_one(size_t torn, enum fault_kind kind, long nth)
{
    int how = 0;
    pid_t child;
    prepare(REKEY, 0);
    if (torn != 0)
        flip_byte(in_folder("rekey.hxz"), torn + 200, 0x10);
    (void)fflush(stdout);
    child = fork();
    if (child < 0)
        fixture_fail("fork", "a child");
    if (child == 0) {
        fault_arm(kind, nth, FAULT_KILL, 0);
        _exit(rekey(OLD_PASSWORD, NEW_PASSWORD) != HEXZ_OK);
    }
    if (waitpid(child, &how, 0) != child)
        fixture_fail("waitpid", "the child");
    if (WIFEXITED(how)) {
        CHECK_EQ(WEXITSTATUS(how), 0);
        return 0;
    }
    CHECK(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    check_rekeyed(HEXZ_ERR_OUTPUT);
    return 1;
}

static void kill_each(void)
{
    static const size_t torn[] = {0, SLOTS_BEGIN, SLOTS_BEGIN + 4096};
    int kind;
    size_t t;
    for (t = 0; t < sizeof(torn) / sizeof(torn[0]); t++)
        for (kind = 0; kind < FAULT_KINDS; kind++) {
            long nth = 0;
            do {
                nth++;
                check_about("rekey, torn at %d: killed in %s number %ld", (int)torn[t], fault_kind_names[kind], nth);
            } while (kill_one(torn[t], (enum fault_kind)kind, nth) && nth < CALLS_MAX);
            killed += nth - 1;
        }
    /* Two copies of the slots are written, and each is synced. */
    CHECK(killed >= 3 * 4);
}

static void make_whole(enum work work, hexz_snapshot *snapshot)
{
    CHECK_OK(do_work(work, 1, snapshot));
    whole[work].bytes = get_file(in_folder("out/file"), &whole[work].len);
}

int main(void)
{
    struct passwords passwords = password_is(OLD_PASSWORD);
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("disk.hxz"));
    hexz_build_opts encrypted_opts = encrypted_build_of(in_folder("disk.raw"), in_folder("secret.hxz"), &passwords);
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
    CHECK_OK(hexz_build(&encrypted_opts));
    encrypted.bytes = get_file(encrypted_opts.output, &encrypted.len);

    make_whole(BUILD, NULL);
    make_whole(BUILD_SAMPLED, NULL);
    make_whole(BUILD_THIN, NULL);
    snapshot = must_open(in_folder("disk.hxz"));
    make_whole(EXTRACT, snapshot);
    make_whole(EXTRACT_IN_PLACE, snapshot);
    hexz_snapshot_close(snapshot);
    CHECK_EQ(whole[EXTRACT].len, DISK_LEN);
    CHECK_BYTES(whole[EXTRACT].bytes, disk, DISK_LEN);
    descriptors = entries_in("/proc/self/fd");
    threads = entries_in("/proc/self/task");

    fail_each(READ, 0, "read");
    fail_each(READ_ENCRYPTED, 0, "read what is encrypted");
    fail_each(REKEY, 0, "rekey");
    kill_each();
    fail_each(BUILD, 0, "build");
    fail_each(BUILD, 1, "build");
    fail_each(BUILD_SAMPLED, 0, "build that looks for a dictionary");
    fail_each(BUILD_ENCRYPTED, 0, "encrypted build");
    fail_each(BUILD_THIN, 0, "build on a parent");
    fail_each(BUILD_THIN, 1, "build on a parent");
    CHECK(parents_failed[0] > 0 && parents_failed[1] > 0);
    fail_each(EXTRACT, 0, "extract");
    fail_each(EXTRACT, 1, "extract");
    fail_each(EXTRACT_IN_PLACE, 1, "extract in place");
    answer_each_lock();
    fault_file_system(FAULT_NO_LISTING);
    fail_each(BUILD, 0, "build in a folder that cannot be listed");
    fail_each(BUILD, 1, "build in a folder that cannot be listed");
    fault_file_system(FAULT_NO_UNNAMED);
    fail_each(BUILD, 0, "build on an old file system");
    fail_each(BUILD, 1, "build on an old file system");
    fail_each(BUILD_ENCRYPTED, 1, "encrypted build on an old file system");
    fail_each(EXTRACT, 0, "extract on an old file system");
    fail_each(EXTRACT, 1, "extract on an old file system");

    fault_file_system(FAULT_NO_UNNAMED | FAULT_NO_LINKS);
    fail_each(BUILD, 0, "build on a file system without links");
    fail_each(EXTRACT, 0, "extract on a file system without links");
    fault_file_system(0);

    check_about("%s", "");
    CHECK(swept > 0);
    printf("fault: %ld answers to lock calls of an extraction in place\n", locks_seen);
    printf("fault: killed %ld times in a change of passwords\n", killed);
    /* A kind that never came was not tested, or does not go through the shim. */
    for (kind = 0; kind < FAULT_KINDS; kind++) {
        printf("fault: %ld of %s\n", calls_seen[kind], fault_kind_names[kind]);
        CHECK(calls_seen[kind] > 0);
    }
    free(encrypted.bytes);
    free(whole[BUILD].bytes);
    free(whole[BUILD_SAMPLED].bytes);
    free(whole[BUILD_THIN].bytes);
    free(whole[EXTRACT].bytes);
    free(whole[EXTRACT_IN_PLACE].bytes);
    free(disk);
    return check_done();
}
