/* Where a snapshot or an extracted stream may be put: a new name, or an old one
 * when overwriting is asked for; never a device, never an input by whatever
 * name. What was there before a failure is there after it. */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

static unsigned char disk[100000];
static hexz_snapshot *snapshot;

static hexz_status build_to(const char *output, uint64_t flags)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), output);
    opts.flags |= flags;
    return hexz_build(&opts);
}

static hexz_status extract_to(const char *output, uint64_t flags)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    opts.output = output;
    opts.flags = flags | HEXZ_EXTRACT_NO_SYNC;
    return hexz_snapshot_extract(snapshot, &opts);
}

/* The two calls that make a file, told apart by what a file of theirs holds. */
static const struct kind {
    const char *name;
    uint64_t overwrite;
    hexz_status (*to)(const char *output, uint64_t flags);
} kinds[] = {{"build", HEXZ_BUILD_OVERWRITE, build_to}, {"extract", HEXZ_EXTRACT_OVERWRITE, extract_to}};

static void holds_result(const struct kind *kind, const char *path)
{
    struct stat info;
    if (!CHECK(lstat(path, &info) == 0 && S_ISREG(info.st_mode)))
        return;
    if (kind->to == extract_to) {
        CHECK(file_holds(path, disk, sizeof(disk)));
    } else {
        hexz_snapshot *opened = NULL;
        CHECK_OK(open_path(path, &opened));
        hexz_snapshot_close(opened);
    }
}

static void refused(const struct kind *kind, const char *path, uint64_t flags, hexz_status want, int error)
{
    long entries = entries_here();
    check_about("%s to %.80s, flags %llu", kind->name, path, (unsigned long long)flags);
    CHECK_STATUS(kind->to(path, flags), want);
    CHECK_TEXT(path);
    if (error != 0)
        CHECK_EQ(hexz_last_errno(), error);
    CHECK_EQ(entries_here(), entries);
}

static void no_place(const struct kind *kind)
{
    refused(kind, in_folder("no-folder/out"), 0, HEXZ_ERR_OUTPUT, ENOENT);
    refused(kind, in_folder("no-folder/out"), kind->overwrite, HEXZ_ERR_OUTPUT, ENOENT);
    refused(kind, in_folder("disk.raw/out"), 0, HEXZ_ERR_OUTPUT, ENOTDIR);
    CHECK(kind->to("", 0) < 0);
}

static void taken(const struct kind *kind)
{
    put_file(in_folder("old"), "old", 3);
    refused(kind, in_folder("old"), 0, HEXZ_ERR_EXISTS, EEXIST);
    CHECK(file_holds(in_folder("old"), "old", 3));
    CHECK_OK(kind->to(in_folder("old"), kind->overwrite));
    holds_result(kind, in_folder("old"));
    /* Overwriting what is not there is no error. */
    CHECK(unlink(in_folder("old")) == 0);
    CHECK_OK(kind->to(in_folder("old"), kind->overwrite));
    holds_result(kind, in_folder("old"));
    CHECK(unlink(in_folder("old")) == 0);
}

/* A symbolic link counts as what is there, and is itself what is replaced. */
static void symbolic_links(const struct kind *kind)
{
    put_file(in_folder("target"), "target", 6);
    if (symlink("target", in_folder("link")) != 0 || symlink("nowhere", in_folder("dangling")) != 0)
        fixture_fail("symlink in", in_folder("."));
    refused(kind, in_folder("link"), 0, HEXZ_ERR_EXISTS, EEXIST);
    refused(kind, in_folder("dangling"), 0, HEXZ_ERR_EXISTS, EEXIST);
    CHECK_OK(kind->to(in_folder("link"), kind->overwrite));
    holds_result(kind, in_folder("link"));
    CHECK(file_holds(in_folder("target"), "target", 6));
    CHECK_OK(kind->to(in_folder("dangling"), kind->overwrite));
    holds_result(kind, in_folder("dangling"));
    CHECK(!file_exists(in_folder("nowhere")));
    (void)unlink(in_folder("link"));
    (void)unlink(in_folder("dangling"));
    (void)unlink(in_folder("target"));
}

