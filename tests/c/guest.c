/* A guest in somebody's process: after calls that succeed and calls that fail
 * there is no descriptor and no thread more than before, umask, working folder,
 * signals and environment are as they were, nothing was printed, and a forked
 * child can go on. */
#include "passwords.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define SIGNALS 65
#define SETTLE_SECONDS 15 /* until a thread that should be gone is a failure */

extern char **environ;

static unsigned char *disk;
static size_t disk_len;

/* What a call must leave as it was. */
struct host {
    long descriptors;
    long threads;
    mode_t mask;
    char folder[4096];
    sigset_t blocked;
    struct sigaction actions[SIGNALS];
    char **environment;
    size_t variables;
};

/* A thread that was joined is still listed for the moment in which the kernel
 * takes it away, so the count is taken again until it fits. */
static long threads_settled(long want)
{
    const struct timespec pause = {0, 10000000};
    long i, threads = 0;
    for (i = 0; i < SETTLE_SECONDS * 100; i++) {
        threads = entries_in("/proc/self/task");
        if (threads == want)
            break;
        (void)nanosleep(&pause, NULL);
    }
    return threads;
}

static void look(struct host *host)
{
    int i;
    memset(host, 0, sizeof(*host));
    host->descriptors = entries_in("/proc/self/fd");
    host->threads = entries_in("/proc/self/task");
    host->mask = umask(0);
    (void)umask(host->mask);
    if (getcwd(host->folder, sizeof(host->folder)) == NULL)
        fixture_fail("getcwd", ".");
    (void)sigprocmask(SIG_SETMASK, NULL, &host->blocked);
    for (i = 1; i < SIGNALS; i++)
        (void)sigaction(i, NULL, &host->actions[i]);
    host->environment = environ;
    while (environ != NULL && environ[host->variables] != NULL)
        host->variables++;
}

static void check_unchanged(const struct host *before)
{
    struct host now;
    int i;
    CHECK_EQ(threads_settled(before->threads), before->threads);
    look(&now);
    CHECK_EQ(now.descriptors, before->descriptors);
    CHECK_EQ(now.mask, before->mask);
    CHECK(strcmp(now.folder, before->folder) == 0);
    for (i = 1; i < SIGNALS; i++) {
        CHECK_EQ(sigismember(&now.blocked, i), sigismember(&before->blocked, i));
        CHECK(now.actions[i].sa_handler == before->actions[i].sa_handler);
        CHECK_EQ(now.actions[i].sa_flags, before->actions[i].sa_flags);
    }
    CHECK(now.environment == before->environment);
    CHECK_EQ(now.variables, before->variables);
}

static hexz_status build_with(uint64_t flags, const char *profile, const char *output)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), output);
    opts.flags = flags;
    opts.profile = profile;
    opts.threads = 3;
    opts.memory = in_folder("disk.raw");
    return hexz_build(&opts);
}

/* The same with a password, and the password changed; with threads in its key
 * too, if the library takes any. */
static void encrypted_successes(void)
{
    struct passwords passwords = password_is("secret"), wrong = password_is("another");
    hexz_build_opts build = encrypted_build_of(in_folder("disk.raw"), in_folder("secret.hxz"), &passwords);
    hexz_rekey_opts rekey = rekey_of(in_folder("secret.hxz"), HEXZ_REKEY_REPLACE, &passwords);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_snapshot *snapshot = NULL;
    struct host before;

    look(&before);
    check_about("%s", "encryption");
    build.threads = verify.threads = 3;
    build.kdf_lanes = rekey.kdf_lanes = 4;
    CHECK_OK(hexz_build(&build));
    check_unchanged(&before);
    snapshot = must_open_with(in_folder("secret.hxz"), "secret");
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    hexz_snapshot_close(snapshot);
    check_unchanged(&before);
    CHECK_OK(hexz_snapshot_rekey(&rekey));
    check_unchanged(&before);
    CHECK_STATUS(open_with(in_folder("secret.hxz"), &wrong, &snapshot), HEXZ_ERR_WRONG_PASSWORD);
    rekey.password_data = &wrong;
    CHECK_STATUS(hexz_snapshot_rekey(&rekey), HEXZ_ERR_WRONG_PASSWORD);
    CHECK_STATUS(hexz_build(&build), HEXZ_ERR_EXISTS);
    check_unchanged(&before);
    (void)unlink(in_folder("secret.hxz"));
    check_about("%s", "");
}

