/* host FOLDER SCENARIO: a program that works with an encrypted snapshot, and stops
 * where keys.py looks through its memory: it says a name, and goes on when it gets
 * a line. Random numbers come from here, so that keys are known even of a build that
 * leaves no file. */
#define _GNU_SOURCE
#include "../c/passwords.h"

#include <limits.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/time.h>

#define PAGE ((size_t)4096)

static const char *folder;

static const char *file_in(const char *name)
{
    static char paths[8][PATH_MAX];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    (void)snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

/* How many random numbers of 32 bytes were drawn: file keys and salts. */
static uint64_t turn;

/* Stands in front of the C library's. The same in each process: what is 32 bytes
 * long by turn, what is not by its length. */
ssize_t getrandom(void *buffer, size_t len, unsigned flags)
{
    volatile unsigned char *out = buffer;
    uint64_t draw = len == 32 ? ++turn : 0, word = 0;
    size_t i;
    (void)flags;
    for (i = 0; i < len; i++) {
        if (i % 8 == 0) {
            word = (draw << 32 | len << 8 | i / 8) * UINT64_C(0x9E3779B97F4A7C15) + UINT64_C(0xD1B54A32D192ED03);
            word = (word ^ word >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
            word = (word ^ word >> 27) * UINT64_C(0x94D049BB133111EB);
        }
        out[i] = (unsigned char)(word >> 8 * (i % 8));
    }
    return (ssize_t)len;
}

static void stop(const char *name)
{
    char line[8];
    (void)printf("%s\n", name);
    (void)fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL)
        exit(3);
}

static struct passwords right, wrong;

static hexz_build_opts build_opts(void)
{
    static hexz_profile profile;
    hexz_build_opts opts = encrypted_build_of(file_in("source"), file_in("made.hxz"), &right);
    FILE *name = fopen(file_in("profile"), "r");
    char text[32];
    unsigned block = 0;
    memset(&profile, 0, sizeof(profile));
    profile.struct_size = sizeof(profile);
    if (name == NULL || fscanf(name, "%31s %u", text, &block) != 2)
        fixture_fail("read", "profile");
    (void)fclose(name);
    CHECK_OK(hexz_profile_resolve(text, &profile));
    profile.block_size = block;
    opts.custom = &profile;
    opts.threads = 4;
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    return opts;
}

static void build(void)
{
    hexz_build_opts opts = build_opts();
    CHECK_OK(hexz_build(&opts));
}

static void scenario_build(void)
{
    build();
    stop("built");
}

static hexz_cancel *half;

static int32_t cancel_half(void *data, const hexz_progress *progress)
{
    (void)data;
    if (progress->phase == HEXZ_PHASE_PACK && progress->done > progress->total / 2)
        hexz_cancel_trigger(half);
    return 0;
}

static void scenario_cancelled(void)
{
    hexz_build_opts opts = build_opts();
    CHECK_OK(hexz_cancel_new(&half));
    opts.cancel = half;
    opts.progress = cancel_half;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_CANCELLED);
    hexz_cancel_free(half);
    stop("cancelled");
}

static hexz_snapshot *open_named(const char *name, const unsigned char *root)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_snapshot *snapshot = NULL;
    opts.path = file_in(name);
    opts.password = answer;
    opts.password_data = &right;
    opts.expect_root = root;
    opts.cache_size = 8 << 20;
    if (!CHECK_OK(hexz_snapshot_open(&opts, &snapshot)))
        exit(check_done());
    return snapshot;
}

static uint64_t disk_size(const hexz_snapshot *snapshot)
{
    hexz_stream_info info = HEXZ_INIT(hexz_stream_info);
    CHECK_OK(hexz_snapshot_stream(snapshot, 0, &info));
    return info.size;
}

