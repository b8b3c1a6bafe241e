/* Encrypted snapshots hold what plain ones of the same input hold, packed the
 * same way, for every profile, fixed and content-defined, with any number of
 * threads; and show none of it. roundtrip.c meets every size and kind of
 * contents, password.c every answer of the callback. */
#include "passwords.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECRET "open sesame"
#define PAGE ((size_t)4096)
#define SLOTS_END (3 * PAGE) /* header and two copies of the key slots */
#define READERS 3
#define WINDOW 16

static unsigned char *stream[2];
static size_t stream_len[2];
static long rounds;

static void make_streams(size_t len)
{
    stream_len[0] = len;
    stream_len[1] = len / 2 + 777;
    stream[0] = bytes_new(stream_len[0]);
    stream[1] = bytes_new(stream_len[1]);
    /* A disk of text, noise and holes. */
    fill_text(stream[0], len / 3, 211);
    fill_random(stream[0] + len / 2, len / 4, 212);
    /* Memory that holds some of the disk, and its own. */
    memcpy(stream[1], stream[0] + 5 * PAGE, len / 4);
    fill_random(stream[1] + len / 4 + 5000, len / 8, 213);
    put_sparse(in_folder("disk.raw"), stream[0], stream_len[0]);
    put_file(in_folder("mem.raw"), stream[1], stream_len[1]);
}

static void free_streams(void)
{
    free(stream[0]);
    free(stream[1]);
}

struct reader {
    const hexz_snapshot *snapshot;
    uint64_t seed;
};

static void *read_at_random(void *argument)
{
    const struct reader *reader = argument;
    const size_t most = 300000;
    unsigned char *buf = bytes_new(most);
    uint64_t state = reader->seed;
    long i;
    for (i = 0; i < rounds; i++) {
        uint32_t s = random_next(&state) & 1;
        size_t at = random_next(&state) % stream_len[s];
        size_t n = random_next(&state) % (i % 8 == 0 ? most : 5000);
        if (n > stream_len[s] - at)
            n = stream_len[s] - at;
        CHECK_OK(hexz_snapshot_read(reader->snapshot, s, at, buf, n));
        CHECK_BYTES(buf, stream[s] + at, n);
    }
    free(buf);
    return NULL;
}

static void read_from_many_threads(const hexz_snapshot *snapshot)
{
    pthread_t threads[READERS];
    struct reader readers[READERS];
    size_t i;
    for (i = 0; i < READERS; i++) {
        readers[i].snapshot = snapshot;
        readers[i].seed = 221 + i;
        if (pthread_create(&threads[i], NULL, read_at_random, &readers[i]) != 0)
            fixture_fail("pthread_create", "a reader");
    }
    for (i = 0; i < READERS; i++)
        (void)pthread_join(threads[i], NULL);
}

/* Zeros and data lie where they lie in the plain one. */
static void check_extents(const hexz_snapshot *snapshot, const hexz_snapshot *plain, uint32_t s)
{
    hexz_extent extent = HEXZ_INIT(hexz_extent), want = HEXZ_INIT(hexz_extent);
    hexz_stream_info info = HEXZ_INIT(hexz_stream_info), plain_info = HEXZ_INIT(hexz_stream_info);
    uint64_t at = 0;
    while (at < stream_len[s]) {
        if (!CHECK_OK(hexz_snapshot_extent(snapshot, s, at, &extent)) ||
            !CHECK_OK(hexz_snapshot_extent(plain, s, at, &want)) || !CHECK(extent.len > 0))
            return;
        CHECK_EQ(extent.kind, want.kind);
        CHECK_EQ(extent.len, want.len);
        at += extent.len;
    }
    CHECK_EQ(at, stream_len[s]);
    CHECK_OK(hexz_snapshot_stream(snapshot, s, &info));
    CHECK_OK(hexz_snapshot_stream(plain, s, &plain_info));
    CHECK(strcmp(info.name, s == 0 ? "disk" : "memory") == 0);
    CHECK_EQ(info.size, stream_len[s]);
    CHECK_EQ(info.data_size, plain_info.data_size);
    CHECK_EQ(info.zero_size, plain_info.zero_size);
}

