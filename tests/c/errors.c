/* Each bad input gets its own status, a text that names the operand, and the
 * system's errno where the system said no; nothing is left behind. Here: what
 * is read. outputs.c has what is written. */
#include "fixture.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NOBODY 65534

static unsigned char disk[100000];

static hexz_status build(const char *source, const char *memory)
{
    hexz_build_opts opts = build_of(source, in_folder("out.hxz"));
    opts.memory = memory;
    return hexz_build(&opts);
}

/* As the disk and as the memory dump: SOURCE, named, with that errno. */
static void bad_source(const char *path, int error)
{
    long entries = entries_here();
    check_about("source %.100s", path);
    CHECK_STATUS(build(path, NULL), HEXZ_ERR_SOURCE);
    CHECK_TEXT(path);
    CHECK_EQ(hexz_last_errno(), error);
    CHECK_STATUS(build(in_folder("disk.raw"), path), HEXZ_ERR_SOURCE);
    CHECK_TEXT(path);
    CHECK_EQ(hexz_last_errno(), error);
    CHECK_EQ(entries_here(), entries);
    check_about("%s", "");
}

/* As above, where it is the library that says no and no errno is asked for. */
static void odd_source(const char *path)
{
    long entries = entries_here();
    check_about("source %.100s", path);
    CHECK_STATUS(build(path, NULL), HEXZ_ERR_SOURCE);
    CHECK_TEXT(path);
    CHECK_STATUS(build(in_folder("disk.raw"), path), HEXZ_ERR_SOURCE);
    CHECK_TEXT(path);
    CHECK_EQ(entries_here(), entries);
    check_about("%s", "");
}

static void make_socket(const char *path)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memset(&address, 0, sizeof(address));
    address.sun_family = AF_UNIX;
    if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
        fixture_fail("socket", path);
    memcpy(address.sun_path, path, strlen(path));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        fixture_fail("bind", path);
    (void)close(fd);
}

static void sources(void)
{
    char *name = malloc(2 * PATH_MAX);
    if (name == NULL)
        fixture_fail("memory for", "a long name");
    bad_source(in_folder("absent.raw"), ENOENT);
    bad_source(in_folder("no-folder/disk.raw"), ENOENT);
    bad_source(in_folder("disk.raw/below"), ENOTDIR);
    (void)snprintf(name, 2 * PATH_MAX, "%s/%0*d", in_folder("."), 300, 1);
    bad_source(name, ENAMETOOLONG);
    if (symlink("loop", in_folder("loop")) != 0)
        fixture_fail("symlink", "loop");
    bad_source(in_folder("loop"), ELOOP);

    if (mkdir(in_folder("folder"), 0700) != 0 || mkfifo(in_folder("fifo"), 0600) != 0)
        fixture_fail("mkdir or mkfifo in", in_folder("."));
    make_socket(in_folder("socket"));
    odd_source(in_folder("folder"));
    odd_source(in_folder("fifo"));
    odd_source(in_folder("socket"));
    odd_source("/dev/null");
    odd_source("/dev/zero");
    free(name);
}

static void unreadable(void)
{
    put_file(in_folder("closed.raw"), disk, sizeof(disk));
    if (chmod(in_folder("closed.raw"), 0) != 0)
        fixture_fail("chmod", "closed.raw");
    /* Root may read anything, so somebody else has to ask. */
    if (geteuid() == 0) {
        if (chmod(in_folder("."), 0755) != 0 || seteuid(NOBODY) != 0)
            fixture_fail("seteuid", "nobody");
        CHECK_STATUS(build(in_folder("closed.raw"), NULL), HEXZ_ERR_SOURCE);
        CHECK_EQ(hexz_last_errno(), EACCES);
        CHECK_TEXT(in_folder("closed.raw"));
        if (seteuid(0) != 0)
            fixture_fail("seteuid", "root");
    } else {
        bad_source(in_folder("closed.raw"), EACCES);
    }
    (void)unlink(in_folder("closed.raw"));
}