/* Pages here and there, and a part that holds whole blocks. */
static void read_some(hexz_snapshot *snapshot)
{
    uint64_t size = disk_size(snapshot), state = 5;
    unsigned char *back = bytes_new(1 << 20);
    hexz_info info = HEXZ_INIT(hexz_info);
    int i, reads;
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    /* Each may unpack a whole block. */
    reads = info.block_size < 1 << 20 ? 300 : 10;
    for (i = 0; i < reads; i++)
        CHECK_OK(hexz_snapshot_read(snapshot, 0, random_next(&state) % (size / PAGE) * PAGE, back, PAGE));
    CHECK_OK(hexz_snapshot_read(snapshot, 0, size - (1 << 20), back, 1 << 20));
    free(back);
}

static void close_and_stop(hexz_snapshot *snapshot)
{
    stop("open");
    hexz_snapshot_close(snapshot);
    stop("closed");
}

static void scenario_read(void)
{
    hexz_snapshot *snapshot = open_named("snap.hxz", NULL);
    read_some(snapshot);
    close_and_stop(snapshot);
}

static void scenario_one_page(void)
{
    unsigned char page[4096];
    hexz_snapshot *snapshot = open_named("snap.hxz", NULL);
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, page, sizeof(page)));
    close_and_stop(snapshot);
}

static void scenario_pinned(void)
{
    hexz_snapshot *snapshot = open_named("snap.hxz", NULL);
    hexz_info info = HEXZ_INIT(hexz_info);
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    hexz_snapshot_close(snapshot);
    snapshot = open_named("snap.hxz", info.root);
    read_some(snapshot);
    close_and_stop(snapshot);
}

/* A thread of the host's that does some work and then lives on. */
static struct {
    sem_t done, leave;
    void (*work)(void *);
    void *argument;
} other;

static void *work_and_wait(void *argument)
{
    (void)argument;
    right.thread = pthread_self();
    other.work(other.argument);
    (void)sem_post(&other.done);
    while (sem_wait(&other.leave) != 0)
        ;
    return NULL;
}

static pthread_t on_other_thread(void (*work)(void *), void *argument)
{
    pthread_t thread;
    other.work = work;
    other.argument = argument;
    if (sem_init(&other.done, 0, 0) != 0 || sem_init(&other.leave, 0, 0) != 0 ||
        pthread_create(&thread, NULL, work_and_wait, NULL) != 0)
        fixture_fail("pthread_create", "a thread");
    while (sem_wait(&other.done) != 0)
        ;
    return thread;
}

static void end_other(pthread_t thread)
{
    (void)sem_post(&other.leave);
    (void)pthread_join(thread, NULL);
}

static void work_read(void *snapshot)
{
    read_some(snapshot);
}

static void scenario_thread_reads(void)
{
    hexz_snapshot *snapshot = open_named("snap.hxz", NULL);
    pthread_t thread = on_other_thread(work_read, snapshot);
    close_and_stop(snapshot);
    end_other(thread);
}

static void work_all(void *unused)
{
    hexz_snapshot *snapshot;
    (void)unused;
    build();
    snapshot = open_named("made.hxz", NULL);
    read_some(snapshot);
    hexz_snapshot_close(snapshot);
}

static void scenario_thread_does_all(void)
{
    pthread_t thread = on_other_thread(work_all, NULL);
    stop("closed");
    end_other(thread);
}

static void scenario_four_threads(void)
{
    hexz_snapshot *snapshot = open_named("snap.hxz", NULL);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    verify.threads = 4;
    extract.threads = 4;
    extract.output = file_in("back");
    extract.flags = HEXZ_EXTRACT_NO_SYNC | HEXZ_EXTRACT_OVERWRITE;
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    stop("open, verified");
    CHECK_OK(hexz_snapshot_extract(snapshot, &extract));
    close_and_stop(snapshot);
}

/* A night later: built on snap.hxz, and read with it. */
static void scenario_child(void)
{
    hexz_build_opts opts = build_opts();
    hexz_snapshot *snapshot;
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_info info = HEXZ_INIT(hexz_info);
    /* Its keys are not what the parent's were. */
    turn = 200;
    opts.parent = file_in("snap.hxz");
    opts.source = file_in("later");
    opts.output = file_in("child.hxz");
    opts.memory_limit = UINT64_C(512) << 20;
    CHECK_OK(hexz_build(&opts));
    stop("built");
    snapshot = open_named("child.hxz", NULL);
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    CHECK_EQ(info.ancestor_count, 1);
    read_some(snapshot);
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    close_and_stop(snapshot);
    snapshot = open_named("child.hxz", info.root);
    read_some(snapshot);
    close_and_stop(snapshot);
}

