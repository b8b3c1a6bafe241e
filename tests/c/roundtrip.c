/* What goes in comes out: every size around a page and a block, every kind of
 * contents, under all profiles, fixed and content-defined, with and without a
 * memory dump, plain and every fifth one encrypted. Read at every kind of
 * offset, tiled by extents, verified, and extracted. */
#include "passwords.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PAGE ((size_t)4096)
#define DICTIONARY_MOST (112 * 1024)

enum contents { ZEROS, RANDOM, TEXT, REPEATED, HOLE_FIRST, HOLE_LAST, HOLE_MIDDLE, SPECKLED, CONTENTS };

static const char *const contents_names[CONTENTS] = {"zeros",       "random",    "text",        "repeated",
                                                     "hole first",  "hole last", "hole middle", "speckled"};

struct stream {
    const char *name;
    uint32_t kind;
    unsigned char *bytes;
    size_t len;
};

static void fill(unsigned char *out, size_t len, enum contents contents, uint64_t seed)
{
    size_t i, quarter = len / 4;
    memset(out, 0, len);
    switch (contents) {
    case RANDOM:
        fill_random(out, len, seed);
        break;
    case TEXT:
        fill_text(out, len, seed);
        break;
    case REPEATED:
        /* Pages that come again, in another order and away from where they were. */
        fill_random(out, len < 3 * PAGE ? len : 3 * PAGE, seed);
        for (i = 3 * PAGE; i < len; i++)
            out[i] = out[((i / PAGE) * 7 % 3) * PAGE + i % PAGE];
        break;
    case HOLE_FIRST:
        fill_text(out + (len - quarter), quarter, seed);
        break;
    case HOLE_LAST:
        fill_random(out, quarter, seed);
        break;
    case HOLE_MIDDLE:
        fill_text(out, quarter, seed);
        fill_random(out + (len - quarter), quarter, seed + 1);
        break;
    case SPECKLED:
        /* Zeros that fill no whole page: one byte in each but the last. */
        for (i = 17; i + PAGE < len; i += PAGE)
            out[i] = (unsigned char)(seed + i / PAGE) | 1;
        break;
    default:
        break;
    }
}

static void check_read(const hexz_snapshot *snapshot, uint32_t index, const struct stream *stream, uint64_t offset,
                       size_t len, unsigned char *buf)
{
    hexz_status status;
    size_t i;
    memset(buf, 0xA5, len + 16);
    status = hexz_snapshot_read(snapshot, index, offset, buf, len);
    if (offset > stream->len || len > stream->len - offset) {
        CHECK_STATUS(status, HEXZ_ERR_OUT_OF_RANGE);
        len = 0;
    } else {
        CHECK_OK(status);
        CHECK_BYTES(buf, stream->bytes + offset, len);
    }
    for (i = 0; i < 16 && buf[len + i] == 0xA5; i++)
        ;
    CHECK_EQ(i, 16);
}

static void check_reads(const hexz_snapshot *snapshot, uint32_t index, const struct stream *stream, size_t block)
{
    size_t n = stream->len;
    const uint64_t offsets[] = {0,         1,     PAGE - 1, PAGE,          PAGE + 1,      block - 1, block,
                                block + 1, n / 2, n,        n > 0 ? n - 1 : 0, n + 1,     n + PAGE,  UINT64_MAX,
                                UINT64_MAX - PAGE + 1};
    const size_t lengths[] = {0, 1, 511, PAGE, PAGE + 1, block, block + 1};
    uint64_t state = n + 99;
    unsigned char *buf = bytes_new((n > block ? n : block) + PAGE + 64);
    size_t i, j;

    check_read(snapshot, index, stream, 0, n, buf);
    check_read(snapshot, index, stream, 0, n + 1, buf);
    for (i = 0; i < COUNT(offsets); i++) {
        for (j = 0; j < COUNT(lengths); j++)
            check_read(snapshot, index, stream, offsets[i], lengths[j], buf);
        if (offsets[i] <= n)
            check_read(snapshot, index, stream, offsets[i], n - (size_t)offsets[i], buf);
    }
    for (i = 0; n > 0 && i < 20; i++) {
        uint64_t at = random_next(&state) % n;
        check_read(snapshot, index, stream, at, random_next(&state) % (n - at + 1), buf);
    }
    free(buf);
}