static void empty_source(void)
{
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_snapshot *snapshot;
    put_file(in_folder("empty.raw"), "", 0);
    CHECK_OK(build(in_folder("empty.raw"), in_folder("empty.raw")));
    snapshot = must_open(in_folder("out.hxz"));
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    CHECK_EQ(info.logical_size, 0);
    CHECK_EQ(info.stream_count, 2);
    hexz_snapshot_close(snapshot);
    (void)unlink(in_folder("out.hxz"));
}

/* Paths are bytes: no encoding is asked of them. */
static void strange_names(void)
{
    static const char *const names[] = {"\xff\xfe.raw", "a b\n\t'\"$.raw", "-", "%s%n"};
    hexz_snapshot *snapshot = NULL;
    hexz_build_opts opts;
    size_t i;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        put_file(in_folder(names[i]), disk, sizeof(disk));
        opts = build_of(in_folder(names[i]), in_folder("\xfe\xff.hxz"));
        CHECK_OK(hexz_build(&opts));
        CHECK_OK(open_path(in_folder("\xfe\xff.hxz"), &snapshot));
        hexz_snapshot_close(snapshot);
        (void)unlink(in_folder("\xfe\xff.hxz"));
        (void)unlink(in_folder(names[i]));
        CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_SOURCE);
        CHECK_EQ(hexz_last_errno(), ENOENT);
    }
}

/* Whoever chose a name, an image or a stranger, does not command the terminal
 * that shows the text, nor make a log of one line two: in sources, outputs and
 * snapshots alike. */
static void control_bytes_in_names(void)
{
    const char *odd = in_folder("a\n\x1b[2J\x7f\t.hxz"), *shown = "a\\n\\u{1b}[2J\\u{7f}\\t.hxz";
    hexz_build_opts opts = build_of(odd, in_folder("out.hxz"));
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    hexz_rekey_opts rekey = HEXZ_INIT(hexz_rekey_opts);
    hexz_snapshot *snapshot = NULL;
    int i;

    for (i = 0; i < 7; i++) {
        check_about("way number %d", i);
        switch (i) {
        case 0:
            CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_SOURCE);
            break;
        case 1:
            CHECK_STATUS(open_path(odd, &snapshot), HEXZ_ERR_IO);
            break;
        case 2:
            put_file(odd, disk, sizeof(disk));
            CHECK_STATUS(open_path(odd, &snapshot), HEXZ_ERR_NOT_SNAPSHOT);
            break;
        case 3:
            opts.source = in_folder("disk.raw");
            opts.output = odd;
            CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_EXISTS);
            break;
        case 4:
            opts.flags = HEXZ_BUILD_ENCRYPT;
            CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_PASSWORD_REQUIRED);
            break;
        case 5:
            rekey.path = odd;
            rekey.operation = HEXZ_REKEY_ADD;
            CHECK_STATUS(hexz_snapshot_rekey(&rekey), HEXZ_ERR_PASSWORD_REQUIRED);
            break;
        default:
            opts.flags = HEXZ_BUILD_OVERWRITE;
            CHECK_OK(hexz_build(&opts));
            snapshot = must_open(odd);
            extract.output = odd;
            CHECK_STATUS(hexz_snapshot_extract(snapshot, &extract), HEXZ_ERR_INVALID_ARGUMENT);
            hexz_snapshot_close(snapshot);
        }
        CHECK_TEXT(shown);
        CHECK(strpbrk(hexz_last_error(), "\n\t\x1b\x7f") == NULL);
    }
    check_about("%s", "");
    (void)unlink(odd);
}

/* What cannot be read or written over is looked at and never opened: that alone
 * would wake who waits at a FIFO, wind a tape back, or start a watchdog. */
