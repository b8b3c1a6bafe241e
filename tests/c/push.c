/* Snapshots that are pushed piece by piece: in order they are the files that a
 * build by path, by callbacks or out of another snapshot makes; in any order
 * they read as a model of them says, whatever overlapped, was zeroed or was
 * taken from a parent. */
#include "fixture.h"
#include "passwords.h"
#include "pushed.h"

#define PAGE ((size_t)4096)
#define MIB ((size_t)1 << 20)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned char *disk, *memory;
static size_t disk_len, memory_len;

/* Runs of zeros, of copies and of new bytes, none of a length that is anything
 * to the library. */
static void make_streams(void)
{
    size_t at, run;
    uint64_t dice = 5;

    disk_len = (fixture_small() ? 5 : 21) * MIB + 1000;
    memory_len = 2 * MIB + 3 * PAGE;
    disk = bytes_new(disk_len);
    memory = bytes_new(memory_len);
    fill_random(disk, disk_len, 11);
    fill_text(memory, memory_len, 12);
    for (at = 0; at < disk_len; at += run) {
        run = (1 + random_next(&dice) % 90) * PAGE;
        if (run > disk_len - at)
            run = disk_len - at;
        switch (random_next(&dice) % 4) {
        case 0:
            memset(disk + at, 0, run);
            break;
        case 1:
            if (at > run)
                memcpy(disk + at, disk + (at - run) / PAGE * PAGE, run);
            break;
        case 2:
            fill_text(disk + at, run, at);
            break;
        default:
            break;
        }
    }
    memcpy(memory, disk + 8 * PAGE, 64 * PAGE);
    put_sparse(in_folder("disk.raw"), disk, disk_len);
    put_file(in_folder("memory.raw"), memory, memory_len);
}

/* One stream front to back, in pieces of a few pages; zeros are left out, zeroed
 * or written. */
static void push_in_order(hexz_builder *builder, uint32_t stream, const unsigned char *bytes, size_t len,
                          uint64_t seed)
{
    uint64_t dice = seed + 1;
    size_t at = 0, piece, i;

    while (at < len) {
        piece = (1 + random_next(&dice) % (seed % 3 ? 700 : 9)) * PAGE;
        if (piece > len - at)
            piece = len - at;
        for (i = 0; i < piece && bytes[at + i] == 0; i++)
            ;
        if (i == piece && random_next(&dice) % 3 == 0)
            CHECK_OK(hexz_builder_zero(builder, stream, at, piece));
        else if (i < piece || random_next(&dice) % 2)
            CHECK_OK(hexz_builder_write(builder, stream, at, bytes + at, piece));
        at += piece;
    }
}

struct kept {
    const unsigned char *bytes;
    size_t len;
};

static int32_t read_kept(void *user_data, uint64_t offset, void *buf, size_t len)
{
    const struct kept *kept = user_data;
    if (offset > kept->len || len > kept->len - offset)
        return -1;
    memcpy(buf, kept->bytes + offset, len);
    return 0;
}

static void same_file(const hexz_profile *profile, uint64_t flags, const char *about)
{
    static const uint32_t threads[] = {1, 2, 5, 0};
    struct kept kept[2];
    hexz_source sources[2];
    hexz_stream streams[2];
    const hexz_stream *both[2];
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("path.hxz"));
    hexz_build_report want = HEXZ_INIT(hexz_build_report), got;
    hexz_snapshot *snapshot;
    unsigned char *bytes;
    size_t len, i;
    uint32_t stream;

    check_about("%s", about);
    opts.memory = in_folder("memory.raw");
    opts.custom = profile;
    opts.flags |= flags | HEXZ_BUILD_OVERWRITE;
    opts.report = &want;
    if (!CHECK_OK(hexz_build(&opts)))
        return;
    bytes = get_file(in_folder("path.hxz"), &len);
    opts.report = NULL;
    opts.source = opts.memory = NULL;
    opts.output = in_folder("other.hxz");

    kept[0].bytes = disk;
    kept[0].len = disk_len;
    kept[1].bytes = memory;
    kept[1].len = memory_len;
    for (i = 0; i < 2; i++) {
        memset(&sources[i], 0, sizeof(sources[i]));
        sources[i].struct_size = sizeof(sources[i]);
        sources[i].user_data = &kept[i];
        sources[i].size = kept[i].len;
        sources[i].read_at = read_kept;
        memset(&streams[i], 0, sizeof(streams[i]));
        streams[i].struct_size = sizeof(streams[i]);
        streams[i].name = i ? "memory" : "disk";
        streams[i].kind = i ? HEXZ_STREAM_MEMORY : HEXZ_STREAM_DISK;
        streams[i].source = &sources[i];
        both[i] = &streams[i];
    }
    opts.streams = both;
    opts.stream_count = 2;
    CHECK_OK(hexz_build(&opts));
    CHECK(file_holds(in_folder("other.hxz"), bytes, len));
    snapshot = must_open(in_folder("path.hxz"));
    for (i = 0; i < 2; i++) {
        streams[i].source = NULL;
        streams[i].snapshot = snapshot;
        streams[i].snapshot_stream = (uint32_t)i;
    }
    CHECK_OK(hexz_build(&opts));
    CHECK(file_holds(in_folder("other.hxz"), bytes, len));
    hexz_snapshot_close(snapshot);
    opts.streams = NULL;
    opts.stream_count = 0;

    for (i = 0; i < COUNT(threads); i++) {
        hexz_builder *builder;
        check_about("%s, %u threads", about, (unsigned)threads[i]);
        opts.threads = threads[i];
        if (!CHECK_OK(hexz_builder_new(&opts, &builder)))
            continue;
        CHECK_OK(hexz_builder_stream(builder, "disk", HEXZ_STREAM_DISK, disk_len, &stream));
        CHECK_EQ(stream, 0);
        /* The second stream may come before anything is written, or after. */
        if (i % 2)
            CHECK_OK(hexz_builder_stream(builder, "memory", HEXZ_STREAM_MEMORY, memory_len, &stream));
        push_in_order(builder, 0, disk, disk_len, i);
        if (i % 2 == 0)
            CHECK_OK(hexz_builder_stream(builder, "memory", HEXZ_STREAM_MEMORY, memory_len, &stream));
        CHECK_EQ(stream, 1);
        push_in_order(builder, 1, memory, memory_len, i);
        memset(&got, 0, sizeof(got));
        got.struct_size = sizeof(got);
        CHECK_OK(hexz_builder_finish(builder, &got));
        hexz_builder_free(builder);
        CHECK(file_holds(in_folder("other.hxz"), bytes, len));
        CHECK(memcmp(got.root, want.root, sizeof(got.root)) == 0);
        CHECK_EQ(got.bytes_zero, want.bytes_zero);
        CHECK_EQ(got.bytes_unique, want.bytes_unique);
        CHECK_EQ(got.bytes_duplicate, want.bytes_duplicate);
        CHECK_EQ(got.bytes_dead, 0);
        CHECK_EQ(got.file_size, len);
    }
    check_about("%s", "");
    free(bytes);
}