static int all_zero(const unsigned char *bytes, size_t len)
{
    return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* Extents tile the stream without gap or overlap, from any place asked. */
static void check_extents(const hexz_snapshot *snapshot, uint32_t index, const struct stream *stream,
                          const hexz_stream_info *info)
{
    hexz_extent extent = HEXZ_INIT(hexz_extent), inner = HEXZ_INIT(hexz_extent);
    uint64_t at = 0, data = 0, zero = 0;

    while (at < stream->len) {
        if (!CHECK_OK(hexz_snapshot_extent(snapshot, index, at, &extent)))
            return;
        CHECK_EQ(extent.offset, at);
        CHECK_EQ(extent.reserved, 0);
        CHECK(extent.kind == HEXZ_EXTENT_DATA || extent.kind == HEXZ_EXTENT_ZERO);
        if (!CHECK(extent.len >= 1 && extent.len <= stream->len - at))
            return;
        if (extent.kind == HEXZ_EXTENT_ZERO) {
            CHECK(all_zero(stream->bytes + at, (size_t)extent.len));
            zero += extent.len;
        } else {
            data += extent.len;
        }
        /* Asked within it, the same extent answers for what is left of it. */
        CHECK_OK(hexz_snapshot_extent(snapshot, index, at + extent.len / 2, &inner));
        CHECK_EQ(inner.offset, at + extent.len / 2);
        CHECK_EQ(inner.kind, extent.kind);
        at += extent.len;
    }
    CHECK_EQ(at, stream->len);
    CHECK_EQ(info->data_size, data);
    CHECK_EQ(info->zero_size, zero);
    CHECK_STATUS(hexz_snapshot_extent(snapshot, index, stream->len, &extent), HEXZ_ERR_OUT_OF_RANGE);
    CHECK_STATUS(hexz_snapshot_extent(snapshot, index, UINT64_MAX, &extent), HEXZ_ERR_OUT_OF_RANGE);
}

static void check_stream(const hexz_snapshot *snapshot, uint32_t index, const struct stream *stream, size_t block)
{
    hexz_stream_info info = HEXZ_INIT(hexz_stream_info);
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    uint32_t found = 77;

    CHECK_OK(hexz_snapshot_stream(snapshot, index, &info));
    CHECK(memchr(info.name, '\0', sizeof(info.name)) != NULL && strcmp(info.name, stream->name) == 0);
    CHECK_EQ(info.kind, stream->kind);
    CHECK_EQ(info.size, stream->len);
    CHECK_EQ(info.reserved, 0);
    CHECK_OK(hexz_snapshot_find(snapshot, stream->name, &found));
    CHECK_EQ(found, index);
    check_reads(snapshot, index, stream, block);
    check_extents(snapshot, index, stream, &info);

    (void)unlink(in_folder("back.raw"));
    extract.stream = index;
    extract.output = in_folder("back.raw");
    extract.flags = HEXZ_EXTRACT_NO_SYNC;
    extract.threads = 2;
    CHECK_OK(hexz_snapshot_extract(snapshot, &extract));
    CHECK(file_holds(in_folder("back.raw"), stream->bytes, stream->len));
}

static void check_figures(const hexz_snapshot *snapshot, const hexz_build_report *report, const struct stream *streams,
                          uint32_t count, const hexz_profile *profile, int cdc, int encrypted)
{
    static const uint8_t no_root[32];
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_stream_info stream = HEXZ_INIT(hexz_stream_info);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_verify_report verified = HEXZ_INIT(hexz_verify_report);
    uint64_t logical = 0;
    uint32_t i;

    for (i = 0; i < count; i++)
        logical += streams[i].len;
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    CHECK_EQ(info.reserved, 0);
    CHECK(memcmp(info.root, no_root, sizeof(no_root)) != 0);
    CHECK_BYTES(info.parent_root, no_root, sizeof(no_root));
    CHECK(info.format_version >= 1);
    CHECK_EQ(info.stream_count, count);
    CHECK_EQ(info.encrypted, encrypted);
    CHECK_EQ(info.cdc, cdc);
    CHECK_EQ(info.compression, profile->compression);
    CHECK_EQ(info.level, profile->level);
    CHECK_EQ(info.block_size, profile->block_size);
    CHECK(info.dictionary_size <= (profile->dictionary ? DICTIONARY_MOST : 0));
    CHECK_EQ(info.file_size, file_size_of(in_folder("snap.hxz")));
    CHECK_EQ(info.logical_size, logical);

    CHECK_BYTES(report->root, info.root, sizeof(info.root));
    CHECK_EQ(report->file_size, info.file_size);
    CHECK_EQ(report->blocks, info.blocks);
    CHECK_EQ(report->bytes_zero + report->bytes_duplicate + report->bytes_inherited + report->bytes_unique, logical);
    CHECK_EQ(report->bytes_inherited, 0);
    CHECK_EQ(report->bytes_dead, 0);
    CHECK(report->bytes_stored <= report->file_size);
    CHECK(report->bytes_read >= report->bytes_unique);
    CHECK((report->bytes_unique == 0) == (info.blocks == 0));
    CHECK_STATUS(hexz_snapshot_stream(snapshot, count, &stream), HEXZ_ERR_NO_STREAM);
    CHECK_STATUS(hexz_snapshot_stream(snapshot, UINT32_MAX, &stream), HEXZ_ERR_NO_STREAM);

    verify.report = &verified;
    verify.threads = 2;
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    CHECK_EQ(verified.blocks_checked, info.blocks);
    CHECK_EQ(verified.blocks_bad, 0);
}

static void round_trip(const char *profile_name, int cdc, int with_memory, size_t len, enum contents contents,
                       int encrypted)
{
    struct passwords passwords = password_is("secret");
    hexz_build_opts opts = encrypted ? encrypted_build_of(in_folder("disk.raw"), in_folder("snap.hxz"), &passwords)
                                     : build_of(in_folder("disk.raw"), in_folder("snap.hxz"));
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    struct stream streams[2] = {{"disk", HEXZ_STREAM_DISK, NULL, 0}, {"memory", HEXZ_STREAM_MEMORY, NULL, 0}};
    uint32_t i, count = with_memory ? 2 : 1;
    hexz_snapshot *snapshot = NULL;

    check_about("%s, %s, %s, %s memory, %lu bytes of %s", encrypted ? "encrypted" : "plain", profile_name,
                cdc ? "cdc" : "fixed", with_memory ? "with" : "without", (unsigned long)len, contents_names[contents]);
    streams[0].len = len;
    streams[0].bytes = bytes_new(len);
    fill(streams[0].bytes, len, contents, len + 1);
    put_sparse(in_folder("disk.raw"), streams[0].bytes, len);
    /* Guest memory: pages of the disk in other places, then pages of its own. */
    streams[1].len = len / 2 + 100;
    streams[1].bytes = bytes_new(streams[1].len);
    fill_random(streams[1].bytes, streams[1].len, len + 2);
    for (i = 0; (i + 2) * PAGE <= len && (i + 1) * PAGE <= streams[1].len / 2; i++)
        memcpy(streams[1].bytes + i * PAGE, streams[0].bytes + (i + 1) * PAGE, PAGE);
    put_file(in_folder("mem.raw"), streams[1].bytes, streams[1].len);

    CHECK_OK(hexz_profile_resolve(profile_name, &profile));
    (void)unlink(in_folder("snap.hxz"));
    opts.profile = profile_name;
    opts.memory = with_memory ? in_folder("mem.raw") : NULL;
    opts.flags |= cdc ? HEXZ_BUILD_CDC : 0;
    opts.threads = 2;
    opts.report = &report;
    if (CHECK_OK(hexz_build(&opts)) && CHECK_OK(encrypted ? open_with(in_folder("snap.hxz"), &passwords, &snapshot)
                                                          : open_path(in_folder("snap.hxz"), &snapshot))) {
        check_figures(snapshot, &report, streams, count, &profile, cdc, encrypted);
        for (i = 0; i < count; i++)
            check_stream(snapshot, i, &streams[i], profile.block_size);
        if (!with_memory) {
            uint32_t found;
            CHECK_STATUS(hexz_snapshot_find(snapshot, "memory", &found), HEXZ_ERR_NO_STREAM);
        }
        if (contents == ZEROS && !with_memory && len % PAGE == 0)
            CHECK_EQ(report.bytes_unique, 0);
    }
    hexz_snapshot_close(snapshot);
    free(streams[0].bytes);
    free(streams[1].bytes);
}

int main(void)
{
    const char *name;
    size_t p, s, turn = 0, skipped = 0;
    int cdc, with_memory, contents, small = fixture_small();

    for (p = 0; (name = hexz_profile_name(p)) != NULL; p++) {
        hexz_profile profile = HEXZ_INIT(hexz_profile);
        size_t block;
        CHECK_OK(hexz_profile_resolve(name, &profile));
        block = profile.block_size;
        {
            const size_t sizes[] = {0,     1,         PAGE - 1,      PAGE,          PAGE + 1,
                                    block, block - 1, block + 1, 3 * block, 3 * block + 1234};
            for (s = 0; s < COUNT(sizes); s++)
                for (contents = 0; contents < CONTENTS; contents++)
                    for (cdc = 0; cdc < 2; cdc++)
                        for (with_memory = 0; with_memory < 2; with_memory++) {
                            /* Prime strides meet every size, contents and mode in turn. */
                            if (small && skipped++ % 29 != 0)
                                continue;
                            round_trip(name, cdc, with_memory, sizes[s], (enum contents)contents, turn++ % 5 == 2);
                        }
        }
    }
    return check_done();
}