static void only_looked_at(void)
{
    char events[4096];
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    hexz_snapshot *snapshot = NULL, *good;
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("good.hxz"));
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    CHECK_OK(hexz_build(&opts));
    good = must_open(in_folder("good.hxz"));
    if (watch < 0 || inotify_add_watch(watch, in_folder("fifo"), IN_OPEN) < 0)
        fixture_fail("inotify", in_folder("fifo"));
    CHECK_STATUS(build(in_folder("fifo"), NULL), HEXZ_ERR_SOURCE);
    CHECK_TEXT("FIFO");
    CHECK_STATUS(build(in_folder("disk.raw"), in_folder("fifo")), HEXZ_ERR_SOURCE);
    CHECK_STATUS(open_path(in_folder("fifo"), &snapshot), HEXZ_ERR_IO);
    extract.output = in_folder("fifo");
    extract.flags = HEXZ_EXTRACT_IN_PLACE;
    CHECK_STATUS(hexz_snapshot_extract(good, &extract), HEXZ_ERR_OUTPUT);
    CHECK_EQ(read(watch, events, sizeof(events)), -1);
    CHECK_EQ(errno, EAGAIN);
    (void)close(watch);
    hexz_snapshot_close(good);
    (void)unlink(in_folder("good.hxz"));
}

static void open_fails(const char *path, hexz_status want)
{
    hexz_snapshot *snapshot = (hexz_snapshot *)(void *)disk;
    check_about("open %.100s", path);
    CHECK_STATUS(open_path(path, &snapshot), want);
    CHECK(snapshot == NULL);
    CHECK_TEXT(path);
    check_about("%s", "");
}

static void snapshots_that_are_not_there(void)
{
    hexz_snapshot *snapshot = NULL;
    open_fails(in_folder("absent.hxz"), HEXZ_ERR_IO);
    CHECK_EQ(hexz_last_errno(), ENOENT);
    open_fails(in_folder("disk.raw/below"), HEXZ_ERR_IO);
    CHECK_EQ(hexz_last_errno(), ENOTDIR);
    /* Nothing that one could read a snapshot from; a FIFO must not hang. */
    CHECK(open_path(in_folder("folder"), &snapshot) < 0);
    CHECK_TEXT(in_folder("folder"));
    CHECK(snapshot == NULL);
    CHECK(open_path(in_folder("fifo"), &snapshot) < 0);
    CHECK_TEXT(in_folder("fifo"));
    CHECK(snapshot == NULL);
    CHECK(open_path("/dev/null", &snapshot) < 0);
    CHECK(snapshot == NULL);
}

static void not_snapshots(void)
{
    size_t len;
    unsigned char *good, *bad;
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("good.hxz"));

    open_fails(in_folder("empty.raw"), HEXZ_ERR_NOT_SNAPSHOT);
    open_fails(in_folder("disk.raw"), HEXZ_ERR_NOT_SNAPSHOT);
    CHECK_OK(hexz_build(&opts));
    good = get_file(in_folder("good.hxz"), &len);
    bad = bytes_new(len + 1);

    /* Cut within the magic, and from there on. */
    put_file(in_folder("bad.hxz"), good, 7);
    open_fails(in_folder("bad.hxz"), HEXZ_ERR_NOT_SNAPSHOT);
    put_file(in_folder("bad.hxz"), good, 4095);
    open_fails(in_folder("bad.hxz"), HEXZ_ERR_CORRUPT);
    put_file(in_folder("bad.hxz"), good, len / 2);
    open_fails(in_folder("bad.hxz"), HEXZ_ERR_CORRUPT);
    put_file(in_folder("bad.hxz"), good, len - 1);
    open_fails(in_folder("bad.hxz"), HEXZ_ERR_CORRUPT);
    /* Lengthened. */
    memcpy(bad, good, len);
    put_file(in_folder("bad.hxz"), bad, len + 1);
    open_fails(in_folder("bad.hxz"), HEXZ_ERR_CORRUPT);
    /* Another magic. */
    bad[0] ^= 1;
    put_file(in_folder("bad.hxz"), bad, len);
    open_fails(in_folder("bad.hxz"), HEXZ_ERR_NOT_SNAPSHOT);
    /* A newer version, then a feature that is not known, are told as such
     * although the checksum does not fit either: docs/FORMAT.md, header. */
    memcpy(bad, good, len);
    bad[8] = 0xFE;
    bad[9] = 0xFF;
    put_file(in_folder("bad.hxz"), bad, len);
    open_fails(in_folder("bad.hxz"), HEXZ_ERR_UNSUPPORTED);
    memcpy(bad, good, len);
    bad[16 + 5] |= 1;
    put_file(in_folder("bad.hxz"), bad, len);
    open_fails(in_folder("bad.hxz"), HEXZ_ERR_UNSUPPORTED);
    CHECK_TEXT("40");
    /* Any other byte of the header. */
    memcpy(bad, good, len);
    bad[4000] ^= 1;
    put_file(in_folder("bad.hxz"), bad, len);
    open_fails(in_folder("bad.hxz"), HEXZ_ERR_CORRUPT);
    free(bad);
    free(good);
}

