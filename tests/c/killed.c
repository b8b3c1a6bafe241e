/* Killed at each system call: a build or an extraction to a new name and over
 * an old file, where outputs are written without a name, under a hidden one,
 * and where there are not even links. Whenever it was, the name has the whole
 * old file or the whole new one, or nothing if nothing was there; the next call
 * to that name works, and sweeps up what the dead one left. And stopped at each
 * system call, while another one to the same name runs through: what the living
 * one has is left alone, and it ends well.
 *
 * Linked with fault_shim.c. What changes passwords is killed in fault.c. */
#include "passwords.h"

#include "fault_shim.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define DISK_LEN ((size_t)600 << 10)
#define CALLS_MAX 2000 /* more calls than any of this makes */
#define OLD "what was there before"
#define OLD_MODE 0640
#define PASSWORD "yesterday"
#define LEFT ".file.hexz-abcdef" /* by one that died before */
#define NAMES_MAX 8

enum work { BUILD, BUILD_ENCRYPTED, EXTRACT, EXTRACT_IN_PLACE, WORKS };

static const char *const work_names[WORKS] = {"build", "encrypted build", "extract", "extract in place"};
static const struct way {
    const char *name;
    int lacks;
} ways[] = {{"unnamed files", 0},
            {"hidden temporaries, linked", FAULT_NO_UNNAMED},
            {"hidden temporaries, renamed", FAULT_NO_UNNAMED | FAULT_NO_LINKS}};

static hexz_snapshot *snapshot;
/* What a work makes; that of an encrypted build is new each time. */
static struct {
    unsigned char *bytes;
    size_t len;
} whole[WORKS];
/* Cases, by what had the name afterwards. */
static long with_old, with_new, with_nothing, with_byte, in_place, stopped;
/* Cases in which a temporary was left, and in which a living one's was spared. */
static long left, spared;

static const char *output(void)
{
    return in_folder("out/file");
}

static hexz_status build(int encrypted, int over)
{
    struct passwords passwords = password_is(PASSWORD);
    hexz_build_opts opts = encrypted ? encrypted_build_of(in_folder("disk.raw"), output(), &passwords)
                                     : build_of(in_folder("disk.raw"), output());
    opts.flags &= ~(uint64_t)HEXZ_BUILD_NO_SYNC;
    opts.flags |= over ? HEXZ_BUILD_OVERWRITE : 0;
    /* So that each run makes the same calls. */
    opts.threads = 1;
    return hexz_build(&opts);
}

static hexz_status extract(uint64_t flags)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    opts.output = output();
    opts.flags = flags;
    opts.threads = 1;
    return hexz_snapshot_extract(snapshot, &opts);
}

static hexz_status do_work(enum work work, int over)
{
    switch (work) {
    case EXTRACT:
        return extract(over ? HEXZ_EXTRACT_OVERWRITE : 0);
    case EXTRACT_IN_PLACE:
        return extract(HEXZ_EXTRACT_IN_PLACE);
    default:
        return build(work == BUILD_ENCRYPTED, over);
    }
}

/* Whether the name has what the work makes, whole. */
static int is_new(enum work work)
{
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    struct passwords passwords = password_is(PASSWORD);
    hexz_snapshot *opened = NULL;
    int holds;
    if (work != BUILD_ENCRYPTED)
        return file_holds(output(), whole[work].bytes, whole[work].len);
    verify.threads = 1;
    holds = open_with(output(), &passwords, &opened) == HEXZ_OK && hexz_snapshot_verify(opened, &verify) == HEXZ_OK;
    hexz_snapshot_close(opened);
    return holds;
}

/* The names in the output's folder but its own, all of which are those of temporaries. */
static int temporaries(char names[NAMES_MAX][NAME_MAX + 1])
{
    DIR *folder = opendir(in_folder("out"));
    struct dirent *entry;
    int count = 0;
    if (folder == NULL)
        fixture_fail("opendir", in_folder("out"));
    while ((entry = readdir(folder)) != NULL && count < NAMES_MAX) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "file") == 0)
            continue;
        if (!CHECK(strlen(name) == strlen(LEFT) && strncmp(name, LEFT, strlen(LEFT) - 6) == 0))
            fprintf(stderr, "there is '%s'\n", name);
        (void)strcpy(names[count++], name);
    }
    (void)closedir(folder);
    return count;
}