static void same_files(void)
{
    static const char *const names[] = {"generic", "eda", "embedded", "ml"};
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    char about[64];
    size_t i;
    uint64_t flags;

    for (i = 0; i < COUNT(names); i++) {
        CHECK_OK(hexz_profile_resolve(names[i], &profile));
        profile.dictionary = 0;
        for (flags = 0; flags <= HEXZ_BUILD_CDC; flags += HEXZ_BUILD_CDC) {
            if (fixture_small() && i > 0)
                continue;
            (void)snprintf(about, sizeof(about), "%s%s", names[i], flags ? ", chunks" : "");
            same_file(&profile, flags, about);
        }
    }
}

/* As a mirror job: all of a disk in order, so much of it scattered that pages of
 * extents are written, and then what was dirtied meanwhile. */
static void mirrored(int sealed)
{
    struct passwords passwords = password_is("secret");
    size_t pages = fixture_small() ? 4000 : 12000, i;
    unsigned char *image = bytes_new(pages * PAGE), *bytes = bytes_new(pages * PAGE);
    hexz_build_opts opts = build_of(NULL, in_folder("mirror.hxz"));
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_builder *builder;
    hexz_snapshot *snapshot;
    uint32_t stream;
    uint64_t dice = 8;

    check_about("mirrored, %s", sealed ? "sealed" : "plain");
    if (sealed)
        opts = encrypted_build_of(NULL, in_folder("mirror.hxz"), &passwords);
    opts.profile = "embedded";
    /* Each page is another extent: of few contents in no order, new, or zeros. New
     * ones make blocks, whose pages let those of extents out. */
    for (i = 0; i < pages; i++) {
        uint32_t what = random_next(&dice) % 50;
        memset(image + i * PAGE, 0, PAGE);
        if (what > 20)
            fill_random(image + i * PAGE, PAGE, what > 35 ? 1000 + i : what);
    }
    if (!CHECK_OK(hexz_builder_new(&opts, &builder)))
        return;
    CHECK_OK(hexz_builder_stream(builder, "disk", HEXZ_STREAM_DISK, pages * PAGE, &stream));
    CHECK_OK(hexz_builder_write(builder, 0, 0, image, pages * PAGE));
    for (i = 0; i < 50; i++) {
        size_t at = random_next(&dice) % (pages - 3);
        fill_random(image + at * PAGE, 3 * PAGE, i);
        CHECK_OK(hexz_builder_write(builder, 0, at * PAGE, image + at * PAGE, 3 * PAGE));
    }
    CHECK_OK(hexz_builder_finish(builder, &report));
    hexz_builder_free(builder);
    CHECK(report.bytes_dead > 0 && report.bytes_dead < report.bytes_stored);
    snapshot = sealed ? must_open_with(in_folder("mirror.hxz"), "secret") : must_open(in_folder("mirror.hxz"));
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, bytes, pages * PAGE));
    CHECK_BYTES(bytes, image, pages * PAGE);
    hexz_snapshot_close(snapshot);
    (void)unlink(in_folder("mirror.hxz"));
    check_about("%s", "");
    free(image);
    free(bytes);
}

int main(void)
{
    make_streams();
    same_files();
    mirrored(0);
    mirrored(1);
    pushed_at_random();
    pushed_without_waiting();
    return check_done();
}