static void check_extracted(const hexz_snapshot *snapshot, uint32_t s, uint32_t threads)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    opts.stream = s;
    opts.threads = threads;
    opts.output = in_folder("back.raw");
    opts.flags = HEXZ_EXTRACT_NO_SYNC | HEXZ_EXTRACT_OVERWRITE;
    CHECK_OK(hexz_snapshot_extract(snapshot, &opts));
    CHECK(file_holds(opts.output, stream[s], stream_len[s]));
}

static void check_verified(const hexz_snapshot *snapshot, uint64_t blocks, uint32_t threads)
{
    hexz_verify_opts opts = HEXZ_INIT(hexz_verify_opts);
    hexz_verify_report report = HEXZ_INIT(hexz_verify_report);
    opts.threads = threads;
    opts.report = &report;
    CHECK_OK(hexz_snapshot_verify(snapshot, &opts));
    CHECK_EQ(report.blocks_checked, blocks);
    CHECK_EQ(report.blocks_bad, 0);
}

static void check_holds_all(const char *path, const hexz_build_report *report, const hexz_snapshot *plain, uint32_t cdc,
                            uint32_t threads)
{
    hexz_info info = HEXZ_INIT(hexz_info), plain_info = HEXZ_INIT(hexz_info);
    hexz_snapshot *snapshot = must_open_with(path, SECRET);
    uint32_t s;

    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    CHECK_OK(hexz_snapshot_info(plain, &plain_info));
    CHECK_EQ(info.encrypted, 1);
    CHECK_EQ(info.cdc, cdc);
    CHECK_EQ(info.stream_count, 2);
    CHECK_EQ(info.logical_size, stream_len[0] + stream_len[1]);
    CHECK_EQ(info.file_size, file_size_of(path));
    CHECK_EQ(report->file_size, info.file_size);
    CHECK_EQ(report->blocks, info.blocks);
    CHECK_BYTES(report->root, info.root, sizeof(info.root));
    CHECK_EQ(info.blocks, plain_info.blocks);
    CHECK_EQ(info.compression, plain_info.compression);
    CHECK_EQ(info.level, plain_info.level);
    CHECK_EQ(info.block_size, plain_info.block_size);
    CHECK_EQ(info.dictionary_size, plain_info.dictionary_size);
    read_from_many_threads(snapshot);
    for (s = 0; s < 2; s++) {
        check_extents(snapshot, plain, s);
        check_extracted(snapshot, s, threads);
    }
    check_verified(snapshot, info.blocks, threads);
    hexz_snapshot_close(snapshot);
}

/* Two files of one input differ by a few bytes for each page of their index:
 * hashes under another key compress a little better or worse, by chance. */
static void check_about_as_long(uint64_t a, uint64_t b)
{
    CHECK((a > b ? a - b : b - a) <= 32);
}

