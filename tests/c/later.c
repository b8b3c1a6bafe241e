/* What the header declares and this version does not do yet: arguments are
 * checked first, as they always will be; then the answer is a plain
 * HEXZ_ERR_UNSUPPORTED with a text, nothing is made and no callback runs.
 * Every check on LATER here gives way to tests of the feature itself. */
#include "passwords.h"

#define LATER HEXZ_ERR_UNSUPPORTED
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned char disk[20000];
static hexz_snapshot *snapshot;
static long entries;
static int callbacks;

static hexz_build_opts build_here(void)
{
    return build_of(in_folder("disk.raw"), in_folder("out.hxz"));
}

static void check_nothing_done(const char *about)
{
    check_about("%s", about);
    CHECK_EQ(entries_here(), entries);
    CHECK_EQ(callbacks, 0);
    check_about("%s", "");
}

static hexz_status build_stream(const hexz_stream *stream)
{
    hexz_build_opts opts = build_here();
    opts.streams = &stream;
    opts.stream_count = 1;
    return hexz_build(&opts);
}

static hexz_stream stream_named(const char *name)
{
    hexz_stream stream = HEXZ_INIT(hexz_stream);
    stream.name = name;
    stream.path = in_folder("disk.raw");
    return stream;
}

/* A plain snapshot would lay open what it takes from an encrypted one, be that
 * parent or base, in a build or a builder; an encrypted one may lean on either.
 * Nobody is asked for a password before that is known. */
static void encrypted_parents(void)
{
    struct passwords passwords = password_is("secret");
    hexz_build_opts build = encrypted_build_of(in_folder("disk.raw"), in_folder("secret.hxz"), &passwords);
    const hexz_snapshot *bases[2];
    hexz_builder *builder = NULL;
    hexz_snapshot *secret;
    int way;

    CHECK_OK(hexz_build(&build));
    secret = must_open_with(in_folder("secret.hxz"), "secret");
    bases[0] = snapshot;
    bases[1] = secret;
    passwords = password_is("secret");
    for (way = 0; way < 3; way++) {
        check_about("way number %d", way);
        build = build_here();
        build.password_data = &passwords;
        if (way != 1)
            build.parent_snapshot = secret;
        if (way != 0) {
            build.bases = bases;
            build.base_count = 2;
        }
        CHECK_STATUS(hexz_build(&build), HEXZ_ERR_INVALID_ARGUMENT);
        CHECK_TEXT("HEXZ_BUILD_ENCRYPT");
        CHECK_TEXT(way == 0 ? "opts.parent_snapshot" : "opts.bases[1]");
        build.password = way == 1 ? NULL : answer;
        CHECK_STATUS(hexz_build(&build), HEXZ_ERR_INVALID_ARGUMENT);
        build.source = NULL;
        CHECK_STATUS(hexz_builder_new(&build, &builder), HEXZ_ERR_INVALID_ARGUMENT);
        CHECK_TEXT("HEXZ_BUILD_ENCRYPT");
    }
    check_about("%s", "");
    CHECK_EQ(passwords.count, 0);
    hexz_snapshot_close(secret);
    (void)unlink(in_folder("secret.hxz"));
    check_nothing_done("encrypted parents");
}

