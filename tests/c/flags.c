/* Flag bits and constants that this library does not know are refused, each by
 * itself: a caller never believes that it asked for something it will not get. */
#include "fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static hexz_snapshot *snapshot;
static long entries;

static int32_t read_zeros(void *user_data, uint64_t offset, void *buf, size_t len)
{
    (void)user_data;
    (void)offset;
    memset(buf, 0, len);
    return 0;
}

static int32_t give_password(void *user_data, const hexz_password_request *request, char *buf, size_t capacity,
                             size_t *len)
{
    (void)user_data;
    (void)request;
    (void)capacity;
    memcpy(buf, "secret", 6);
    *len = 6;
    return 0;
}

static hexz_status build_flags(uint64_t flags)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("out.hxz"));
    opts.flags = flags;
    return hexz_build(&opts);
}

static hexz_status builder_flags(uint64_t flags)
{
    hexz_build_opts opts = build_of(NULL, in_folder("out.hxz"));
    hexz_builder *builder = NULL;
    hexz_status status;
    opts.flags = flags;
    status = hexz_builder_new(&opts, &builder);
    hexz_builder_free(builder);
    return status;
}

static hexz_status open_flags(uint64_t flags)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_snapshot *opened = NULL;
    hexz_status status;
    opts.path = in_folder("disk.hxz");
    opts.flags = flags;
    status = hexz_snapshot_open(&opts, &opened);
    hexz_snapshot_close(opened);
    return status;
}

static hexz_status extract_flags(uint64_t flags)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    opts.output = in_folder("out.raw");
    opts.flags = flags;
    return hexz_snapshot_extract(snapshot, &opts);
}

static hexz_status rekey_flags(uint64_t flags)
{
    hexz_rekey_opts opts = HEXZ_INIT(hexz_rekey_opts);
    opts.path = in_folder("disk.hxz");
    opts.operation = HEXZ_REKEY_ADD;
    opts.password = give_password;
    opts.flags = flags;
    return hexz_snapshot_rekey(&opts);
}

static hexz_status storage_flags(uint64_t flags)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_storage storage = HEXZ_INIT(hexz_storage);
    hexz_snapshot *opened = NULL;
    hexz_status status;
    storage.size = 4096;
    storage.read_at = read_zeros;
    storage.flags = flags;
    opts.storage = &storage;
    status = hexz_snapshot_open(&opts, &opened);
    hexz_snapshot_close(opened);
    return status;
}

static hexz_status build_stream(const hexz_stream *stream)
{
    hexz_build_opts opts = build_of(NULL, in_folder("out.hxz"));
    opts.streams = &stream;
    opts.stream_count = 1;
    return hexz_build(&opts);
}

static hexz_status source_flags(uint64_t flags)
{
    hexz_stream stream = HEXZ_INIT(hexz_stream);
    hexz_source source = HEXZ_INIT(hexz_source);
    source.size = 4096;
    source.read_at = read_zeros;
    source.flags = flags;
    stream.name = "disk";
    stream.source = &source;
    return build_stream(&stream);
}

/* There are 32 bits of them: the upper half of the flags is no case. */
static hexz_status profile_features(uint64_t flags)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("out.hxz"));
    hexz_profile custom = HEXZ_INIT(hexz_profile);
    CHECK_OK(hexz_profile_resolve(NULL, &custom));
    custom.features = (uint32_t)(flags | flags >> 32);
    opts.custom = &custom;
    return hexz_build(&opts);
}

static const hexz_ram *pages(void)
{
    static unsigned char memory[65536] __attribute__((aligned(65536)));
    static hexz_ram region;
    region.struct_size = sizeof(region);
    region.addr = memory;
    region.len = sizeof(memory);
    return &region;
}

static hexz_status live_flags(uint64_t flags)
{
    hexz_live_opts opts = HEXZ_INIT(hexz_live_opts);
    const hexz_ram *region = pages();
    hexz_live *live = NULL;
    hexz_status status;
    opts.regions = &region;
    opts.region_count = 1;
    opts.flags = flags;
    status = hexz_live_new(&opts, &live);
    hexz_live_free(live);
    return status;
}