/* What is packed, and how much of it is new, does not depend on the key. */
static void packed_as_plain(const char *profile, uint32_t cdc)
{
    struct passwords passwords = password_is(SECRET);
    hexz_build_report plain_report = HEXZ_INIT(hexz_build_report), report = HEXZ_INIT(hexz_build_report);
    hexz_build_opts plain_opts = build_of(in_folder("disk.raw"), in_folder("plain.hxz"));
    hexz_build_opts opts = encrypted_build_of(in_folder("disk.raw"), in_folder("snap.hxz"), &passwords);
    uint64_t flags = HEXZ_BUILD_OVERWRITE | (cdc ? HEXZ_BUILD_CDC : 0), size = 0;
    hexz_snapshot *plain;
    uint32_t threads;

    plain_opts.profile = opts.profile = profile;
    plain_opts.memory = opts.memory = in_folder("mem.raw");
    plain_opts.flags |= flags;
    opts.flags |= flags;
    plain_opts.report = &plain_report;
    opts.report = &report;
    check_about("%s, %s", profile, cdc ? "cdc" : "fixed");
    CHECK_OK(hexz_build(&plain_opts));
    plain = must_open(plain_opts.output);
    for (threads = fixture_small() ? 3 : 1; threads <= (fixture_small() ? 3 : 4); threads++) {
        check_about("%s, %s, %d threads", profile, cdc ? "cdc" : "fixed", (int)threads);
        opts.threads = threads;
        if (!CHECK_OK(hexz_build(&opts)))
            continue;
        CHECK_EQ(report.bytes_unique, plain_report.bytes_unique);
        CHECK_EQ(report.bytes_duplicate, plain_report.bytes_duplicate);
        CHECK_EQ(report.bytes_zero, plain_report.bytes_zero);
        CHECK_EQ(report.bytes_dead, 0);
        CHECK(report.file_size > plain_report.file_size);
        CHECK(memcmp(report.root, plain_report.root, sizeof(report.root)) != 0);
        check_about_as_long(report.file_size, size != 0 ? size : report.file_size);
        size = report.file_size;
        check_holds_all(opts.output, &report, plain, cdc, threads);
    }
    hexz_snapshot_close(plain);
    check_about("%s", "");
}

/* Weights and the memory of the machine that made them: all that the library
 * does, in one go, with the costs that are the default. */
static void weights_and_memory(void)
{
    struct passwords passwords = password_is(SECRET), wrong = password_is("Open Sesame");
    hexz_build_opts opts = encrypted_build_of(in_folder("disk.raw"), in_folder("ml.hxz"), &passwords);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    unsigned char *back = bytes_new(stream_len[0]);
    hexz_snapshot *snapshot = NULL;
    uint32_t s, index = 77;

    opts.memory = in_folder("mem.raw");
    opts.profile = "ml";
    opts.flags = HEXZ_BUILD_ENCRYPT | HEXZ_BUILD_CDC;
    if (!fixture_small())
        opts.kdf_memory_kib = opts.kdf_passes = opts.kdf_lanes = 0;
    CHECK_OK(hexz_build(&opts));
    CHECK_EQ(passwords.count, 1);

    CHECK_STATUS(open_with(opts.output, &wrong, &snapshot), HEXZ_ERR_WRONG_PASSWORD);
    CHECK(snapshot == NULL);
    if (!CHECK_OK(open_with(opts.output, &passwords, &snapshot))) {
        free(back);
        return;
    }
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    for (s = 0; s < 2; s++) {
        CHECK_OK(hexz_snapshot_find(snapshot, s == 0 ? "disk" : "memory", &index));
        CHECK_EQ(index, s);
        CHECK_OK(hexz_snapshot_read(snapshot, s, 0, back, stream_len[s]));
        CHECK_BYTES(back, stream[s], stream_len[s]);
        check_extracted(snapshot, s, 0);
    }
    hexz_snapshot_close(snapshot);
    free(back);
}

/* The root that the build told is the one that opens, and every block is held
 * to it; another one is noticed before any password is asked for. */
static void expected_root(void)
{
    struct passwords passwords = password_is(SECRET);
    hexz_build_opts build = encrypted_build_of(in_folder("disk.raw"), in_folder("root.hxz"), &passwords);
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    unsigned char *back = bytes_new(stream_len[0]);
    uint8_t root[32];
    hexz_snapshot *snapshot = NULL;
    size_t i;

    build.report = &report;
    CHECK_OK(hexz_build(&build));
    passwords.count = 0;
    opts.path = build.output;
    opts.password = answer;
    opts.password_data = &passwords;
    opts.expect_root = root;
    for (i = 0; i < sizeof(root); i += 31) {
        memcpy(root, report.root, sizeof(root));
        root[i] ^= 0x40;
        CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), HEXZ_ERR_CORRUPT);
        CHECK(snapshot == NULL);
        CHECK_TEXT(build.output);
    }
    CHECK_EQ(passwords.count, 0);
    memcpy(root, report.root, sizeof(root));
    if (CHECK_OK(hexz_snapshot_open(&opts, &snapshot))) {
        CHECK_EQ(passwords.count, 1);
        CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, stream_len[0]));
        CHECK_BYTES(back, stream[0], stream_len[0]);
    }
    hexz_snapshot_close(snapshot);
    free(back);
}

