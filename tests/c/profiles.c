/* The four profiles are what the documents say, nothing else is taken for one,
 * and a custom profile is held to the rules that keep a snapshot readable. */
#include "fixture.h"

#define KIB UINT32_C(1024)
#define MIB (UINT32_C(1024) * KIB)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *name;
    uint32_t compression;
    int32_t level;
    uint32_t block_size;
    uint32_t dictionary;
} table[] = {
    {"generic", HEXZ_COMPRESSION_LZ4, 0, 64 * KIB, 0},
    {"eda", HEXZ_COMPRESSION_ZSTD, 3, 128 * KIB, 1},
    {"embedded", HEXZ_COMPRESSION_ZSTD, 3, 16 * KIB, 1},
    {"ml", HEXZ_COMPRESSION_ZSTD, 3, MIB, 0},
};

static void the_table(void)
{
    size_t i, j, seen = 0;
    for (i = 0; i < COUNT(table); i++) {
        hexz_profile profile = HEXZ_INIT(hexz_profile);
        check_about("profile %s", table[i].name);
        memset((unsigned char *)&profile + sizeof(size_t), 0xFF, sizeof(profile) - sizeof(size_t));
        CHECK_OK(hexz_profile_resolve(table[i].name, &profile));
        CHECK_EQ(profile.struct_size, sizeof(profile));
        CHECK_EQ(profile.compression, table[i].compression);
        CHECK_EQ(profile.level, table[i].level);
        CHECK_EQ(profile.block_size, table[i].block_size);
        CHECK_EQ(profile.dictionary, table[i].dictionary);
        CHECK_EQ(profile.cdc_min, 16 * KIB);
        CHECK_EQ(profile.cdc_avg, 64 * KIB);
        CHECK_EQ(profile.cdc_max, 128 * KIB);
        CHECK_EQ(profile.features, 0);
    }
    check_about("%s", "");
    for (i = 0; hexz_profile_name(i) != NULL && i < 100; i++)
        for (j = 0; j < COUNT(table); j++)
            seen += strcmp(hexz_profile_name(i), table[j].name) == 0;
    CHECK_EQ(i, COUNT(table));
    CHECK_EQ(seen, COUNT(table));
    CHECK(hexz_profile_name(COUNT(table) + 1) == NULL);
    CHECK(hexz_profile_name(SIZE_MAX) == NULL);
}

static void null_is_generic(void)
{
    hexz_profile named = HEXZ_INIT(hexz_profile), unnamed = HEXZ_INIT(hexz_profile);
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("named.hxz"));
    size_t len;
    unsigned char *bytes;

    CHECK_OK(hexz_profile_resolve("generic", &named));
    CHECK_OK(hexz_profile_resolve(NULL, &unnamed));
    CHECK_BYTES(&unnamed, &named, sizeof(named));

    opts.profile = "generic";
    CHECK_OK(hexz_build(&opts));
    opts.profile = NULL;
    opts.output = in_folder("unnamed.hxz");
    CHECK_OK(hexz_build(&opts));
    bytes = get_file(in_folder("named.hxz"), &len);
    CHECK(file_holds(in_folder("unnamed.hxz"), bytes, len));
    /* A custom profile that is a named one packs as the named one does. */
    opts.custom = &named;
    opts.output = in_folder("custom.hxz");
    CHECK_OK(hexz_build(&opts));
    CHECK(file_holds(in_folder("custom.hxz"), bytes, len));
    free(bytes);
}

static void unknown_names(void)
{
    static const char *const strange[] = {"", "GENERIC", "generic ", "gen", "generic2", "vm", "\xff\xfe", "eda\n"};
    size_t i, j;
    for (i = 0; i < COUNT(strange); i++) {
        hexz_profile profile = HEXZ_INIT(hexz_profile);
        hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("strange.hxz"));
        check_about("profile name '%s'", strange[i]);
        CHECK_STATUS(hexz_profile_resolve(strange[i], &profile), HEXZ_ERR_UNKNOWN_PROFILE);
        for (j = 0; j < COUNT(table); j++)
            CHECK_TEXT(table[j].name);
        opts.profile = strange[i];
        CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_UNKNOWN_PROFILE);
        for (j = 0; j < COUNT(table); j++)
            CHECK_TEXT(table[j].name);
        CHECK_EQ(hexz_last_errno(), 0);
        CHECK(!file_exists(in_folder("strange.hxz")));
    }
    check_about("%s", "");
}