static void successes(void)
{
    static const uint64_t flags[] = {0, HEXZ_BUILD_CDC, HEXZ_BUILD_NO_SYNC | HEXZ_BUILD_OVERWRITE};
    static const char *const profiles[] = {"generic", "embedded"};
    hexz_snapshot *snapshot;
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    hexz_cancel *cancel;
    unsigned char buf[5000];
    struct host before;
    size_t i, p;

    look(&before);
    for (p = 0; p < 2; p++) {
        for (i = 0; i < 3; i++) {
            check_about("success %d with %s", (int)i, profiles[p]);
            CHECK_OK(build_with(flags[i], profiles[p], in_folder("good.hxz")));
            check_unchanged(&before);
            snapshot = must_open(in_folder("good.hxz"));
            CHECK_OK(hexz_snapshot_read(snapshot, 0, 1, buf, sizeof(buf)));
            verify.threads = 3;
            CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
            extract.threads = 3;
            extract.output = in_folder("back.raw");
            CHECK_OK(hexz_snapshot_extract(snapshot, &extract));
            hexz_snapshot_close(snapshot);
            check_unchanged(&before);
            (void)unlink(in_folder("back.raw"));
            (void)unlink(in_folder("good.hxz"));
        }
    }
    check_about("%s", "cancel handle");
    CHECK_OK(hexz_cancel_new(&cancel));
    hexz_cancel_trigger(cancel);
    hexz_cancel_free(cancel);
    check_unchanged(&before);
    check_about("%s", "");
}

static int32_t stop_while_packing(void *user_data, const hexz_progress *progress)
{
    (void)user_data;
    return progress->phase == HEXZ_PHASE_PACK;
}

static void failures(void)
{
    hexz_build_opts opts;
    hexz_snapshot *snapshot = NULL;
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    struct host before;
    int i;

    CHECK_OK(build_with(0, NULL, in_folder("good.hxz")));
    CHECK_OK(build_with(0, NULL, in_folder("bad.hxz")));
    CHECK_OK(build_with(0, NULL, in_folder("torn.hxz")));
    flip_byte(in_folder("bad.hxz"), 4096 + 50, 0x04);
    flip_byte(in_folder("torn.hxz"), file_size_of(in_folder("torn.hxz")) - 4096, 0x04);
    look(&before);
    for (i = 0; i < 3; i++) {
        check_about("failures, round %d", i);
        opts = build_of(in_folder("absent.raw"), in_folder("out.hxz"));
        CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_SOURCE);
        opts = build_of(in_folder("disk.raw"), in_folder("out.hxz"));
        opts.memory = in_folder("absent.raw");
        CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_SOURCE);
        opts.memory = in_folder(".");
        CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_SOURCE);
        check_unchanged(&before);
        CHECK_STATUS(build_with(0, NULL, in_folder("good.hxz")), HEXZ_ERR_EXISTS);
        CHECK_STATUS(build_with(0, NULL, in_folder("no-folder/out.hxz")), HEXZ_ERR_OUTPUT);
        CHECK_STATUS(build_with(HEXZ_BUILD_OVERWRITE, NULL, in_folder(".")), HEXZ_ERR_OUTPUT);
        CHECK_REFUSED(build_with(UINT64_C(1) << 50, NULL, in_folder("out.hxz")));
        CHECK_STATUS(build_with(0, "no such", in_folder("out.hxz")), HEXZ_ERR_UNKNOWN_PROFILE);
        check_unchanged(&before);
        opts.memory = NULL;
        opts.threads = 3;
        opts.progress = stop_while_packing;
        CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_CANCELLED);
        check_unchanged(&before);

        CHECK_STATUS(open_path(in_folder("absent.hxz"), &snapshot), HEXZ_ERR_IO);
        CHECK_STATUS(open_path(in_folder("disk.raw"), &snapshot), HEXZ_ERR_NOT_SNAPSHOT);
        CHECK_STATUS(open_path(in_folder("torn.hxz"), &snapshot), HEXZ_ERR_CORRUPT);
        check_unchanged(&before);
        snapshot = must_open(in_folder("bad.hxz"));
        verify.threads = 3;
        CHECK_STATUS(hexz_snapshot_verify(snapshot, &verify), HEXZ_ERR_CORRUPT);
        extract.threads = 3;
        extract.output = in_folder("back.raw");
        CHECK_STATUS(hexz_snapshot_extract(snapshot, &extract), HEXZ_ERR_CORRUPT);
        hexz_snapshot_close(snapshot);
        check_unchanged(&before);
    }
    check_about("%s", "");
}