/* All windows of 16 bytes in some bytes, to be looked up. A table of places,
 * by a hash of what is there. */
struct windows {
    const unsigned char *bytes;
    size_t mask;
    size_t *places; /* plus 1; 0: free */
};

/* One byte over and over is in every file, and so are small numbers among zeros. */
static int tells_nothing(const unsigned char *window)
{
    int zeros = 0, i;
    for (i = 0; i < WINDOW; i++)
        zeros += window[i] == 0;
    return zeros >= 10 || memcmp(window, window + 1, WINDOW - 1) == 0;
}

static size_t place_of(const struct windows *windows, const unsigned char *window)
{
    uint64_t a, b;
    memcpy(&a, window, 8);
    memcpy(&b, window + 8, 8);
    a = (a ^ (b >> 29) ^ (b << 35)) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)((a ^ (a >> 32)) & windows->mask);
}

static struct windows windows_of(const unsigned char *bytes, size_t len)
{
    struct windows windows;
    size_t at, i;
    for (windows.mask = 1023; windows.mask < 2 * len; windows.mask = 2 * windows.mask + 1)
        ;
    windows.bytes = bytes;
    windows.places = calloc(windows.mask + 1, sizeof(*windows.places));
    if (windows.places == NULL)
        fixture_fail("memory for", "all windows");
    for (at = 0; at + WINDOW <= len; at++) {
        if (tells_nothing(bytes + at))
            continue;
        for (i = place_of(&windows, bytes + at);
             windows.places[i] != 0 && memcmp(bytes + windows.places[i] - 1, bytes + at, WINDOW) != 0;
             i = (i + 1) & windows.mask)
            ;
        windows.places[i] = at + 1;
    }
    return windows;
}

/* How many windows of `needles` are among them. */
static long shared_windows(const struct windows *windows, const unsigned char *needles, size_t len)
{
    long shared = 0;
    size_t at, i;
    for (at = 0; at + WINDOW <= len; at++) {
        if (tells_nothing(needles + at))
            continue;
        for (i = place_of(windows, needles + at); windows->places[i] != 0; i = (i + 1) & windows->mask)
            if (memcmp(windows->bytes + windows->places[i] - 1, needles + at, WINDOW) == 0) {
                shared++;
                break;
            }
    }
    return shared;
}

static int holds(const unsigned char *bytes, size_t len, const void *needle, size_t needle_len)
{
    return memmem(bytes, len, needle, needle_len) != NULL;
}

/* No run of 16 bytes of what was packed is in the file, nor of what a plain
 * file would hold besides: dictionary, hashes, names, sizes. Two files of one
 * input have none in common either. */
