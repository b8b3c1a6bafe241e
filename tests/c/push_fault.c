/* Every system call of a builder's life fails once, from the first to the last,
 * while streams come out of order and their map is spilled: the calls cope or
 * tell which file and which error it was, nothing is left beside the output or
 * where it was spilled to, no descriptor and no thread. So for descriptors that
 * run out and threads that do not start. And killed at each call: the name has
 * the whole old file or the whole new one, or nothing if nothing was there, and
 * what was spilled is gone.
 *
 * Threads make calls in another order each time, and not always as many: each
 * run is judged by what it met, whatever the one before did.
 *
 * Linked with fault_shim.c, which stands in front of the C library. */
#include "passwords.h"

#include "fault_shim.h"

#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define PAGE ((size_t)4096)
#define DATA_LEN ((size_t)258 * PAGE) /* more than a segment */
#define MEMORY_LIMIT ((uint64_t)24 << 20)
/* Extents that are kept in memory with that limit, and then a run of them is spilled. */
#define KEPT ((size_t)8192)
/* So many runs are merged into one. */
#define RUNS ((size_t)16)
#define CALLS_MAX 2000
#define SETTLE_SECONDS 15 /* until a thread that should be gone is a failure */
#define OLD "what was there before"
#define PASSWORD "yesterday"

static const struct mode {
    const char *name;
    int error;
    int stays;
} modes[] = {{"EIO once", EIO, 0},       {"ENOSPC from then on", ENOSPC, 1}, {"ENOMEM once", ENOMEM, 0},
             {"EINTR once", EINTR, 0}, {"short once", FAULT_SHORT, 0}};

/* How a builder is used. */
struct work {
    const char *name;
    int sealed;
    int has_parent;
    size_t scattered; /* pages that are zeroed, no two of them neighbours */
};
static const struct work plain = {"plain", 0, 0, 2 * KEPT + 100}, sealed = {"sealed", 1, 0, KEPT + 100},
                         thin = {"on a parent", 0, 1, KEPT + 100},
                         merged = {"so much that runs are merged", 0, 0, (RUNS + 1) * KEPT};

/* What is to be read in the end, and what was there before. */
static unsigned char *data, *stale;
static long calls_seen[FAULT_KINDS];
static long descriptors, threads;
/* Failures by what they named. */
static long of_output, of_spill, of_parent;
/* Of these, a full disk. */
static long full_output, full_spill;
static long killed, with_old, with_new, with_nothing, left_named;

/* Threads that do not start: the `spawn_fails`th from now on, and those behind it. */
static long spawn_count, spawn_fails;

typedef int pthread_create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *argument)
{
    pthread_create_fn *real;
    long number = __atomic_add_fetch(&spawn_count, 1, __ATOMIC_RELAXED);
    if (spawn_fails != 0 && number >= spawn_fails)
        return EAGAIN;
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return real(thread, attr, start, argument);
}

static size_t size_of(const struct work *work)
{
    return DATA_LEN + 2 * work->scattered * PAGE;
}

/* All in order, until it is packed; then back to front, so that from then on
 * nothing is in order, and zeros far apart, which the map has one by one. */
static hexz_status push_data(hexz_builder *builder, const struct work *work)
{
    hexz_status status = hexz_builder_write(builder, 0, 0, stale, DATA_LEN);
    size_t at, i;

    for (at = DATA_LEN; at > 0 && status == HEXZ_OK; at -= 3 * PAGE)
        if (work->has_parent && at % (9 * PAGE) == 0)
            status = hexz_builder_inherit(builder, 0, at - 3 * PAGE, 3 * PAGE);
        else
            status = hexz_builder_write(builder, 0, at - 3 * PAGE, data + at - 3 * PAGE, 3 * PAGE);
    for (i = work->scattered; i > 0 && status == HEXZ_OK; i--)
        status = hexz_builder_zero(builder, 0, DATA_LEN + (2 * i - 1) * PAGE, PAGE);
    return status;
}

