/* Damage inside a stored block: the snapshot opens, verify counts and places
 * the damage, whole parts stay readable, and the damaged part is an error in
 * whose buffer no unchecked byte is left. A root that was noted at build time
 * is held against the file. */
#include "fixture.h"

#define BLOCK ((size_t)65536)
#define BLOCKS ((size_t)16)
#define HEADER ((uint64_t)4096)
#define UNTOUCHED 0xA5

static unsigned char disk[BLOCKS * BLOCK];
static uint8_t root[32];

static const char *snap(void)
{
    return in_folder("disk.hxz");
}

/* Random data does not shrink: block after block lies as it is behind the
 * header, one for each BLOCK bytes of the disk. */
static void make(void)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), snap());
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    fill_random(disk, sizeof(disk), 31);
    put_file(in_folder("disk.raw"), disk, sizeof(disk));
    opts.report = &report;
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    CHECK_OK(hexz_build(&opts));
    memcpy(root, report.root, sizeof(root));
}

static void verify_finds(const hexz_snapshot *snapshot, uint64_t bad, uint64_t first_bad, uint32_t threads)
{
    hexz_verify_opts opts = HEXZ_INIT(hexz_verify_opts);
    hexz_verify_report report = HEXZ_INIT(hexz_verify_report);
    hexz_info info = HEXZ_INIT(hexz_info);

    check_about("%d bad, %d threads", (int)bad, (int)threads);
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    opts.threads = threads;
    opts.report = &report;
    CHECK_STATUS(hexz_snapshot_verify(snapshot, &opts), bad ? HEXZ_ERR_CORRUPT : HEXZ_OK);
    CHECK_EQ(report.struct_size, sizeof(report));
    CHECK_EQ(report.blocks_checked, info.blocks);
    CHECK_EQ(report.blocks_bad, bad);
    if (bad) {
        CHECK_EQ(report.bad_stream, 0);
        CHECK_EQ(report.bad_offset, first_bad);
    }
    /* A report is not needed to be told. */
    opts.report = NULL;
    CHECK_STATUS(hexz_snapshot_verify(snapshot, &opts), bad ? HEXZ_ERR_CORRUPT : HEXZ_OK);
    check_about("%s", "");
}

static void read_fails(const hexz_snapshot *snapshot, uint64_t offset, size_t len)
{
    unsigned char *buf = bytes_new(len);
    size_t i;
    memset(buf, UNTOUCHED, len);
    CHECK_STATUS(hexz_snapshot_read(snapshot, 0, offset, buf, len), HEXZ_ERR_CORRUPT);
    for (i = 0; i < len; i++)
        if (buf[i] != UNTOUCHED && buf[i] != 0 && buf[i] != disk[offset + i])
            break;
    CHECK_EQ(i, len);
    free(buf);
}

static void read_works(const hexz_snapshot *snapshot, uint64_t offset, size_t len)
{
    unsigned char *buf = bytes_new(len);
    CHECK_OK(hexz_snapshot_read(snapshot, 0, offset, buf, len));
    CHECK_BYTES(buf, disk + offset, len);
    free(buf);
}

static void extract_fails(const hexz_snapshot *snapshot)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    long entries = entries_here();
    opts.output = in_folder("back.raw");
    CHECK_STATUS(hexz_snapshot_extract(snapshot, &opts), HEXZ_ERR_CORRUPT);
    CHECK_EQ(entries_here(), entries);
    put_file(in_folder("old.raw"), "old", 3);
    opts.output = in_folder("old.raw");
    opts.flags = HEXZ_EXTRACT_OVERWRITE;
    CHECK_STATUS(hexz_snapshot_extract(snapshot, &opts), HEXZ_ERR_CORRUPT);
    CHECK(file_holds(in_folder("old.raw"), "old", 3));
    CHECK_EQ(entries_here(), entries + 1);
    (void)unlink(in_folder("old.raw"));
}

static void damaged(void)
{
    hexz_snapshot *snapshot;
    /* In the stored bytes of the fourth block and of the tenth. */
    const uint64_t fourth = 3 * BLOCK, tenth = 9 * BLOCK;

    snapshot = must_open(snap());
    verify_finds(snapshot, 0, 0, 0);
    hexz_snapshot_close(snapshot);

    flip_byte(snap(), HEADER + fourth + 77, 0x01);
    snapshot = must_open(snap());
    verify_finds(snapshot, 1, fourth, 1);
    verify_finds(snapshot, 1, fourth, 3);
    read_works(snapshot, 0, fourth);
    read_works(snapshot, fourth + BLOCK, sizeof(disk) - fourth - BLOCK);
    read_fails(snapshot, fourth, BLOCK);
    read_fails(snapshot, fourth + 77, 1);
    read_fails(snapshot, fourth - 5000, 5001);
    read_fails(snapshot, 0, sizeof(disk));
    /* Failing is not sticky, and a second try is no luckier. */
    read_works(snapshot, 0, fourth);
    read_fails(snapshot, fourth, 4096);
    extract_fails(snapshot);
    hexz_snapshot_close(snapshot);

    flip_byte(snap(), HEADER + tenth + BLOCK - 1, 0x80);
    snapshot = must_open(snap());
    verify_finds(snapshot, 2, fourth, 1);
    verify_finds(snapshot, 2, fourth, 2);
    read_fails(snapshot, tenth + 4096, 100);
    hexz_snapshot_close(snapshot);
}

/* The file is damaged while it is open: what was cached was checked, what is
 * read now is checked now. */
static void damaged_while_open(void)
{
    hexz_snapshot *snapshot;
    make();
    snapshot = must_open(snap());
    read_works(snapshot, 0, BLOCK);
    flip_byte(snap(), HEADER + 5 * BLOCK, 0x10);
    read_fails(snapshot, 5 * BLOCK, 10);
    flip_byte(snap(), HEADER + 5 * BLOCK, 0x10);
    read_works(snapshot, 0, sizeof(disk));
    hexz_snapshot_close(snapshot);
}

static void expected_root(void)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_snapshot *snapshot = NULL;
    uint8_t other[32];
    int i;

    make();
    opts.path = snap();
    opts.expect_root = root;
    if (CHECK_OK(hexz_snapshot_open(&opts, &snapshot))) {
        read_works(snapshot, 0, sizeof(disk));
        flip_byte(snap(), HEADER + 2 * BLOCK, 0x40);
        verify_finds(snapshot, 1, 2 * BLOCK, 2);
        hexz_snapshot_close(snapshot);
        flip_byte(snap(), HEADER + 2 * BLOCK, 0x40);
    }
    for (i = 0; i < 32; i += 31) {
        memcpy(other, root, sizeof(other));
        other[i] ^= 1;
        opts.expect_root = other;
        snapshot = (hexz_snapshot *)(void *)other;
        CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), HEXZ_ERR_CORRUPT);
        CHECK(snapshot == NULL);
        CHECK_TEXT(snap());
    }
}

int main(void)
{
    make();
    damaged();
    damaged_while_open();
    expected_root();
    return check_done();
}