static void scenario_wrong_password(void)
{
    hexz_snapshot *snapshot = NULL;
    CHECK_STATUS(open_with(file_in("snap.hxz"), &wrong, &snapshot), HEXZ_ERR_WRONG_PASSWORD);
    stop("refused");
}

static void scenario_damaged(void)
{
    hexz_snapshot *snapshot = open_named("damaged.hxz", NULL);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    uint64_t size = disk_size(snapshot), at;
    unsigned char *back = bytes_new(1 << 20);
    hexz_status status;
    int corrupt = 0;
    for (at = 0; at < size; at += 1 << 20) {
        status = hexz_snapshot_read(snapshot, 0, at, back, size - at < 1 << 20 ? (size_t)(size - at) : 1 << 20);
        CHECK(status == HEXZ_OK || status == HEXZ_ERR_CORRUPT);
        corrupt += status == HEXZ_ERR_CORRUPT;
    }
    CHECK(corrupt > 0);
    CHECK_STATUS(hexz_snapshot_verify(snapshot, &verify), HEXZ_ERR_CORRUPT);
    free(back);
    close_and_stop(snapshot);
}

static void scenario_rekey(void)
{
    static const uint32_t operations[] = {HEXZ_REKEY_ADD, HEXZ_REKEY_REPLACE, HEXZ_REKEY_REMOVE};
    static const char *const texts[][2] = {{"first", "second"}, {"second", "third"}, {"first", ""}};
    hexz_rekey_opts opts;
    struct passwords passwords;
    int i;
    /* The salts are not what the build's file key was. */
    turn = 100;
    for (i = 0; i < 3; i++) {
        passwords = password_is(texts[i][0]);
        add_answer(&passwords, 0, texts[i][1], strlen(texts[i][1]));
        opts = rekey_of(file_in("rekeyed.hxz"), operations[i], &passwords);
        CHECK_OK(hexz_snapshot_rekey(&opts));
        stop("rekeyed");
    }
}

static void interrupted(int number)
{
    (void)number;
}

/* The kernel puts a thread's registers on its stack when it gets a signal. */
static void scenario_signals(void)
{
    struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    struct sigaction action;
    hexz_snapshot *snapshot = open_named("snap.hxz", NULL);
    int i;
    memset(&action, 0, sizeof(action));
    action.sa_handler = interrupted;
    action.sa_flags = SA_RESTART;
    if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &often, NULL) != 0)
        fixture_fail("setitimer", "signals");
    for (i = 0; i < 5; i++)
        read_some(snapshot);
    (void)setitimer(ITIMER_REAL, &never, NULL);
    close_and_stop(snapshot);
}

static const struct {
    const char *name;
    void (*run)(void);
} scenarios[] = {
    {"build", scenario_build},
    {"cancelled", scenario_cancelled},
    {"one-page", scenario_one_page},
    {"read", scenario_read},
    {"pinned", scenario_pinned},
    {"thread-reads", scenario_thread_reads},
    {"thread-does-all", scenario_thread_does_all},
    {"four-threads", scenario_four_threads},
    {"child", scenario_child},
    {"wrong-password", scenario_wrong_password},
    {"damaged", scenario_damaged},
    {"rekey", scenario_rekey},
    {"signals", scenario_signals},
};

int main(int argc, char **argv)
{
    size_t i;
    if (argc != 3)
        return 2;
    folder = argv[1];
    right = password_is("first");
    wrong = password_is("wrong");
    for (i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
        if (strcmp(scenarios[i].name, argv[2]) == 0) {
            scenarios[i].run();
            return check_done();
        }
    return 2;
}
