/* A qcow2 image is known by its first bytes and read as the disk in it; other
 * files that it names are opened only when the caller allows it; and its bytes
 * are taken as they are when the caller says that they are raw, as a memory
 * dump's always are. tests/qcow2 has the images that QEMU makes. */
#include "fixture.h"

enum { CLUSTER = 512, HEADER = 104, L1 = CLUSTER, L2 = 2 * CLUSTER, DATA = 3 * CLUSTER, IMAGE = 4 * CLUSTER };
enum { DISK = 8192, DATA_AT = 5 * CLUSTER };

static unsigned char image[IMAGE];

static void put_number(size_t at, uint64_t value, int bytes)
{
    while (bytes-- > 0) {
        image[at + (size_t)bytes] = (unsigned char)value;
        value >>= 8;
    }
}

/* A disk of 16 clusters of 512 bytes, of which number 5 is text. */
static void make_image(void)
{
    static const unsigned char magic[] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3};
    memset(image, 0, sizeof(image));
    memcpy(image, magic, sizeof(magic));
    put_number(20, 9, 4);       /* cluster_bits */
    put_number(24, DISK, 8);    /* size */
    put_number(36, 1, 4);       /* l1_size */
    put_number(40, L1, 8);      /* l1_table_offset */
    put_number(96, 4, 4);       /* refcount_order */
    put_number(100, HEADER, 4); /* header_length */
    put_number(L1, L2, 8);
    put_number(L2 + 8 * (DATA_AT / CLUSTER), DATA, 8);
    fill_text(image + DATA, CLUSTER, 4);
    put_file(in_folder("disk.qcow2"), image, sizeof(image));
}

/* Names "base.raw" as its backing file, in the format raw. */
static void add_backing(void)
{
    static const char format[] = "raw", name[] = "base.raw";
    put_number(8, HEADER + 24, 8);
    put_number(16, sizeof(name) - 1, 4);
    put_number(HEADER, 0xe2792acaU, 4);
    put_number(HEADER + 4, sizeof(format) - 1, 4);
    memcpy(image + HEADER + 8, format, sizeof(format) - 1);
    memcpy(image + HEADER + 24, name, sizeof(name) - 1);
    put_file(in_folder("disk.qcow2"), image, sizeof(image));
}

static void check_disk(const unsigned char *want, size_t len)
{
    unsigned char back[DISK];
    uint64_t offset;
    hexz_stream_info info = HEXZ_INIT(hexz_stream_info);
    hexz_snapshot *snapshot = must_open(in_folder("out.hxz"));
    CHECK_OK(hexz_snapshot_stream(snapshot, 0, &info));
    CHECK_EQ(info.size, len);
    for (offset = 0; offset < len; offset += sizeof(back)) {
        CHECK_OK(hexz_snapshot_read(snapshot, 0, offset, back, len < sizeof(back) ? len : sizeof(back)));
        CHECK_BYTES(back, want + offset, len < sizeof(back) ? len : sizeof(back));
    }
    hexz_snapshot_close(snapshot);
}

static void formats(void)
{
    unsigned char want[DISK] = {0};
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_build_opts opts = build_of(in_folder("disk.qcow2"), in_folder("out.hxz"));
    opts.report = &report;
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    memcpy(want + DATA_AT, image + DATA, CLUSTER);

    CHECK_OK(hexz_build(&opts));
    check_disk(want, sizeof(want));
    /* One page has data, and only that is read. */
    CHECK_EQ(report.bytes_read, 4096);
    opts.source_format = HEXZ_FORMAT_QCOW2;
    CHECK_OK(hexz_build(&opts));
    check_disk(want, sizeof(want));

    /* No machine's memory begins so. What has its bytes taken is the source. */
    opts.source_format = HEXZ_FORMAT_RAW;
    opts.memory = in_folder("disk.qcow2");
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_SOURCE);
    CHECK_TEXT("qcow2");
    CHECK_TEXT("HEXZ_FORMAT_RAW");
    opts.memory = NULL;
    CHECK_OK(hexz_build(&opts));
    check_disk(image, sizeof(image));
}

static void other_files(void)
{
    unsigned char want[DISK] = {0};
    long entries;
    hexz_build_opts opts = build_of(in_folder("disk.qcow2"), in_folder("out.hxz"));
    CHECK(unlink(opts.output) == 0);
    fill_text(want, 5000, 7);
    put_file(in_folder("base.raw"), want, 5000);
    memcpy(want + DATA_AT, image + DATA, CLUSTER);
    entries = entries_here();

    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_SOURCE);
    CHECK_TEXT("HEXZ_BUILD_ALLOW_BACKING");
    CHECK_TEXT("base.raw");
    opts.source_format = HEXZ_FORMAT_QCOW2;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_SOURCE);
    CHECK_EQ(entries_here(), entries);

    opts.flags |= HEXZ_BUILD_ALLOW_BACKING;
    CHECK_OK(hexz_build(&opts));
    check_disk(want, sizeof(want));

    /* No file that is read becomes the output. */
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    opts.output = in_folder("base.raw");
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(unlink(in_folder("base.raw")) == 0);
    opts.output = in_folder("out.hxz");
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_SOURCE);
    CHECK_EQ(hexz_last_errno(), ENOENT);
    check_disk(want, sizeof(want));
}

int main(void)
{
    make_image();
    formats();
    add_backing();
    other_files();
    return check_done();
}
