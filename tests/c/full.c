/* No room left: the error says so, the old output is intact, nothing else is
 * left. Once with a limit on the size of files, which anybody can set, and once
 * with a small tmpfs in a mount namespace of its own, where that is allowed. */
#include "fixture.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define LEN ((size_t)4 << 20)
#define ROOM ((size_t)1 << 20)
/* Exit code of a child that may not mount. */
#define NOT_ALLOWED 77

static void both_fail(const char *folder, const char *name, int error)
{
    hexz_build_opts build = build_of(in_folder("disk.raw"), name);
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    hexz_snapshot *snapshot = must_open(in_folder("disk.hxz"));
    long entries = entries_in(folder);
    int round;

    extract.output = name;
    for (round = 0; round < 2; round++) {
        CHECK_STATUS(hexz_build(&build), HEXZ_ERR_OUTPUT);
        CHECK_EQ(hexz_last_errno(), error);
        CHECK_TEXT(name);
        CHECK_EQ(entries_in(folder), entries);
        CHECK_STATUS(hexz_snapshot_extract(snapshot, &extract), HEXZ_ERR_OUTPUT);
        CHECK_EQ(hexz_last_errno(), error);
        CHECK_TEXT(name);
        CHECK_EQ(entries_in(folder), entries);
        if (round == 0) {
            /* Again over an old file, which stays. */
            put_file(name, "old", 3);
            entries++;
            build.flags |= HEXZ_BUILD_OVERWRITE;
            extract.flags |= HEXZ_EXTRACT_OVERWRITE;
        }
    }
    CHECK(file_holds(name, "old", 3));
    (void)unlink(name);
    hexz_snapshot_close(snapshot);
}

static void limited_file_size(void)
{
    struct rlimit before, small;
    if (getrlimit(RLIMIT_FSIZE, &before) != 0)
        fixture_fail("getrlimit", "RLIMIT_FSIZE");
    small = before;
    small.rlim_cur = ROOM;
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &small) != 0)
        fixture_fail("setrlimit", "RLIMIT_FSIZE");
    both_fail(in_folder("."), in_folder("out"), EFBIG);
    if (setrlimit(RLIMIT_FSIZE, &before) != 0)
        fixture_fail("setrlimit", "RLIMIT_FSIZE");
    (void)signal(SIGXFSZ, SIG_DFL);
}

static int in_small_tmpfs(void)
{
    hexz_build_opts fits = build_of(in_folder("small.raw"), in_folder("mount/fits"));
    check_afresh();
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return NOT_ALLOWED;
    if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", in_folder("mount"), "tmpfs", 0, "size=1m,mode=0700") != 0)
        return NOT_ALLOWED;
    both_fail(in_folder("mount"), in_folder("mount/out"), ENOSPC);
    /* And the room is there again. */
    CHECK_OK(hexz_build(&fits));
    (void)umount(in_folder("mount"));
    return check_done();
}

static void full_disk(void)
{
    int status = 0;
    pid_t child;
    if (mkdir(in_folder("mount"), 0700) != 0)
        fixture_fail("mkdir", "mount");
    child = fork();
    if (child < 0)
        fixture_fail("fork", "a child");
    if (child == 0)
        _exit(in_small_tmpfs());
    if (waitpid(child, &status, 0) != child)
        fixture_fail("waitpid", "the child");
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_ALLOWED)
        printf("skipped: full: no right to mount a tmpfs, ENOSPC not tried\n");
    else
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    unsigned char *data = bytes_new(LEN);
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("disk.hxz"));
    fill_random(data, LEN, 81);
    put_file(in_folder("disk.raw"), data, LEN);
    put_file(in_folder("small.raw"), data, ROOM / 2);
    free(data);
    CHECK_OK(hexz_build(&opts));
    limited_file_size();
    full_disk();
    return check_done();
}