static const char *in_out(const char *name)
{
    static char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", in_folder("out"), name);
    return path;
}

/* As who writes a file has it; who comes to remove one shares his lock. */
static int is_marked(const char *path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDONLY), told = fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0;
    (void)close(fd);
    return told && lock.l_type == F_WRLCK;
}

static void prepare(int over)
{
    char names[NAMES_MAX][NAME_MAX + 1];
    int count = temporaries(names);
    while (count-- > 0)
        (void)unlink(in_out(names[count]));
    (void)unlink(output());
    if (!over)
        return;
    put_file(output(), OLD, strlen(OLD));
    if (chmod(output(), OLD_MODE) != 0)
        fixture_fail("chmod", output());
    put_file(in_out(LEFT), OLD, strlen(OLD));
}

/* Whoever replaces a file keeps its mode from the first moment. */
static void check_mode(int over)
{
    struct stat info;
    if (CHECK(stat(output(), &info) == 0))
        CHECK_EQ(info.st_mode & 07777, over ? OLD_MODE : 0600);
}

static void check_file(enum work work, int over)
{
    if (work == EXTRACT_IN_PLACE) {
        /* Some of both, but the file itself. */
        CHECK(file_exists(output()));
        in_place++;
    } else if (!file_exists(output())) {
        CHECK(!over);
        with_nothing++;
        return;
    } else if (over && file_holds(output(), OLD, strlen(OLD))) {
        with_old++;
    } else if (!over && (fault_file_system(FAULT_AS_IT_IS) & FAULT_NO_LINKS) && file_holds(output(), "", 1)) {
        /* What docs/OUTPUT.md says of such file systems. */
        with_byte++;
    } else {
        CHECK(is_new(work));
        with_new++;
    }
    check_mode(over);
}

/* Another call to the same name, as whoever finds it so would make it. */
static void next(enum work work)
{
    char names[NAMES_MAX][NAME_MAX + 1];
    int over = file_exists(output());
    if (over && work == BUILD)
        CHECK_STATUS(do_work(work, 0), HEXZ_ERR_EXISTS);
    CHECK_OK(do_work(work, over));
    CHECK(is_new(work));
    /* In place nothing is swept. */
    CHECK_EQ(temporaries(names), work == EXTRACT_IN_PLACE);
}

static pid_t start(enum work work, int over, long nth, int error)
{
    pid_t child;
    prepare(over);
    (void)fflush(stdout);
    child = fork();
    if (child < 0)
        fixture_fail("fork", "a child");
    if (child == 0) {
        fault_arm(FAULT_ANY, nth, error, 0);
        _exit(-do_work(work, over));
    }
    return child;
}

static int wait_for(pid_t child, int options)
{
    int how = 0;
    if (waitpid(child, &how, options) != child)
        fixture_fail("waitpid", "the child");
    return how;
}