static hexz_status push(const struct work *work, int over, uint32_t thread_count, void (*about_failure)(hexz_status))
{
    struct passwords passwords = password_is(PASSWORD);
    hexz_build_opts opts = work->sealed ? encrypted_build_of(NULL, in_folder("out/file"), &passwords)
                                        : build_of(NULL, in_folder("out/file"));
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    hexz_builder *builder = NULL;
    hexz_status status = hexz_profile_resolve("generic", &profile);
    uint32_t stream;

    profile.compression = HEXZ_COMPRESSION_LZ4;
    profile.level = 0;
    profile.block_size = 4096;
    opts.custom = &profile;
    opts.flags &= ~(uint64_t)HEXZ_BUILD_NO_SYNC;
    opts.flags |= over ? HEXZ_BUILD_OVERWRITE : 0;
    opts.spill = in_folder("spill");
    opts.memory_limit = MEMORY_LIMIT;
    opts.threads = thread_count;
    opts.parent = work->has_parent ? in_folder("parent.hxz") : NULL;
    if (status == HEXZ_OK)
        status = hexz_builder_new(&opts, &builder);
    if (status == HEXZ_OK)
        status = hexz_builder_stream(builder, "disk", HEXZ_STREAM_DISK, size_of(work), &stream);
    if (status == HEXZ_OK)
        status = push_data(builder, work);
    if (status == HEXZ_OK)
        status = hexz_builder_finish(builder, NULL);
    if (status != HEXZ_OK && about_failure != NULL) {
        about_failure(status);
        if (builder != NULL) {
            CHECK_STATUS(hexz_builder_zero(builder, 0, 0, PAGE), HEXZ_ERR_STATE);
            CHECK_STATUS(hexz_builder_finish(builder, NULL), HEXZ_ERR_STATE);
        }
    }
    hexz_builder_free(builder);
    return status;
}