static void no_regular_file(const struct kind *kind)
{
    struct stat info;
    if (mkdir(in_folder("folder"), 0700) != 0 || mkfifo(in_folder("fifo"), 0600) != 0)
        fixture_fail("mkdir or mkfifo in", in_folder("."));
    refused(kind, in_folder("folder"), 0, HEXZ_ERR_OUTPUT, 0);
    refused(kind, in_folder("folder"), kind->overwrite, HEXZ_ERR_OUTPUT, 0);
    refused(kind, in_folder("fifo"), 0, HEXZ_ERR_OUTPUT, 0);
    refused(kind, in_folder("fifo"), kind->overwrite, HEXZ_ERR_OUTPUT, 0);
    refused(kind, "/dev/null", 0, HEXZ_ERR_OUTPUT, 0);
    refused(kind, "/dev/null", kind->overwrite, HEXZ_ERR_OUTPUT, 0);
    CHECK(lstat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode));
    CHECK(lstat(in_folder("fifo"), &info) == 0 && S_ISFIFO(info.st_mode));
    (void)rmdir(in_folder("folder"));
    (void)unlink(in_folder("fifo"));
}

static void mode_follows_umask(const struct kind *kind)
{
    struct stat info;
    mode_t before = umask(0);
    CHECK_OK(kind->to(in_folder("open"), 0));
    CHECK(stat(in_folder("open"), &info) == 0);
    CHECK_EQ(info.st_mode & 07777, 0600);
    (void)umask(0277);
    CHECK_OK(kind->to(in_folder("closed"), 0));
    CHECK(stat(in_folder("closed"), &info) == 0);
    CHECK_EQ(info.st_mode & 07777, 0400);
    (void)umask(before);
    (void)unlink(in_folder("open"));
    (void)unlink(in_folder("closed"));
}

/* Relative paths, and one without any folder in it. */
static void from_the_working_folder(const struct kind *kind)
{
    char before[4096];
    if (getcwd(before, sizeof(before)) == NULL || chdir(in_folder(".")) != 0)
        fixture_fail("chdir", in_folder("."));
    CHECK_OK(kind->to("plain", 0));
    CHECK_OK(kind->to("./plain", kind->overwrite));
    holds_result(kind, "plain");
    (void)unlink("plain");
    if (chdir(before) != 0)
        fixture_fail("chdir", before);
}

