/* The same input gives the same bytes: again, with any number of threads, from
 * a sparse file and from its full copy. And what was stored once is not stored
 * again, within a stream or across two. */
#include "fixture.h"

#define PAGE ((size_t)4096)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned char *disk;
static size_t len;

static void same_bytes(const char *profile, uint64_t flags)
{
    static const uint32_t threads[] = {1, 2, 3, 8, 0};
    hexz_build_opts opts = build_of(in_folder("full.raw"), in_folder("first.hxz"));
    unsigned char *first;
    size_t first_len, i;

    (void)unlink(in_folder("first.hxz"));
    opts.profile = profile;
    opts.memory = in_folder("mem.raw");
    opts.flags |= flags;
    opts.threads = 1;
    check_about("%s, flags %llu", profile, (unsigned long long)flags);
    if (!CHECK_OK(hexz_build(&opts)))
        return;
    first = get_file(in_folder("first.hxz"), &first_len);
    opts.output = in_folder("again.hxz");
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    for (i = 0; i < COUNT(threads); i++) {
        check_about("%s, flags %llu, %u threads", profile, (unsigned long long)flags, (unsigned)threads[i]);
        opts.threads = threads[i];
        opts.source = in_folder("full.raw");
        CHECK_OK(hexz_build(&opts));
        CHECK(file_holds(in_folder("again.hxz"), first, first_len));
        opts.source = in_folder("sparse.raw");
        CHECK_OK(hexz_build(&opts));
        CHECK(file_holds(in_folder("again.hxz"), first, first_len));
    }
    check_about("%s", "");
    free(first);
}

/* Four copies of one random piece, then the piece as memory: stored once. */
static void stored_once(uint64_t flags)
{
    hexz_build_opts opts = build_of(in_folder("copies.raw"), in_folder("copies.hxz"));
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    size_t piece = 256 * PAGE, i;
    unsigned char *bytes = bytes_new(4 * piece);

    check_about("flags %llu", (unsigned long long)flags);
    fill_random(bytes, piece, 21);
    for (i = 1; i < 4; i++)
        memcpy(bytes + i * piece, bytes, piece);
    put_file(in_folder("copies.raw"), bytes, 4 * piece);
    put_file(in_folder("piece.raw"), bytes, piece);
    free(bytes);
    (void)unlink(in_folder("copies.hxz"));
    opts.memory = in_folder("piece.raw");
    opts.flags |= flags;
    opts.report = &report;
    CHECK_OK(hexz_build(&opts));
    CHECK(report.bytes_unique >= piece);
    if (flags & HEXZ_BUILD_CDC) {
        /* Chunks at the seams are cut elsewhere than in the first copy. */
        CHECK(report.bytes_unique <= 2 * piece);
    } else {
        CHECK_EQ(report.bytes_unique, piece);
        CHECK_EQ(report.bytes_duplicate, 4 * piece);
    }
    CHECK(report.file_size < 2 * piece + piece / 4);
    check_about("%s", "");
}

int main(void)
{
    static const char *const names[] = {"generic", "eda", "embedded", "ml"};
    size_t i;
    len = (fixture_small() ? 64 : 700) * PAGE + 321;
    disk = bytes_new(len);
    fill_text(disk, len / 4, 11);
    memcpy(disk + len / 2, disk + PAGE, len / 8);
    fill_random(disk + len - len / 8, len / 8, 12);
    put_file(in_folder("full.raw"), disk, len);
    put_sparse(in_folder("sparse.raw"), disk, len);
    put_file(in_folder("mem.raw"), disk + len / 8 / PAGE * PAGE, len / 4);
    for (i = 0; i < COUNT(names); i++) {
        same_bytes(names[i], 0);
        same_bytes(names[i], HEXZ_BUILD_CDC);
    }
    stored_once(0);
    stored_once(HEXZ_BUILD_CDC);
    free(disk);
    return check_done();
}