/* The output is what was pushed. */
static int is_new(const struct work *work)
{
    static unsigned char bytes[DATA_LEN];
    struct passwords passwords = password_is(PASSWORD);
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_snapshot *snapshot = NULL;
    hexz_status status;

    opts.path = in_folder("out/file");
    opts.parent = work->has_parent ? in_folder("parent.hxz") : NULL;
    opts.password = work->sealed ? answer : NULL;
    opts.password_data = &passwords;
    verify.threads = 1;
    status = hexz_snapshot_open(&opts, &snapshot);
    if (status == HEXZ_OK)
        status = hexz_snapshot_verify(snapshot, &verify);
    if (status == HEXZ_OK)
        status = hexz_snapshot_read(snapshot, 0, 0, bytes, DATA_LEN);
    hexz_snapshot_close(snapshot);
    return status == HEXZ_OK && memcmp(bytes, data, DATA_LEN) == 0;
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

static void empty_folder(const char *name)
{
    char path[4096];
    struct dirent *entry;
    DIR *folder = opendir(in_folder(name));
    if (folder == NULL)
        fixture_fail("opendir", in_folder(name));
    while ((entry = readdir(folder)) != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s", in_folder(name), entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(folder);
}

static void prepare(int over)
{
    empty_folder("out");
    empty_folder("spill");
    if (over)
        put_file(in_folder("out/file"), OLD, strlen(OLD));
}

/* The error that calls meet, and whether the call that met it is made again. */
static int error_due, again_due;

static void check_failure(hexz_status status)
{
    const char *text = hexz_last_error();
    fault_disarm();
    CHECK_EQ(hexz_last_errno(), error_due);
    CHECK(!again_due && error_due != FAULT_SHORT);
    if (strstr(text, in_folder("parent.hxz")) != NULL) {
        CHECK(status == HEXZ_ERR_PARENT || status == HEXZ_ERR_IO);
        of_parent++;
        return;
    }
    CHECK_STATUS(status, HEXZ_ERR_OUTPUT);
    if (strstr(text, in_folder("spill")) != NULL) {
        of_spill++;
        full_spill += error_due == ENOSPC;
    } else {
        CHECK_TEXT(in_folder("out/file"));
        of_output++;
        full_output += error_due == ENOSPC;
    }
}

static void check_output(const struct work *work, int over, int in_place)
{
    if (in_place)
        CHECK(is_new(work));
    else if (over)
        CHECK(file_holds(in_folder("out/file"), OLD, strlen(OLD)));
    else
        CHECK(!file_exists(in_folder("out/file")));
}

/* The `nth` call fails; false when there were fewer. */
static int fail_one(const struct work *work, int over, enum fault_kind kind, const struct mode *mode, long nth)
{
    hexz_status status;
    long calls;
    int too_late;

    prepare(over);
    error_due = mode->error;
    again_due = mode->error == EINTR && (kind == FAULT_OPENAT || kind == FAULT_PREAD || kind == FAULT_PWRITE ||
                                         kind == FAULT_FTRUNCATE || kind == FAULT_CLOSE || kind == FAULT_LOCK);
    fault_arm(kind, nth, mode->error, mode->stays);
    status = push(work, over, 2, check_failure);
    calls = fault_disarm();
    if (calls < nth)
        CHECK_OK(status);
    /* The last step of all, and the text says so. */
    too_late = (kind == FAULT_FSYNC || kind == FAULT_SYNCFS) && file_exists(in_folder("out/file")) &&
               !file_holds(in_folder("out/file"), OLD, strlen(OLD));
    check_output(work, over, status == HEXZ_OK || too_late);
    if (kind != FAULT_UNLINKAT)
        CHECK_EQ(entries_in(in_folder("out")), status == HEXZ_OK || too_late || over);
    if (kind != FAULT_UNLINKAT || status == HEXZ_OK)
        CHECK_EQ(entries_in(in_folder("spill")), 0);
    check_nothing_leaked();
    return calls >= nth;
}

static void fail_each(const struct work *work, int over, int kind, size_t mode_count, const char *where)
{
    size_t m;
    for (m = 0; m < mode_count; m++) {
        long nth = 0;
        if (modes[m].error == FAULT_SHORT && kind != FAULT_PREAD && kind != FAULT_PWRITE)
            continue;
        do {
            nth++;
            check_about("%s%s%s: %s number %ld, %s", work->name, over ? " over an old file" : "", where,
                        fault_kind_names[kind], nth, modes[m].name);
        } while (fail_one(work, over, (enum fault_kind)kind, &modes[m], nth) && nth < CALLS_MAX);
        CHECK(nth < CALLS_MAX);
        calls_seen[kind] += nth - 1;
    }
}

static void fail_all(const struct work *work, int over, size_t mode_count, const char *where)
{
    int kind;
    for (kind = 0; kind < FAULT_KINDS; kind++)
        fail_each(work, over, kind, mode_count, where);
}

/* So few descriptors, or threads, and then one more, until that is enough. */
static void starve(void)
{
    struct rlimit before, few;
    hexz_status status;
    long n;

    if (getrlimit(RLIMIT_NOFILE, &before) != 0)
        fixture_fail("getrlimit", "RLIMIT_NOFILE");
    few = before;
    again_due = 0;
    error_due = EMFILE;
    /* The numbers from 0 on that may be used: those below 3 are. */
    for (n = 3, status = HEXZ_ERR_OUTPUT; n < 64; n++) {
        check_about("%ld descriptors", n);
        prepare(0);
        few.rlim_cur = (rlim_t)n;
        if (setrlimit(RLIMIT_NOFILE, &few) != 0)
            fixture_fail("setrlimit", "RLIMIT_NOFILE");
        status = push(&plain, 0, 2, check_failure);
        if (setrlimit(RLIMIT_NOFILE, &before) != 0)
            fixture_fail("setrlimit", "RLIMIT_NOFILE");
        check_output(&plain, 0, status == HEXZ_OK);
        CHECK_EQ(entries_in(in_folder("spill")), 0);
        check_nothing_leaked();
        if (status == HEXZ_OK)
            break;
    }
    CHECK_OK(status);
    /* The folder, the output, the descriptor to poll, the other folder, the spill. */
    CHECK(n >= 3 + 5 && n < 64);
    error_due = EAGAIN;
    for (n = 1, status = HEXZ_ERR_OUTPUT; n < 64; n++) {
        check_about("thread number %ld does not start", n);
        prepare(0);
        spawn_count = 0;
        spawn_fails = n;
        status = push(&plain, 0, 3, check_failure);
        spawn_fails = 0;
        check_output(&plain, 0, status == HEXZ_OK);
        CHECK_EQ(entries_in(in_folder("out")), status == HEXZ_OK);
        check_nothing_leaked();
        if (spawn_count < n)
            break;
    }
    CHECK_OK(status);
    CHECK(n > 2 && n < 64);
}

/* Killed in the `nth` call; false when there were fewer. */
static int kill_one(const struct work *work, int over, long nth)
{
    int how = 0;
    pid_t child;

    prepare(over);
    (void)fflush(stdout);
    child = fork();
    if (child < 0)
        fixture_fail("fork", "a child");
    if (child == 0) {
        fault_arm(FAULT_ANY, nth, FAULT_KILL, 0);
        _exit(-push(work, over, 1, NULL));
    }
    if (waitpid(child, &how, 0) != child)
        fixture_fail("waitpid", "the child");
    if (WIFEXITED(how)) {
        CHECK_EQ(WEXITSTATUS(how), 0);
        CHECK(is_new(work));
        return 0;
    }
    CHECK(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    killed++;
    if (!file_exists(in_folder("out/file"))) {
        CHECK(!over);
        with_nothing++;
    } else if (over && file_holds(in_folder("out/file"), OLD, strlen(OLD))) {
        with_old++;
    } else {
        CHECK(is_new(work));
        with_new++;
    }
    if (fault_file_system(FAULT_AS_IT_IS) & FAULT_NO_UNNAMED) {
        /* Between the making of its file and the removal of the name: docs/OUTPUT.md. */
        long there = entries_in(in_folder("spill"));
        CHECK(there <= 1);
        left_named += there;
        empty_folder("spill");
    }
    CHECK_EQ(entries_in(in_folder("spill")), 0);
    /* The next one to that name works, and sweeps up. */
    CHECK_OK(push(work, 1, 1, NULL));
    CHECK(is_new(work));
    CHECK_EQ(entries_in(in_folder("out")), 1);
    CHECK_EQ(entries_in(in_folder("spill")), 0);
    return 1;
}

static void kill_each(const struct work *work, int over, const char *where)
{
    long nth = 0;
    do {
        nth++;
        check_about("%s%s%s: killed at call %ld", work->name, over ? " over an old file" : "", where, nth);
    } while (kill_one(work, over, nth) && nth < CALLS_MAX);
    CHECK(nth > 10 && nth < CALLS_MAX);
}

static void make_parent(void)
{
    hexz_build_opts opts = build_of(in_folder("parent.raw"), in_folder("parent.hxz"));
    put_file(in_folder("parent.raw"), data, DATA_LEN);
    CHECK_OK(hexz_build(&opts));
}

int main(void)
{
    static const size_t all = sizeof(modes) / sizeof(modes[0]);
    int kind;

    data = bytes_new(DATA_LEN);
    stale = bytes_new(DATA_LEN);
    fill_random(data, DATA_LEN, 5);
    fill_random(stale, DATA_LEN, 6);
    if (mkdir(in_folder("out"), 0700) != 0 || mkdir(in_folder("spill"), 0700) != 0)
        fixture_fail("mkdir", in_folder("out"));
    make_parent();
    CHECK_OK(push(&plain, 1, 2, NULL));
    CHECK(is_new(&plain));
    descriptors = entries_in("/proc/self/fd");
    threads = entries_in("/proc/self/task");

    starve();
    fail_all(&plain, 0, all, "");
    /* Nothing else is read there but what was spilled. */
    CHECK(calls_seen[FAULT_PREAD] > 0);
    fail_all(&plain, 1, 2, "");
    fail_all(&sealed, 0, 2, "");
    fail_all(&thin, 1, 2, "");
    CHECK(of_parent > 0);
    fail_each(&merged, 0, FAULT_FALLOCATE, 1, "");
    fault_file_system(FAULT_NO_UNNAMED);
    fail_all(&plain, 1, 2, " on an old file system");
    fault_file_system(0);
    kill_each(&plain, 0, "");
    kill_each(&sealed, 1, "");
    fault_file_system(FAULT_NO_UNNAMED);
    kill_each(&plain, 1, " on an old file system");
    fault_file_system(0);

    check_about("%s", "");
    printf("push_fault: failures of the output %ld times, of the spill %ld, of the parent %ld; disks full %ld and %ld\n",
           of_output, of_spill, of_parent, full_output, full_spill);
    printf("push_fault: killed %ld times: the old file %ld, the new one %ld, nothing %ld; the spill had a name %ld times\n",
           killed, with_old, with_new, with_nothing, left_named);
    for (kind = 0; kind < FAULT_KINDS; kind++)
        printf("push_fault: %ld of %s\n", calls_seen[kind], fault_kind_names[kind]);
    CHECK(full_output > 0 && full_spill > 0);
    CHECK(with_old > 0 && with_new > 0 && with_nothing > 0);
    /* What is spilled is written, read, and given back. */
    CHECK(calls_seen[FAULT_PWRITE] > 0 && calls_seen[FAULT_PREAD] > 0 && calls_seen[FAULT_FALLOCATE] > 0);
    free(data);
    free(stale);
    return check_done();
}