static void bases_of_a_build(void)
{
    hexz_build_opts build = build_here();
    const hexz_snapshot *bases[2], *many[65];
    static const size_t counts[] = {65, 66, SIZE_MAX / sizeof(void *) + 2, SIZE_MAX};
    size_t i;

    bases[0] = snapshot;
    bases[1] = NULL;
    build.base_count = 1;
    CHECK_STATUS(hexz_build(&build), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("opts.bases");
    build.bases = bases;
    build.base_count = 2;
    CHECK_STATUS(hexz_build(&build), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("opts.bases[1]");
    /* More than a snapshot can lean on, before any of them is looked at. */
    for (i = 0; i < COUNT(many); i++)
        many[i] = snapshot;
    build.bases = many;
    many[64] = NULL;
    for (i = 0; i < COUNT(counts); i++) {
        build.base_count = counts[i];
        build.flags &= ~(uint64_t)HEXZ_BUILD_FOLD;
        CHECK_STATUS(hexz_build(&build), HEXZ_ERR_PARENT);
        CHECK_TEXT("HEXZ_BUILD_FOLD");
        build.bases = NULL;
        CHECK_STATUS(hexz_build(&build), HEXZ_ERR_INVALID_ARGUMENT);
        build.bases = many;
    }
    /* There may be more to choose from, within reason. */
    build.flags |= HEXZ_BUILD_FOLD;
    for (i = 2; i < COUNT(counts); i++) {
        build.base_count = counts[i];
        CHECK_STATUS(hexz_build(&build), HEXZ_ERR_PARENT);
        CHECK_TEXT("1024");
    }
    build.base_count = 65;
    CHECK_STATUS(hexz_build(&build), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("opts.bases[64]");

    check_nothing_done("bases");
}

/* Streams of live memory, of which there can be none yet. */
static void live_streams(void)
{
    hexz_stream stream = stream_named("copy");
    const hexz_live *live = (const hexz_live *)(const void *)disk;

    stream.live = live;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    stream.path = NULL;
    stream.snapshot = snapshot;
    CHECK_STATUS(build_stream(&stream), HEXZ_ERR_INVALID_ARGUMENT);
    stream.snapshot = NULL;
    CHECK_STATUS(build_stream(&stream), LATER);
    CHECK_TEXT("live");
    check_nothing_done("live streams");
}

static void profile_features(void)
{
    static const uint32_t features[] = {HEXZ_PROFILE_REFERENCES, HEXZ_PROFILE_FLOAT,
                                        HEXZ_PROFILE_REFERENCES | HEXZ_PROFILE_FLOAT};
    size_t i;
    for (i = 0; i < COUNT(features); i++) {
        hexz_build_opts build = build_here();
        hexz_profile custom = HEXZ_INIT(hexz_profile);
        CHECK_OK(hexz_profile_resolve("ml", &custom));
        CHECK_EQ(custom.features, 0);
        custom.features = features[i];
        build.custom = &custom;
        CHECK_STATUS(hexz_build(&build), LATER);
        CHECK_TEXT("HEXZ_PROFILE_");
        custom.block_size = 5;
        CHECK_STATUS(hexz_build(&build), HEXZ_ERR_INVALID_ARGUMENT);
    }
    check_nothing_done("profile features");
}

#define PAGES ((size_t)65536)
/* Aligned when the program runs: not every loader, valgrind's for one, keeps to what a file asks. */
static unsigned char ram_room[5 * PAGES];
#define ram (ram_room + PAGES - (uintptr_t)ram_room % PAGES)

static hexz_ram ram_of(size_t from, uint64_t len, uint64_t offset)
{
    hexz_ram region = HEXZ_INIT(hexz_ram);
    region.addr = ram + from;
    region.len = len;
    region.offset = offset;
    return region;
}

/* The regions as live memory and as memory to be filled: one answer to both. */
static hexz_status take_ram(const hexz_ram *const *regions, size_t count)
{
    hexz_live_opts live_opts = HEXZ_INIT(hexz_live_opts);
    hexz_pager_opts pager_opts = HEXZ_INIT(hexz_pager_opts);
    hexz_live *live = (hexz_live *)(void *)disk;
    hexz_pager *pager = (hexz_pager *)(void *)disk;
    hexz_status status;
    live_opts.regions = pager_opts.regions = regions;
    live_opts.region_count = pager_opts.region_count = count;
    status = hexz_live_new(&live_opts, &live);
    CHECK((live != NULL) == (status == HEXZ_OK));
    hexz_live_free(live);
    CHECK_STATUS(hexz_pager_new(snapshot, &pager_opts, &pager), status);
    CHECK((pager != NULL) == (status == HEXZ_OK));
    hexz_pager_free(pager);
    return status;
}

static void regions_of_memory(void)
{
    hexz_ram a = ram_of(0, PAGES, 0), b = ram_of(2 * PAGES, PAGES, PAGES);
    const hexz_ram *list[2];
    const hexz_ram good = b;

    list[0] = &a;
    list[1] = &b;
    CHECK_STATUS(take_ram(list, 1), LATER);
    CHECK_STATUS(take_ram(list, 2), LATER);
    CHECK_STATUS(take_ram(list, 0), HEXZ_ERR_INVALID_ARGUMENT);
    b.page_size = (uint32_t)PAGES;
    CHECK_STATUS(take_ram(list, 2), LATER);
#define BAD(field, value)                                                    do {                                                                         b = good;                                                                b.field = (value);                                                       check_about("region with %s", #field " " #value);                        CHECK_STATUS(take_ram(list, 2), HEXZ_ERR_INVALID_ARGUMENT);              CHECK_TEXT("opts.regions[1]");                                       } while (0)
    BAD(addr, NULL);
    BAD(addr, ram + 2 * PAGES + 1);
    BAD(addr, ram);                 /* both in one place of memory */
    BAD(addr, ram + PAGES - 4096);  /* and half */
    BAD(len, 0);
    BAD(len, 4095);
    BAD(len, UINT64_MAX - 4095);
    BAD(offset, 1);
    BAD(offset, 0);                 /* in one place of the stream */
    BAD(offset, UINT64_MAX - 4095);
    BAD(page_size, 1);
    BAD(page_size, 4097);
    BAD(page_size, 1U << 31);       /* of which it is no multiple */
    check_about("%s", "");
    b = good;
    list[1] = NULL;
    CHECK_STATUS(take_ram(list, 2), HEXZ_ERR_INVALID_ARGUMENT);
}

static void live_memory(void)
{
    hexz_live_opts opts = HEXZ_INIT(hexz_live_opts);
    hexz_ram region = ram_of(0, PAGES, PAGES);
    const hexz_ram *list[1];
    hexz_live *live = NULL;

    list[0] = &region;
    opts.regions = list;
    opts.region_count = 1;
    opts.flags = HEXZ_LIVE_TRACK;
    opts.spill = in_folder(".");
    CHECK_STATUS(hexz_live_new(&opts, &live), LATER);
    CHECK_TEXT("live");
    opts.size = 2 * PAGES;
    opts.memory_limit = 256 << 10;
    CHECK_STATUS(hexz_live_new(&opts, &live), LATER);
    opts.size--;
    CHECK_STATUS(hexz_live_new(&opts, &live), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("opts.size");
    opts.size = UINT64_MAX;
    CHECK_STATUS(hexz_live_new(&opts, &live), HEXZ_ERR_INVALID_ARGUMENT);
    opts.size = 0;
    opts.memory_limit--;
    CHECK_STATUS(hexz_live_new(&opts, &live), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("opts.memory_limit");
    check_nothing_done("live memory");
}

static void pagers(void)
{
    hexz_pager_opts opts = HEXZ_INIT(hexz_pager_opts);
    hexz_ram region = ram_of(0, PAGES, 0);
    const hexz_ram *list[1];
    hexz_pager *pager = NULL;

    list[0] = &region;
    opts.regions = list;
    opts.region_count = 1;
    opts.threads = 3;
    CHECK_STATUS(hexz_pager_new(snapshot, &opts, &pager), LATER);
    CHECK_TEXT("pager");
    opts.uffd = -1;
    CHECK_STATUS(hexz_pager_new(snapshot, &opts, &pager), LATER);
    opts.uffd = 1;
    CHECK_STATUS(hexz_pager_new(snapshot, &opts, &pager), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("HEXZ_PAGER_UFFD");
    opts.flags = HEXZ_PAGER_UFFD;
    CHECK_STATUS(hexz_pager_new(snapshot, &opts, &pager), LATER);
    opts.uffd = -1;
    CHECK_STATUS(hexz_pager_new(snapshot, &opts, &pager), HEXZ_ERR_INVALID_ARGUMENT);
    opts.flags = 0;
    opts.trace_len = 1;
    CHECK_STATUS(hexz_pager_new(snapshot, &opts, &pager), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("opts.trace");
    opts.trace = disk;
    CHECK_STATUS(hexz_pager_new(snapshot, &opts, &pager), LATER);
    opts.stream = 1;
    CHECK_STATUS(hexz_pager_new(snapshot, &opts, &pager), HEXZ_ERR_NO_STREAM);
    CHECK(pager == NULL);
    check_nothing_done("pagers");
}

int main(void)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("disk.hxz"));
    fill_text(disk, sizeof(disk), 91);
    put_file(in_folder("disk.raw"), disk, sizeof(disk));
    CHECK_OK(hexz_build(&opts));
    snapshot = must_open(in_folder("disk.hxz"));
    entries = entries_here();
    bases_of_a_build();
    encrypted_parents();
    live_streams();
    profile_features();
    regions_of_memory();
    live_memory();
    pagers();
    hexz_snapshot_close(snapshot);
    return check_done();
}
