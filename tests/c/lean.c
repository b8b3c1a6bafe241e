/* Thin snapshots as a host program builds them: on a parent by path or open already, on bases, with
 * and without a password, and from a source that knows itself what its parent has. */

#include "passwords.h"

#include <sys/resource.h>

#define PAGE ((size_t)4096)
#define PAGES ((size_t)300)
#define SIZE (PAGES * PAGE)

static unsigned char first[SIZE], changed[SIZE];

/* All of a disk, through whatever it leans on, and checked. Closes it. */
static void check_holds(hexz_snapshot *snapshot, const unsigned char *bytes, size_t len)
{
    hexz_verify_opts opts = HEXZ_INIT(hexz_verify_opts);
    unsigned char *back = bytes_new(len);
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, len));
    CHECK_BYTES(back, bytes, len);
    CHECK_OK(hexz_snapshot_verify(snapshot, &opts));
    free(back);
    hexz_snapshot_close(snapshot);
}

static hexz_build_opts child_of(const char *parent, const char *name, hexz_build_report *report)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder(name));
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    opts.parent = parent;
    opts.report = report;
    return opts;
}

static void check_sum(const hexz_build_report *report, size_t len)
{
    CHECK_EQ(report->bytes_zero + report->bytes_duplicate + report->bytes_inherited + report->bytes_unique, len);
}

/* Nothing changed, then one page; the same bytes by any way in and any number of threads. */
static void differences(void)
{
    static const uint32_t threads[] = {1, 2, 5};
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_build_opts opts = child_of(in_folder("first.hxz"), "child.hxz", &report);
    hexz_snapshot *parent = must_open(in_folder("first.hxz")), *child;
    unsigned char *bytes = NULL;
    size_t i, len = 0;

    put_file(in_folder("disk.raw"), first, SIZE);
    CHECK_OK(hexz_build(&opts));
    CHECK_EQ(report.blocks, 0);
    CHECK_EQ(report.bytes_unique, 0);
    check_sum(&report, SIZE);
    CHECK(report.file_size < 12288);
    child = must_open(in_folder("child.hxz"));
    CHECK_OK(hexz_snapshot_info(parent, &info));
    {
        hexz_info of_child = HEXZ_INIT(hexz_info);
        CHECK_OK(hexz_snapshot_info(child, &of_child));
        CHECK_BYTES(of_child.parent_root, info.root, 32);
        CHECK_EQ(of_child.ancestor_count, 1);
    }
    check_holds(child, first, SIZE);

    put_file(in_folder("disk.raw"), changed, SIZE);
    for (i = 0; i < 3; i++) {
        check_about("%u threads", threads[i]);
        opts.threads = threads[i];
        CHECK_OK(hexz_build(&opts));
        CHECK_EQ(report.bytes_unique, PAGE);
        check_sum(&report, SIZE);
        if (bytes == NULL)
            bytes = get_file(in_folder("child.hxz"), &len);
        CHECK(file_holds(in_folder("child.hxz"), bytes, len));
    }
    check_about("%s", "open already");
    opts.parent = NULL;
    opts.parent_snapshot = parent;
    CHECK_OK(hexz_build(&opts));
    hexz_snapshot_close(parent);
    CHECK(file_holds(in_folder("child.hxz"), bytes, len));
    free(bytes);
    check_about("%s", "");
    check_holds(must_open(in_folder("child.hxz")), changed, SIZE);
}

/* What a page in front moved is found in the parent, or in a base. */
static void elsewhere(void)
{
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_build_opts opts = child_of(in_folder("first.hxz"), "moved.hxz", &report);
    unsigned char *moved = bytes_new(SIZE + PAGE);
    hexz_snapshot *base = must_open(in_folder("first.hxz"));
    const hexz_snapshot *bases[1];
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_snapshot *child;

    fill_text(moved, PAGE, 4321);
    memcpy(moved + PAGE, first, SIZE);
    put_file(in_folder("disk.raw"), moved, SIZE + PAGE);
    CHECK_OK(hexz_build(&opts));
    CHECK_EQ(report.bytes_unique, PAGE);
    check_holds(must_open(in_folder("moved.hxz")), moved, SIZE + PAGE);
    bases[0] = base;
    opts.parent = NULL;
    opts.bases = bases;
    opts.base_count = 1;
    CHECK_OK(hexz_build(&opts));
    hexz_snapshot_close(base);
    CHECK_EQ(report.bytes_unique, PAGE);
    child = must_open(in_folder("moved.hxz"));
    CHECK_OK(hexz_snapshot_info(child, &info));
    CHECK_EQ(info.ancestor_count, 1);
    CHECK_EQ(info.parent_root[0] | info.parent_root[31], 0);
    check_holds(child, moved, SIZE + PAGE);
    free(moved);
}