static hexz_status build_custom(const hexz_profile *custom, uint64_t flags)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("custom.hxz"));
    hexz_status status;
    (void)unlink(in_folder("custom.hxz"));
    opts.custom = custom;
    opts.flags |= flags;
    opts.threads = 1;
    /* Enough for the largest blocks at the highest level. */
    opts.memory_limit = UINT64_C(1024) * MIB;
    status = hexz_build(&opts);
    CHECK(file_exists(in_folder("custom.hxz")) == (status == HEXZ_OK));
    return status;
}

static hexz_profile from(const char *name)
{
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    CHECK_OK(hexz_profile_resolve(name, &profile));
    return profile;
}

/* Builds with it and gives back what the snapshot says of itself. */
static hexz_info info_of(const hexz_profile *custom)
{
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_snapshot *snapshot = NULL;
    if (CHECK_OK(build_custom(custom, 0)) && CHECK_OK(open_path(in_folder("custom.hxz"), &snapshot)))
        CHECK_OK(hexz_snapshot_info(snapshot, &info));
    hexz_snapshot_close(snapshot);
    return info;
}

static void block_sizes(void)
{
    static const uint32_t bad[] = {1, 512, 2048, 4095, 4097, 12288, 64 * KIB - 1, 64 * KIB + 1, 96 * KIB,
                                   16 * MIB + 1, 32 * MIB, UINT32_C(1) << 31, UINT32_MAX};
    static const uint32_t good[] = {4 * KIB, 8 * KIB, 32 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB};
    size_t i;
    for (i = 0; i < COUNT(bad); i++) {
        hexz_profile custom = from("generic");
        check_about("block size %lu", (unsigned long)bad[i]);
        custom.block_size = bad[i];
        CHECK_STATUS(build_custom(&custom, 0), HEXZ_ERR_INVALID_ARGUMENT);
        CHECK_STATUS(build_custom(&custom, HEXZ_BUILD_CDC), HEXZ_ERR_INVALID_ARGUMENT);
    }
    for (i = 0; i < COUNT(good); i++) {
        hexz_profile custom = from("generic");
        check_about("block size %lu", (unsigned long)good[i]);
        custom.block_size = good[i];
        CHECK_EQ(info_of(&custom).block_size, good[i]);
    }
    check_about("%s", "");
}

static void levels(void)
{
    static const int32_t zstd_bad[] = {23, 100, INT32_MAX, INT32_MIN};
    static const int32_t zstd_good[] = {1, 3, 9, 19, 22};
    static const int32_t lz4_bad[] = {1, 3, 12, -1, INT32_MAX, INT32_MIN};
    size_t i;
    for (i = 0; i < COUNT(zstd_bad); i++) {
        hexz_profile custom = from("ml");
        check_about("zstd level %ld", (long)zstd_bad[i]);
        custom.level = zstd_bad[i];
        CHECK_STATUS(build_custom(&custom, 0), HEXZ_ERR_INVALID_ARGUMENT);
    }
    for (i = 0; i < COUNT(zstd_good); i++) {
        hexz_profile custom = from("ml");
        hexz_info info;
        check_about("zstd level %ld", (long)zstd_good[i]);
        custom.level = zstd_good[i];
        info = info_of(&custom);
        CHECK_EQ(info.level, zstd_good[i]);
        CHECK_EQ(info.compression, HEXZ_COMPRESSION_ZSTD);
    }
    for (i = 0; i < COUNT(lz4_bad); i++) {
        hexz_profile custom = from("generic");
        check_about("lz4 level %ld", (long)lz4_bad[i]);
        custom.level = lz4_bad[i];
        CHECK_STATUS(build_custom(&custom, 0), HEXZ_ERR_INVALID_ARGUMENT);
    }
    check_about("%s", "");
}