static hexz_status pager_flags(uint64_t flags)
{
    hexz_pager_opts opts = HEXZ_INIT(hexz_pager_opts);
    const hexz_ram *region = pages();
    hexz_pager *pager = NULL;
    hexz_status status;
    opts.regions = &region;
    opts.region_count = 1;
    opts.flags = flags;
    status = hexz_pager_new(snapshot, &opts, &pager);
    hexz_pager_free(pager);
    return status;
}

static const struct {
    const char *name;
    uint64_t known;
    hexz_status (*call)(uint64_t flags);
} flag_words[] = {
    {"hexz_build_opts.flags",
     HEXZ_BUILD_ENCRYPT | HEXZ_BUILD_CDC | HEXZ_BUILD_OVERWRITE | HEXZ_BUILD_NO_SYNC | HEXZ_BUILD_ALLOW_BACKING |
         HEXZ_BUILD_FORCE_SHARE | HEXZ_BUILD_ALLOW_CHANGE | HEXZ_BUILD_FOLD,
     build_flags},
    {"hexz_build_opts.flags of a builder",
     HEXZ_BUILD_ENCRYPT | HEXZ_BUILD_CDC | HEXZ_BUILD_OVERWRITE | HEXZ_BUILD_NO_SYNC | HEXZ_BUILD_ALLOW_BACKING |
         HEXZ_BUILD_FORCE_SHARE | HEXZ_BUILD_ALLOW_CHANGE | HEXZ_BUILD_FOLD,
     builder_flags},
    {"hexz_open_opts.flags", HEXZ_OPEN_ALLOW_PLAIN | HEXZ_OPEN_NO_HINTS, open_flags},
    {"hexz_extract_opts.flags",
     HEXZ_EXTRACT_OVERWRITE | HEXZ_EXTRACT_NO_SYNC | HEXZ_EXTRACT_IN_PLACE | HEXZ_EXTRACT_FORCE_SHARE,
     extract_flags},
    {"hexz_profile.features", HEXZ_PROFILE_REFERENCES | HEXZ_PROFILE_FLOAT, profile_features},
    {"hexz_live_opts.flags", HEXZ_LIVE_TRACK, live_flags},
    {"hexz_pager_opts.flags", HEXZ_PAGER_UFFD, pager_flags},
    {"hexz_rekey_opts.flags", 0, rekey_flags},
    {"hexz_storage.flags", HEXZ_SOURCE_CONCURRENT, storage_flags},
    {"hexz_source.flags", HEXZ_SOURCE_CONCURRENT, source_flags},
};

static void unknown_bits(void)
{
    size_t i;
    int bit;
    for (i = 0; i < COUNT(flag_words); i++) {
        for (bit = 0; bit < 64; bit++) {
            uint64_t flag = UINT64_C(1) << bit;
            if (flag_words[i].known & (flag | flag >> 32) && flag_words[i].call == profile_features)
                continue;
            if (flag_words[i].known & flag)
                continue;
            check_about("%s, bit %d", flag_words[i].name, bit);
            CHECK_REFUSED(flag_words[i].call(flag));
        }
        check_about("%s, all bits", flag_words[i].name);
        CHECK_REFUSED(flag_words[i].call(UINT64_MAX));
        CHECK_EQ(entries_here(), entries);
    }
    check_about("%s", "");
}