static void inside_a_snapshot(void)
{
    hexz_snapshot *snapshot = must_open(in_folder("good.hxz"));
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    hexz_extent extent = HEXZ_INIT(hexz_extent);
    hexz_stream_info info = HEXZ_INIT(hexz_stream_info);
    uint32_t index;
    char buf[10];

    CHECK_STATUS(hexz_snapshot_read(snapshot, 1, 0, buf, 1), HEXZ_ERR_NO_STREAM);
    CHECK_STATUS(hexz_snapshot_read(snapshot, UINT32_MAX, 0, buf, 0), HEXZ_ERR_NO_STREAM);
    CHECK_STATUS(hexz_snapshot_extent(snapshot, 1, 0, &extent), HEXZ_ERR_NO_STREAM);
    CHECK_STATUS(hexz_snapshot_stream(snapshot, 1, &info), HEXZ_ERR_NO_STREAM);
    CHECK_STATUS(hexz_snapshot_find(snapshot, "", &index), HEXZ_ERR_NO_STREAM);
    CHECK_STATUS(hexz_snapshot_find(snapshot, "Disk", &index), HEXZ_ERR_NO_STREAM);
    CHECK_TEXT("Disk");
    CHECK_STATUS(hexz_snapshot_find(snapshot, "\xff", &index), HEXZ_ERR_NO_STREAM);
    CHECK_STATUS(hexz_snapshot_read(snapshot, 0, sizeof(disk) - 5, buf, 10), HEXZ_ERR_OUT_OF_RANGE);
    CHECK_STATUS(hexz_snapshot_read(snapshot, 0, UINT64_MAX, buf, 10), HEXZ_ERR_OUT_OF_RANGE);
    CHECK_STATUS(hexz_snapshot_read(snapshot, 0, 10, buf, SIZE_MAX), HEXZ_ERR_OUT_OF_RANGE);
    CHECK_STATUS(hexz_snapshot_read(snapshot, 0, sizeof(disk) + 1, NULL, 0), HEXZ_ERR_OUT_OF_RANGE);
    CHECK_OK(hexz_snapshot_read(snapshot, 0, sizeof(disk), NULL, 0));
    extract.stream = 1;
    extract.output = in_folder("back.raw");
    CHECK_STATUS(hexz_snapshot_extract(snapshot, &extract), HEXZ_ERR_NO_STREAM);
    CHECK(!file_exists(in_folder("back.raw")));
    hexz_snapshot_close(snapshot);
}

int main(void)
{
    fill_text(disk, sizeof(disk), 51);
    put_file(in_folder("disk.raw"), disk, sizeof(disk));
    sources();
    unreadable();
    empty_source();
    strange_names();
    control_bytes_in_names();
    snapshots_that_are_not_there();
    only_looked_at();
    not_snapshots();
    inside_a_snapshot();
    return check_done();
}