static void shows_nothing(const char *profile, uint32_t compression, uint64_t flags)
{
    /* The beginning of a stream's entry in the root page: its kind, and how
     * long its name is. By itself, four bytes come up by chance. */
    static const unsigned char disk_entry[] = {HEXZ_STREAM_DISK, 4, 0, 0, 0, 0, 0, 0};
    struct passwords passwords = password_is(SECRET);
    hexz_profile custom = HEXZ_INIT(hexz_profile);
    const char *const names[] = {in_folder("first.hxz"), in_folder("second.hxz"), in_folder("plain.hxz")};
    unsigned char *file[3];
    size_t len[3], i;
    struct windows windows;

    check_about("%s, compression %d", profile, (int)compression);
    CHECK_OK(hexz_profile_resolve(profile, &custom));
    if (compression == HEXZ_COMPRESSION_NONE) {
        custom.compression = HEXZ_COMPRESSION_NONE;
        custom.level = 0;
        custom.dictionary = 0;
    }
    for (i = 0; i < 3; i++) {
        hexz_build_opts opts = i < 2 ? encrypted_build_of(in_folder("disk.raw"), names[i], &passwords)
                                     : build_of(in_folder("disk.raw"), names[i]);
        opts.memory = in_folder("mem.raw");
        opts.custom = &custom;
        opts.flags |= flags | HEXZ_BUILD_OVERWRITE;
        CHECK_OK(hexz_build(&opts));
        file[i] = get_file(names[i], &len[i]);
    }
    check_about_as_long(len[0], len[1]);
    windows = windows_of(file[0], len[0]);
    CHECK_EQ(shared_windows(&windows, stream[0], stream_len[0]), 0);
    CHECK_EQ(shared_windows(&windows, stream[1], stream_len[1]), 0);
    free(windows.places);
    /* Header, slots and footer aside, which hold small numbers as the root page of a plain file does. */
    windows = windows_of(file[0] + SLOTS_END, len[0] - SLOTS_END - PAGE);
    CHECK_EQ(shared_windows(&windows, file[2] + PAGE, len[2] - 2 * PAGE), 0);
    CHECK_EQ(shared_windows(&windows, file[1] + SLOTS_END, len[1] - SLOTS_END - PAGE), 0);
    /* The search does find what is there: noise, which nothing compresses, in
     * the plain file, and the end of this one in itself. */
    CHECK(shared_windows(&windows, file[0] + len[0] / 2, WINDOW) == 1);
    free(windows.places);
    windows = windows_of(file[2], len[2]);
    CHECK(shared_windows(&windows, stream[0] + stream_len[0] / 2, stream_len[0] / 4) > (long)stream_len[0] / 8);
    free(windows.places);

    CHECK(holds(file[2], len[2], "memory", 6) && holds(file[2], len[2], "disk", 4));
    CHECK(holds(file[2], len[2], disk_entry, sizeof(disk_entry)));
    CHECK(!holds(file[0], len[0], disk_entry, sizeof(disk_entry)));
    CHECK(!holds(file[0], len[0], "memory", 6));
    CHECK(!holds(file[0], SLOTS_END, "disk", 4));
    CHECK(!holds(file[0] + len[0] - PAGE, PAGE, "disk", 4));
    CHECK(!holds(file[0], len[0], SECRET, strlen(SECRET)));
    for (i = 0; i < 2; i++) {
        uint64_t size = stream_len[i];
        unsigned char bytes[8];
        size_t b;
        for (b = 0; b < 8; b++)
            bytes[b] = (unsigned char)(size >> (8 * b));
        CHECK(holds(file[2], len[2], bytes, 8));
        CHECK(!holds(file[0], len[0], bytes, 8));
    }
    for (i = 0; i < 3; i++)
        free(file[i]);
    check_about("%s", "");
}

int main(void)
{
    const char *name;
    size_t i;
    int small = fixture_small();

    rounds = small ? 10 : 100;
    make_streams(((size_t)(small ? 256 : 1536) << 10) + 1234);
    for (i = 0; (name = hexz_profile_name(i)) != NULL; i++) {
        if (!small || i == 2)
            packed_as_plain(name, 0);
        if (!small || i == 1)
            packed_as_plain(name, 1);
    }
    weights_and_memory();
    expected_root();
    shows_nothing("embedded", HEXZ_COMPRESSION_ZSTD, 0);
    if (!small) {
        shows_nothing("generic", HEXZ_COMPRESSION_LZ4, 0);
        shows_nothing("generic", HEXZ_COMPRESSION_NONE, HEXZ_BUILD_CDC);
    }
    free_streams();
    return check_done();
}