/* The known bits that work on any raw image, alone and together. */
static void known_bits(void)
{
    static const uint64_t build[] = {0,
                                     HEXZ_BUILD_CDC,
                                     HEXZ_BUILD_OVERWRITE,
                                     HEXZ_BUILD_NO_SYNC,
                                     HEXZ_BUILD_FORCE_SHARE,
                                     HEXZ_BUILD_ALLOW_CHANGE,
                                     HEXZ_BUILD_FORCE_SHARE | HEXZ_BUILD_ALLOW_CHANGE,
                                     HEXZ_BUILD_FOLD,
                                     HEXZ_BUILD_CDC | HEXZ_BUILD_OVERWRITE | HEXZ_BUILD_NO_SYNC |
                                         HEXZ_BUILD_FORCE_SHARE};
    static const uint64_t extract[] = {0, HEXZ_EXTRACT_OVERWRITE, HEXZ_EXTRACT_NO_SYNC, HEXZ_EXTRACT_FORCE_SHARE,
                                       HEXZ_EXTRACT_OVERWRITE | HEXZ_EXTRACT_NO_SYNC};
    size_t i;
    for (i = 0; i < COUNT(build); i++) {
        check_about("build flags %llu", (unsigned long long)build[i]);
        CHECK_OK(build_flags(build[i]));
        (void)unlink(in_folder("out.hxz"));
    }
    for (i = 0; i < COUNT(extract); i++) {
        check_about("extract flags %llu", (unsigned long long)extract[i]);
        CHECK_OK(extract_flags(extract[i]));
        (void)unlink(in_folder("out.raw"));
    }
    check_about("%s", "");
    CHECK_OK(open_flags(0));
    CHECK_OK(open_flags(HEXZ_OPEN_ALLOW_PLAIN));
    CHECK_OK(open_flags(HEXZ_OPEN_NO_HINTS));
    CHECK_OK(open_flags(HEXZ_OPEN_ALLOW_PLAIN | HEXZ_OPEN_NO_HINTS));
}

static void unknown_constants(void)
{
    static const uint32_t formats[] = {HEXZ_FORMAT_QCOW2 + 1, 99, UINT32_MAX};
    static const uint32_t kinds[] = {HEXZ_STREAM_BLOB + 1, 99, UINT32_MAX};
    static const uint32_t compressions[] = {HEXZ_COMPRESSION_ZSTD + 1, 99, UINT32_MAX};
    static const uint32_t operations[] = {0, HEXZ_REKEY_REMOVE + 1, UINT32_MAX};
    size_t i;

    for (i = 0; i < COUNT(formats); i++) {
        hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("out.hxz"));
        hexz_stream stream = HEXZ_INIT(hexz_stream);
        check_about("format %lu", (unsigned long)formats[i]);
        opts.source_format = formats[i];
        CHECK_REFUSED(hexz_build(&opts));
        stream.name = "disk";
        stream.path = in_folder("disk.raw");
        stream.format = formats[i];
        CHECK_REFUSED(build_stream(&stream));
    }
    for (i = 0; i < COUNT(kinds); i++) {
        hexz_stream stream = HEXZ_INIT(hexz_stream);
        check_about("stream kind %lu", (unsigned long)kinds[i]);
        stream.name = "disk";
        stream.path = in_folder("disk.raw");
        stream.kind = kinds[i];
        CHECK_REFUSED(build_stream(&stream));
    }
    for (i = 0; i < COUNT(compressions); i++) {
        hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("out.hxz"));
        hexz_profile custom = HEXZ_INIT(hexz_profile);
        check_about("compression %lu", (unsigned long)compressions[i]);
        CHECK_OK(hexz_profile_resolve(NULL, &custom));
        custom.compression = compressions[i];
        opts.custom = &custom;
        CHECK_REFUSED(hexz_build(&opts));
    }
    for (i = 0; i < COUNT(operations); i++) {
        hexz_rekey_opts opts = HEXZ_INIT(hexz_rekey_opts);
        check_about("rekey operation %lu", (unsigned long)operations[i]);
        opts.path = in_folder("disk.hxz");
        opts.operation = operations[i];
        opts.password = give_password;
        CHECK_REFUSED(hexz_snapshot_rekey(&opts));
    }
    check_about("%s", "");
    CHECK_EQ(entries_here(), entries);
}

int main(void)
{
    unsigned char data[5000];
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("disk.hxz"));
    fill_random(data, sizeof(data), 5);
    put_file(in_folder("disk.raw"), data, sizeof(data));
    CHECK_OK(hexz_build(&opts));
    snapshot = must_open(in_folder("disk.hxz"));
    entries = entries_here();
    unknown_bits();
    unknown_constants();
    known_bits();
    hexz_snapshot_close(snapshot);
    return check_done();
}