/* Three files, each read in one hop; without one of them, the last one does not open. */
static void chain(void)
{
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_build_opts opts = child_of(in_folder("child.hxz"), "third.hxz", &report);
    unsigned char *third = bytes_new(SIZE);
    hexz_snapshot *snapshot = NULL;
    hexz_info info = HEXZ_INIT(hexz_info);

    memcpy(third, changed, SIZE);
    fill_text(third + 7 * PAGE, PAGE, 777);
    put_file(in_folder("disk.raw"), third, SIZE);
    CHECK_OK(hexz_build(&opts));
    CHECK_EQ(report.bytes_unique, PAGE);
    snapshot = must_open(in_folder("third.hxz"));
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    CHECK_EQ(info.ancestor_count, 2);
    check_holds(snapshot, third, SIZE);

    CHECK_EQ(rename(in_folder("first.hxz"), in_folder("away.hxz")), 0);
    CHECK_STATUS(open_path(in_folder("third.hxz"), &snapshot), HEXZ_ERR_PARENT);
    CHECK_TEXT("first.hxz");
    CHECK_EQ(hexz_last_errno(), ENOENT);
    /* A build needs all of its parent, too. */
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_PARENT);
    CHECK_EQ(rename(in_folder("away.hxz"), in_folder("first.hxz")), 0);
    opts.parent = in_folder("away.hxz");
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_PARENT);
    CHECK_TEXT("away.hxz");
    CHECK_EQ(hexz_last_errno(), ENOENT);
    /* The old output is as it was. */
    check_holds(must_open(in_folder("third.hxz")), third, SIZE);
    opts.parent = in_folder("third.hxz");
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("third.hxz");
    check_holds(must_open(in_folder("third.hxz")), third, SIZE);
    free(third);
}

/* Who builds on an encrypted one is asked for its password, and for a new one; who reads, for that. */
static void sealed(void)
{
    struct passwords passwords = password_is("one");
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_build_opts opts = encrypted_build_of(in_folder("disk.raw"), in_folder("sealed.hxz"), &passwords);
    hexz_snapshot *parent;
    size_t way;

    put_file(in_folder("disk.raw"), first, SIZE);
    CHECK_OK(hexz_build(&opts));
    put_file(in_folder("disk.raw"), changed, SIZE);
    parent = must_open_with(in_folder("sealed.hxz"), "one");
    for (way = 0; way < 2; way++) {
        passwords = no_passwords();
        add_answer(&passwords, 0, "wrong", 5);
        add_answer(&passwords, 0, "one", 3);
        add_answer(&passwords, 0, "two", 3);
        opts = encrypted_build_of(in_folder("disk.raw"), in_folder("sealed-child.hxz"), &passwords);
        opts.flags |= HEXZ_BUILD_OVERWRITE;
        opts.report = &report;
        if (way == 0)
            opts.parent = in_folder("sealed.hxz");
        else
            opts.parent_snapshot = parent;
        CHECK_OK(hexz_build(&opts));
        CHECK_EQ(report.bytes_unique, PAGE);
        CHECK_EQ(passwords.count, 3);
        CHECK_EQ(passwords.asked[0].purpose, HEXZ_PASSWORD_PARENT);
        CHECK_EQ(passwords.asked[1].purpose, HEXZ_PASSWORD_PARENT);
        CHECK_EQ(passwords.asked[1].attempt, 1);
        CHECK(strstr(passwords.asked[1].path, "sealed.hxz") != NULL);
        CHECK_EQ(passwords.asked[2].purpose, HEXZ_PASSWORD_CREATE);
        check_holds(must_open_with(in_folder("sealed-child.hxz"), "two"), changed, SIZE);
    }
    hexz_snapshot_close(parent);
    /* What is plain would lay open what is not. */
    passwords = password_is("one");
    opts = child_of(in_folder("sealed.hxz"), "plain-child.hxz", &report);
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("HEXZ_BUILD_ENCRYPT");
    opts.password = answer;
    opts.password_data = &passwords;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_EQ(passwords.count, 0);
    CHECK(!file_exists(in_folder("plain-child.hxz")));
}

/* A hypervisor's dirty bitmap: all but a page is the parent's. */
static int32_t read_dirty(void *user_data, uint64_t offset, void *buf, size_t len)
{
    uint64_t *dirty = user_data;
    CHECK_EQ(offset, *dirty);
    CHECK_EQ(len, PAGE);
    memcpy(buf, changed + offset, len);
    return 0;
}

static int32_t dirty_map(void *user_data, uint64_t offset, uint64_t *len, uint32_t *kind)
{
    uint64_t *dirty = user_data;
    if (offset < *dirty) {
        *kind = HEXZ_EXTENT_PARENT;
        *len = *dirty - offset;
    } else if (offset < *dirty + PAGE) {
        *kind = HEXZ_EXTENT_DATA;
        *len = *dirty + PAGE - offset;
    } else {
        *kind = HEXZ_EXTENT_PARENT;
    }
    return 0;
}