static void input_as_output(void)
{
    static const uint64_t flags[] = {0, HEXZ_BUILD_OVERWRITE};
    const char *const names[] = {in_folder("disk.raw"), in_folder("./disk.raw"), in_folder("hard.raw")};
    hexz_build_opts opts;
    hexz_status status;
    size_t i, j;
    long entries;

    if (link(in_folder("disk.raw"), in_folder("hard.raw")) != 0 || symlink("disk.raw", in_folder("soft.raw")) != 0)
        fixture_fail("link in", in_folder("."));
    put_file(in_folder("other.raw"), disk, sizeof(disk));
    entries = entries_here();
    for (i = 0; i < 2; i++) {
        for (j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
            check_about("output %.80s is an input, flags %llu", names[j], (unsigned long long)flags[i]);
            opts = build_of(in_folder("disk.raw"), names[j]);
            opts.flags |= flags[i];
            CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
            CHECK_TEXT(names[j]);
            opts.source = in_folder("soft.raw");
            CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
            opts.source = in_folder("other.raw");
            opts.memory = in_folder("disk.raw");
            CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
        }
    }
    CHECK_EQ(entries_here(), entries);
    CHECK(file_holds(in_folder("disk.raw"), disk, sizeof(disk)));

    /* A link to the source: refused as the source by another name, or replaced
     * as any link is. The source is untouched either way. */
    check_about("%s", "output is a symbolic link to the source");
    opts = build_of(in_folder("disk.raw"), in_folder("soft.raw"));
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    status = hexz_build(&opts);
    CHECK(status == HEXZ_ERR_INVALID_ARGUMENT || status == HEXZ_OK);
    CHECK(file_holds(in_folder("disk.raw"), disk, sizeof(disk)));
    CHECK_EQ(entries_here(), entries);

    check_about("%s", "extract over the snapshot itself");
    CHECK_STATUS(extract_to(in_folder("disk.hxz"), HEXZ_EXTRACT_OVERWRITE), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(extract_to(in_folder("disk.hxz"), HEXZ_EXTRACT_IN_PLACE), HEXZ_ERR_INVALID_ARGUMENT);
    check_about("%s", "");
}

/* Into an existing file: its inode, its mode and its other links stay. */
static void in_place(void)
{
    unsigned char *old = bytes_new(sizeof(disk));
    struct stat before, after;

    fill_random(old, sizeof(disk), 62);
    put_file(in_folder("device"), old, sizeof(disk));
    CHECK(stat(in_folder("device"), &before) == 0);
    CHECK_OK(extract_to(in_folder("device"), HEXZ_EXTRACT_IN_PLACE));
    CHECK(stat(in_folder("device"), &after) == 0);
    CHECK_EQ(after.st_ino, before.st_ino);
    CHECK_EQ(after.st_mode, before.st_mode);
    CHECK(file_holds(in_folder("device"), disk, sizeof(disk)));
    CHECK_STATUS(extract_to(in_folder("absent"), HEXZ_EXTRACT_IN_PLACE), HEXZ_ERR_OUTPUT);
    CHECK_TEXT(in_folder("absent"));
    CHECK(!file_exists(in_folder("absent")));
    free(old);
}

/* Holes stay holes on the way back. */
static void sparse(void)
{
    hexz_build_opts opts = build_of(in_folder("holes.raw"), in_folder("holes.hxz"));
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    const size_t len = (size_t)8 << 20;
    unsigned char *holes = bytes_new(len);
    struct stat info;
    hexz_snapshot *opened;

    fill_random(holes + len / 2, 4096, 63);
    put_file(in_folder("holes.raw"), holes, len);
    CHECK_OK(hexz_build(&opts));
    opened = must_open(in_folder("holes.hxz"));
    extract.output = in_folder("back.raw");
    CHECK_OK(hexz_snapshot_extract(opened, &extract));
    CHECK(file_holds(in_folder("back.raw"), holes, len));
    CHECK(stat(in_folder("back.raw"), &info) == 0);
    CHECK((uint64_t)info.st_blocks * 512 < len / 4);
    /* Zeros have to be written where something else may be. */
    memset(holes, 0xFF, len / 4);
    put_file(in_folder("back.raw"), holes, len);
    memset(holes, 0, len / 4);
    extract.flags = HEXZ_EXTRACT_IN_PLACE;
    CHECK_OK(hexz_snapshot_extract(opened, &extract));
    CHECK(file_holds(in_folder("back.raw"), holes, len));
    hexz_snapshot_close(opened);
    free(holes);
}

/* In a thread with a file table of its own a descriptor's number is another file in the rest of
 * the process, or none, and so in /proc/self/fd. Here each number that the library may get is. */
static void *in_own_table(void *unused)
{
    size_t i;
    int fd, kept;
    if (unshare(CLONE_FILES) != 0) {
        printf("outputs: no file table of its own: %s\n", strerror(errno));
        return unused;
    }
    /* The numbers are free in this table, and taken in that of the process. */
    for (fd = 100; fd < 400; fd++)
        (void)close(fd);
    for (kept = open("/dev/null", O_RDONLY); kept >= 0 && kept < 99;)
        kept = dup(kept);
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        check_about("%s in a thread with its own file table", kinds[i].name);
        CHECK_OK(kinds[i].to(in_folder("own"), 0));
        holds_result(&kinds[i], in_folder("own"));
        CHECK_OK(kinds[i].to(in_folder("own"), kinds[i].overwrite));
        holds_result(&kinds[i], in_folder("own"));
        (void)unlink(in_folder("own"));
    }
    return unused;
}

static void own_file_table(void)
{
    pthread_t thread;
    struct stat info;
    int fd;
    put_file(in_folder("somebody"), "somebody", 8);
    fd = open(in_folder("somebody"), O_RDWR);
    CHECK(fd >= 0);
    for (int n = 100; n < 400; n++)
        CHECK(dup2(fd, n) == n);
    CHECK(pthread_create(&thread, NULL, in_own_table, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    for (int n = 100; n < 400; n++)
        (void)close(n);
    (void)close(fd);
    check_about("%s", "somebody else's file");
    CHECK(stat(in_folder("somebody"), &info) == 0);
    CHECK_EQ(info.st_nlink, 1);
    CHECK(file_holds(in_folder("somebody"), "somebody", 8));
}

int main(void)
{
    size_t i;
    fill_text(disk, sizeof(disk), 61);
    put_file(in_folder("disk.raw"), disk, sizeof(disk));
    CHECK_OK(build_to(in_folder("disk.hxz"), 0));
    snapshot = must_open(in_folder("disk.hxz"));
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        no_place(&kinds[i]);
        taken(&kinds[i]);
        symbolic_links(&kinds[i]);
        no_regular_file(&kinds[i]);
        mode_follows_umask(&kinds[i]);
        from_the_working_folder(&kinds[i]);
    }
    check_about("%s", "");
    own_file_table();
    input_as_output();
    in_place();
    sparse();
    hexz_snapshot_close(snapshot);
    return check_done();
}