/* Descriptors that the host did not open itself must not leak into programs
 * that it starts meanwhile. */
static int32_t descriptors_close_on_exec(void *user_data, const hexz_progress *progress)
{
    const int *own = user_data;
    int fd;
    (void)progress;
    for (fd = 0; fd < 1024; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0 && !own[fd])
            CHECK(flags & FD_CLOEXEC);
    }
    return 0;
}

static void closes_on_exec(void)
{
    static int own[1024];
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("exec.hxz"));
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_snapshot *snapshot;
    int fd;
    for (fd = 0; fd < 1024; fd++)
        own[fd] = fcntl(fd, F_GETFD) >= 0;
    opts.progress = descriptors_close_on_exec;
    opts.progress_data = own;
    CHECK_OK(hexz_build(&opts));
    snapshot = must_open(in_folder("exec.hxz"));
    verify.progress = descriptors_close_on_exec;
    verify.progress_data = own;
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    hexz_snapshot_close(snapshot);
}

/* The child goes on with a handle of its parent, and builds by itself. */
static void after_fork(void)
{
    hexz_snapshot *snapshot;
    unsigned char *back = bytes_new(disk_len);
    int status = 0;
    pid_t child;

    snapshot = must_open(in_folder("exec.hxz"));
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, disk_len / 2));
    child = fork();
    if (child < 0)
        fixture_fail("fork", "a child");
    if (child == 0) {
        check_afresh();
        CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, disk_len));
        CHECK_BYTES(back, disk, disk_len);
        hexz_snapshot_close(snapshot);
        CHECK_OK(build_with(HEXZ_BUILD_NO_SYNC, "eda", in_folder("child.hxz")));
        free(back);
        _exit(check_done());
    }
    if (waitpid(child, &status, 0) != child)
        fixture_fail("waitpid", "the child");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, disk_len));
    CHECK_BYTES(back, disk, disk_len);
    hexz_snapshot_close(snapshot);
    free(back);
}

int main(void)
{
    const char *printed = in_folder("printed");
    int out = dup(STDOUT_FILENO), err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    int file = open(printed, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    sigset_t some;

    check_stream_ = err >= 0 ? fdopen(err, "w") : NULL;
    if (out < 0 || check_stream_ == NULL || file < 0)
        fixture_fail("redirect to", printed);
    (void)setvbuf(check_stream_, NULL, _IONBF, 0);
    (void)fflush(stdout);
    if (dup2(file, STDOUT_FILENO) < 0 || dup2(file, STDERR_FILENO) < 0)
        fixture_fail("redirect to", printed);
    /* Something that would show if it were put back to a default. */
    (void)umask(0027);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigemptyset(&some);
    (void)sigaddset(&some, SIGUSR2);
    (void)sigprocmask(SIG_BLOCK, &some, NULL);

    disk_len = (size_t)(fixture_small() ? 1 : 4) << 20;
    disk = bytes_new(disk_len);
    fill_text(disk, disk_len / 2, 121);
    fill_random(disk + disk_len / 2, disk_len / 4, 122);
    put_file(in_folder("disk.raw"), disk, disk_len);
    successes();
    encrypted_successes();
    failures();
    closes_on_exec();
    after_fork();
    free(disk);
    (void)fflush(stdout);
    CHECK_EQ(file_size_of(printed), 0);
    (void)close(file);
    (void)dup2(out, STDOUT_FILENO);
    (void)close(out);
    (void)dup2(err, STDERR_FILENO);
    return check_done();
}