static void dictionaries(void)
{
    hexz_profile custom = from("generic");
    custom.dictionary = 1;
    CHECK_STATUS(build_custom(&custom, 0), HEXZ_ERR_INVALID_ARGUMENT);
    custom = from("eda");
    custom.dictionary = 2;
    CHECK_REFUSED(build_custom(&custom, 0));
    custom.dictionary = 0;
    CHECK_OK(build_custom(&custom, 0));
}

static void no_compression(void)
{
    hexz_profile custom = from("generic");
    hexz_info info;
    custom.compression = HEXZ_COMPRESSION_NONE;
    info = info_of(&custom);
    CHECK_EQ(info.compression, HEXZ_COMPRESSION_NONE);
    CHECK(info.file_size > file_size_of(in_folder("disk.raw")));
}

static void chunk_sizes(void)
{
    static const struct {
        uint32_t min, avg, max;
    } bad[] = {
        {64 * KIB, 16 * KIB, 128 * KIB},      /* min above avg */
        {16 * KIB, 128 * KIB, 64 * KIB},      /* avg above max */
        {128 * KIB, 64 * KIB, 16 * KIB},      /* the wrong way round */
        {16 * KIB + 1, 64 * KIB, 128 * KIB},  /* odd */
        {16 * KIB, 64 * KIB + 1, 128 * KIB},  /* odd */
        {16 * KIB, 64 * KIB, 128 * KIB + 1},  /* odd */
        {16 * KIB, 64 * KIB, 32 * MIB},       /* more than one block may hold */
        {16 * KIB, 64 * KIB, UINT32_MAX - 1}, /* as above, and close to overflow */
    };
    static const struct {
        uint32_t min, avg, max;
    } good[] = {{16 * KIB, 64 * KIB, 128 * KIB}, {8 * KIB, 16 * KIB, 64 * KIB}, {64 * KIB, 256 * KIB, MIB}};
    size_t i;
    for (i = 0; i < COUNT(bad); i++) {
        hexz_profile custom = from("generic");
        check_about("chunks of %lu, %lu, %lu", (unsigned long)bad[i].min, (unsigned long)bad[i].avg,
                    (unsigned long)bad[i].max);
        custom.cdc_min = bad[i].min;
        custom.cdc_avg = bad[i].avg;
        custom.cdc_max = bad[i].max;
        CHECK_STATUS(build_custom(&custom, HEXZ_BUILD_CDC), HEXZ_ERR_INVALID_ARGUMENT);
    }
    for (i = 0; i < COUNT(good); i++) {
        hexz_profile custom = from("generic");
        check_about("chunks of %lu, %lu, %lu", (unsigned long)good[i].min, (unsigned long)good[i].avg,
                    (unsigned long)good[i].max);
        custom.cdc_min = good[i].min;
        custom.cdc_avg = good[i].avg;
        custom.cdc_max = good[i].max;
        CHECK_OK(build_custom(&custom, HEXZ_BUILD_CDC));
    }
    check_about("%s", "");
}

static void one_or_the_other(void)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("both.hxz"));
    hexz_profile custom = from("generic");
    opts.custom = &custom;
    opts.profile = "generic";
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(!file_exists(in_folder("both.hxz")));
}

static void memory_limits(void)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("limit.hxz"));
    opts.memory_limit = 1;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("memory_limit");
    CHECK(!file_exists(in_folder("limit.hxz")));
    opts.memory_limit = UINT64_C(64) * MIB;
    CHECK_OK(hexz_build(&opts));
}

int main(void)
{
    size_t len = fixture_small() ? 300000 : 3000000;
    unsigned char *data = bytes_new(len);
    fill_text(data, len, 7);
    put_file(in_folder("disk.raw"), data, len);
    free(data);
    the_table();
    null_is_generic();
    unknown_names();
    block_sizes();
    levels();
    dictionaries();
    no_compression();
    chunk_sizes();
    one_or_the_other();
    memory_limits();
    return check_done();
}