/* Killed in the `nth` call; false when there were fewer. */
static int kill_one(enum work work, int over, long nth)
{
    char names[NAMES_MAX][NAME_MAX + 1];
    int how = wait_for(start(work, over, nth, FAULT_KILL), 0);
    if (WIFEXITED(how)) {
        CHECK_EQ(WEXITSTATUS(how), 0);
        CHECK(is_new(work));
        return 0;
    }
    CHECK(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    left += temporaries(names) > over;
    check_file(work, over);
    next(work);
    return 1;
}

/* Stopped in the `nth` call, and continued when another one is done; false when there were fewer. */
static int stop_one(enum work work, int over, long nth)
{
    char names[NAMES_MAX][NAME_MAX + 1];
    pid_t child = start(work, over, nth, FAULT_STOP);
    int how = wait_for(child, WUNTRACED), count, i;
    if (WIFEXITED(how)) {
        CHECK_EQ(WEXITSTATUS(how), 0);
        return 0;
    }
    CHECK(WIFSTOPPED(how));
    for (i = 0, count = temporaries(names); i < count; i++)
        if (!is_marked(in_out(names[i])))
            names[i][0] = '\0';
    CHECK_OK(do_work(work, 1));
    CHECK(is_new(work));
    for (i = 0; i < count; i++)
        if (names[i][0] != '\0') {
            spared++;
            CHECK(file_exists(in_out(names[i])));
        }
    if (kill(child, SIGCONT) != 0)
        fixture_fail("kill", "the child");
    how = wait_for(child, 0);
    if (CHECK(WIFEXITED(how)) && (over || WEXITSTATUS(how) != -HEXZ_ERR_EXISTS))
        CHECK_EQ(WEXITSTATUS(how), 0);
    CHECK(is_new(work));
    check_mode(over);
    CHECK_EQ(temporaries(names), 0);
    stopped++;
    return 1;
}

static void each(const char *what, int (*one)(enum work, int, long), enum work work, int over,
                 const struct way *way)
{
    long nth = 0;
    fault_file_system(way->lacks);
    do {
        nth++;
        check_about("%s%s, %s: %s at call %ld", work_names[work], over ? " over an old file" : "", way->name, what,
                    nth);
    } while (one(work, over, nth) && nth < CALLS_MAX);
    CHECK(nth > 10 && nth < CALLS_MAX);
    fault_file_system(0);
}

static void make_whole(enum work work)
{
    CHECK_OK(do_work(work, 1));
    whole[work].bytes = get_file(output(), &whole[work].len);
}

int main(void)
{
    static const enum work works[] = {BUILD, BUILD_ENCRYPTED, EXTRACT};
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("disk.hxz"));
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    unsigned char *disk = bytes_new(DISK_LEN);
    size_t w, i;
    int over;

    memset(disk, 0, DISK_LEN);
    fill_random(disk, (size_t)100 << 10, 5);
    fill_text(disk + (256 << 10), (size_t)200 << 10, 6);
    put_sparse(in_folder("disk.raw"), disk, DISK_LEN);
    if (mkdir(in_folder("out"), 0700) != 0)
        fixture_fail("mkdir", in_folder("out"));
    CHECK_OK(hexz_build(&opts));
    snapshot = must_open(opts.output);
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    make_whole(BUILD);
    CHECK(file_holds(opts.output, whole[BUILD].bytes, whole[BUILD].len));
    make_whole(EXTRACT);
    make_whole(EXTRACT_IN_PLACE);
    CHECK_EQ(whole[EXTRACT].len, DISK_LEN);
    CHECK_BYTES(whole[EXTRACT].bytes, disk, DISK_LEN);

    for (w = 0; w < sizeof(ways) / sizeof(ways[0]); w++)
        for (i = 0; i < sizeof(works) / sizeof(works[0]); i++)
            for (over = 0; over <= 1; over++) {
                each("killed", kill_one, works[i], over, &ways[w]);
                if (works[i] != BUILD_ENCRYPTED)
                    each("stopped", stop_one, works[i], over, &ways[w]);
            }
    each("killed", kill_one, EXTRACT_IN_PLACE, 1, &ways[0]);

    check_about("%s", "");
    printf("killed: the name had the old file %ld times, the new one %ld, nothing %ld, a byte %ld, some of both "
           "in place %ld; temporaries left %ld times; stopped %ld times, temporaries spared %ld times\n",
           with_old, with_new, with_nothing, with_byte, in_place, left, stopped, spared);
    CHECK(with_old > 0 && with_new > 0 && with_nothing > 0 && with_byte > 0 && left > 0 && spared > 0);
    hexz_snapshot_close(snapshot);
    for (i = 0; i < WORKS; i++)
        free(whole[i].bytes);
    free(disk);
    return check_done();
}