static void by_place(uint64_t dirty)
{
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_build_opts opts = child_of(in_folder("first.hxz"), "dirty.hxz", &report);
    hexz_source source = HEXZ_INIT(hexz_source);
    hexz_stream stream = HEXZ_INIT(hexz_stream);
    const hexz_stream *streams[1];

    source.user_data = &dirty;
    source.size = SIZE;
    source.read_at = read_dirty;
    source.extent_at = dirty_map;
    stream.name = "disk";
    stream.kind = HEXZ_STREAM_DISK;
    stream.source = &source;
    streams[0] = &stream;
    opts.source = NULL;
    opts.streams = streams;
    opts.stream_count = 1;
    CHECK_OK(hexz_build(&opts));
    CHECK_EQ(report.bytes_read, PAGE);
    CHECK_EQ(report.bytes_unique, PAGE);
    check_sum(&report, SIZE);
    check_holds(must_open(in_folder("dirty.hxz")), changed, SIZE);
    opts.parent = NULL;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_SOURCE);
}

/* A page of news every night, for longer than a chain can be. */
static void nightly(void)
{
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_info info = HEXZ_INIT(hexz_info);
    unsigned char *disk = bytes_new(100 * PAGE);
    char before[32] = "night-0.hxz", now[32];
    hexz_build_opts opts;
    hexz_snapshot *snapshot;
    unsigned night;

    memcpy(disk, first, 100 * PAGE);
    put_file(in_folder("disk.raw"), disk, 100 * PAGE);
    opts = build_of(in_folder("disk.raw"), in_folder(before));
    CHECK_OK(hexz_build(&opts));
    for (night = 1; night <= 67; night++) {
        check_about("night %u", night);
        fill_text(disk + night * PAGE, PAGE, 6000 + night);
        put_file(in_folder("disk.raw"), disk, 100 * PAGE);
        (void)snprintf(now, sizeof(now), "night-%u.hxz", night);
        opts = child_of(in_folder(before), now, &report);
        if (night == 65) {
            CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_PARENT);
            CHECK_TEXT("65");
            CHECK_TEXT("HEXZ_BUILD_FOLD");
            CHECK(!file_exists(in_folder(now)));
        }
        opts.flags |= HEXZ_BUILD_FOLD;
        CHECK_OK(hexz_build(&opts));
        CHECK(report.bytes_unique <= 3 * PAGE);
        check_sum(&report, 100 * PAGE);
        memcpy(before, now, sizeof(before));
    }
    check_about("%s", "");
    snapshot = must_open(in_folder(before));
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    CHECK_EQ(info.ancestor_count, 64);
    check_holds(snapshot, disk, 100 * PAGE);
    free(disk);
}

#define GIB ((uint64_t)1 << 30)
#define LIMIT ((uint64_t)16 << 20)

/* A disk of which no two pages are alike and all are small once compressed, beginning at some page. */
static int32_t read_numbered(void *user_data, uint64_t offset, void *buf, size_t len)
{
    const uint64_t *first_page = user_data;
    size_t at, word;
    for (at = 0; at < len; at += PAGE) {
        uint64_t number = (*first_page + (offset + at) / PAGE + 1) * UINT64_C(2654435761);
        for (word = 0; word < PAGE; word += sizeof(number))
            memcpy((unsigned char *)buf + at + word, &number, sizeof(number));
    }
    return 0;
}

static void build_numbered(uint64_t first_page, const char *parent, const char *output, hexz_build_report *report)
{
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    hexz_source source = HEXZ_INIT(hexz_source);
    hexz_stream stream = HEXZ_INIT(hexz_stream);
    const hexz_stream *streams[1];
    source.user_data = &first_page;
    source.size = GIB;
    source.read_at = read_numbered;
    stream.name = "disk";
    stream.kind = HEXZ_STREAM_DISK;
    stream.source = &source;
    streams[0] = &stream;
    opts.streams = streams;
    opts.stream_count = 1;
    opts.output = in_folder(output);
    opts.parent = parent == NULL ? NULL : in_folder(parent);
    opts.memory_limit = LIMIT;
    opts.flags = HEXZ_BUILD_NO_SYNC;
    opts.report = report;
    CHECK_OK(hexz_build(&opts));
}

/* A parent with about twice as many units as the table of them has room for, of which none is at the
 * same place: what a build takes stays within its limit and 32 MiB. */
static void within_the_limit(void)
{
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    struct rusage usage;
    if (fixture_small())
        return;
    build_numbered(0, NULL, "large.hxz", NULL);
    build_numbered(1, "large.hxz", "large-child.hxz", &report);
    check_sum(&report, GIB);
    CHECK(report.bytes_inherited > GIB / 4 && report.bytes_unique > GIB / 4);
    CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
    printf("lean: %ld KiB of memory at most, with a limit of %d KiB\n", usage.ru_maxrss, (int)(LIMIT >> 10));
    CHECK((uint64_t)usage.ru_maxrss << 10 <= LIMIT + ((uint64_t)32 << 20));
}

int main(void)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("first.hxz"));
    const size_t dirty = 123 * PAGE;
    fill_text(first, SIZE, 17);
    memset(first + 40 * PAGE, 0, 9 * PAGE);
    memcpy(changed, first, SIZE);
    fill_text(changed + dirty, PAGE, 18);
    put_file(in_folder("disk.raw"), first, SIZE);
    CHECK_OK(hexz_build(&opts));
    differences();
    elsewhere();
    chain();
    sealed();
    by_place(dirty);
    nightly();
    within_the_limit();
    return check_done();
}
