/* The rules of struct_size, for every struct that crosses: too short and too
 * long are refused, an unknown tail is accepted while it is zero where the
 * library reads and is zeroed where it writes, and never a byte past the size
 * given is touched. Each struct is placed against a page that cannot be
 * accessed, and once more with canaries behind it. */
#include "passwords.h"

#include <stddef.h>
#include <sys/mman.h>

#define PAGE ((size_t)4096)
#define ROOM (3 * PAGE)
#define CANARY 0xA5
#define SIZE_LIMIT ((size_t)4096)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum direction {
    READ,  /* the library reads it */
    WRITE, /* the library writes it */
    LATER, /* read; its feature may not be there yet, so success is not asked for */
    LATER_WRITE
};

struct shape {
    const char *name;
    size_t first; /* its size when it was first declared, which stays accepted for ever */
    size_t current;
    enum direction direction;
    void (*fill)(void *object);
    hexz_status (*call)(void *object);
};

static unsigned char *room;
static hexz_snapshot *snapshot;
static struct passwords passwords;
static unsigned char disk[20000];

static const char *out_path(void)
{
    return in_folder("out");
}

static void fill_nothing(void *object)
{
    (void)object;
}

/* Structs that are read. */

static void fill_build(void *object)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), out_path());
    memcpy(object, &opts, sizeof(opts));
}

static hexz_status call_build(void *object)
{
    return hexz_build(object);
}

static void fill_custom(void *object)
{
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    CHECK_OK(hexz_profile_resolve("embedded", &profile));
    memcpy(object, &profile, sizeof(profile));
}

static hexz_status call_custom(void *object)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), out_path());
    opts.custom = object;
    return hexz_build(&opts);
}

static void fill_open(void *object)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    opts.path = in_folder("disk.hxz");
    memcpy(object, &opts, sizeof(opts));
}

static hexz_status call_open(void *object)
{
    hexz_snapshot *opened = NULL;
    hexz_status status = hexz_snapshot_open(object, &opened);
    CHECK((opened != NULL) == (status == HEXZ_OK));
    hexz_snapshot_close(opened);
    return status;
}

/* The password stays what it is, so that this can be done again. */
static void fill_rekey(void *object)
{
    hexz_rekey_opts opts = rekey_of(in_folder("secret.hxz"), HEXZ_REKEY_REPLACE, &passwords);
    memcpy(object, &opts, sizeof(opts));
}

static hexz_status call_rekey(void *object)
{
    return hexz_snapshot_rekey(object);
}

static hexz_status call_verify(void *object)
{
    return hexz_snapshot_verify(snapshot, object);
}

static void fill_extract(void *object)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    opts.output = out_path();
    opts.flags = HEXZ_EXTRACT_NO_SYNC;
    memcpy(object, &opts, sizeof(opts));
}

static hexz_status call_extract(void *object)
{
    return hexz_snapshot_extract(snapshot, object);
}

/* Structs that are written. */

static hexz_status call_resolve(void *object)
{
    return hexz_profile_resolve("eda", object);
}

static hexz_status call_report(void *object)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), out_path());
    opts.report = object;
    return hexz_build(&opts);
}

static hexz_status call_info(void *object)
{
    return hexz_snapshot_info(snapshot, object);
}

static hexz_status call_stream_info(void *object)
{
    return hexz_snapshot_stream(snapshot, 0, object);
}

static hexz_status call_extent(void *object)
{
    return hexz_snapshot_extent(snapshot, 0, 0, object);
}

static hexz_status call_verify_report(void *object)
{
    hexz_verify_opts opts = HEXZ_INIT(hexz_verify_opts);
    opts.report = object;
    return hexz_snapshot_verify(snapshot, &opts);
}

/* Structs of features that may come later. */

static int32_t disk_read_at(void *user_data, uint64_t offset, void *buf, size_t len)
{
    (void)user_data;
    memcpy(buf, disk + offset, len);
    return 0;
}

static int32_t swallow(void *user_data, const void *buf, size_t len)
{
    (void)user_data;
    (void)buf;
    (void)len;
    return 0;
}

static void fill_builder(void *object)
{
    hexz_build_opts opts = build_of(NULL, out_path());
    memcpy(object, &opts, sizeof(opts));
}

static hexz_status call_builder(void *object)
{
    hexz_builder *builder = NULL;
    hexz_status status = hexz_builder_new(object, &builder);
    hexz_builder_free(builder);
    return status;
}

static void fill_stream(void *object)
{
    hexz_stream stream = HEXZ_INIT(hexz_stream);
    stream.name = "vmstate";
    stream.path = in_folder("disk.raw");
    memcpy(object, &stream, sizeof(stream));
}

static hexz_status call_stream(void *object)
{
    const hexz_stream *streams[1];
    hexz_build_opts opts = build_of(NULL, out_path());
    streams[0] = object;
    opts.streams = streams;
    opts.stream_count = 1;
    return hexz_build(&opts);
}

static void fill_source(void *object)
{
    hexz_source source = HEXZ_INIT(hexz_source);
    source.size = sizeof(disk);
    source.read_at = disk_read_at;
    memcpy(object, &source, sizeof(source));
}

static hexz_status call_source(void *object)
{
    hexz_stream stream = HEXZ_INIT(hexz_stream);
    stream.name = "disk";
    stream.kind = HEXZ_STREAM_DISK;
    stream.source = object;
    return call_stream(&stream);
}

static void fill_sink(void *object)
{
    hexz_sink sink = HEXZ_INIT(hexz_sink);
    sink.write = swallow;
    memcpy(object, &sink, sizeof(sink));
}

static hexz_status call_build_sink(void *object)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), NULL);
    opts.sink = object;
    return hexz_build(&opts);
}

static hexz_status call_extract_sink(void *object)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    opts.sink = object;
    return hexz_snapshot_extract(snapshot, &opts);
}

static void fill_storage(void *object)
{
    hexz_storage storage = HEXZ_INIT(hexz_storage);
    storage.size = sizeof(disk);
    storage.read_at = disk_read_at;
    memcpy(object, &storage, sizeof(storage));
}

static hexz_status call_storage(void *object)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    opts.storage = object;
    return call_open(&opts);
}

static unsigned char ram[65536] __attribute__((aligned(65536)));
static const hexz_ram *regions[1];

static void fill_ram(void *object)
{
    hexz_ram region = HEXZ_INIT(hexz_ram);
    region.addr = ram;
    region.len = sizeof(ram);
    memcpy(object, &region, sizeof(region));
}

static hexz_status call_live(void *object)
{
    hexz_live *live = NULL;
    hexz_status status = hexz_live_new(object, &live);
    hexz_live_free(live);
    return status;
}

static void fill_live(void *object)
{
    static hexz_ram region;
    hexz_live_opts opts = HEXZ_INIT(hexz_live_opts);
    fill_ram(&region);
    region.struct_size = sizeof(region);
    regions[0] = &region;
    opts.regions = regions;
    opts.region_count = 1;
    memcpy(object, &opts, sizeof(opts));
}

static hexz_status call_live_ram(void *object)
{
    hexz_live_opts opts = HEXZ_INIT(hexz_live_opts);
    regions[0] = object;
    opts.regions = regions;
    opts.region_count = 1;
    return call_live(&opts);
}

static hexz_status call_pager(void *object)
{
    hexz_pager *pager = NULL;
    hexz_status status = hexz_pager_new(snapshot, object, &pager);
    hexz_pager_free(pager);
    return status;
}

static void fill_pager(void *object)
{
    hexz_pager_opts opts = HEXZ_INIT(hexz_pager_opts);
    hexz_live_opts live = HEXZ_INIT(hexz_live_opts);
    fill_live(&live);
    opts.regions = live.regions;
    opts.region_count = 1;
    memcpy(object, &opts, sizeof(opts));
}

static hexz_status call_pager_ram(void *object)
{
    hexz_pager_opts opts = HEXZ_INIT(hexz_pager_opts);
    regions[0] = object;
    opts.regions = regions;
    opts.region_count = 1;
    return call_pager(&opts);
}

static hexz_status call_ancestor(void *object)
{
    return hexz_snapshot_ancestor(snapshot, 0, object);
}

static hexz_status call_diff(void *object)
{
    return hexz_snapshot_diff(snapshot, 0, snapshot, 0, 0, object);
}

/* No handle can be had: only the structs are looked at. */
static hexz_status call_live_stats(void *object)
{
    return hexz_live_stats_get((const hexz_live *)(const void *)disk, object);
}

static hexz_status call_pager_stats(void *object)
{
    return hexz_pager_stats_get((const hexz_pager *)(const void *)disk, object);
}

static const struct shape shapes[] = {
    {"hexz_build_opts", 184, sizeof(hexz_build_opts), READ, fill_build, call_build},
    {"hexz_profile (custom)", 40, sizeof(hexz_profile), READ, fill_custom, call_custom},
    {"hexz_open_opts", 96, sizeof(hexz_open_opts), READ, fill_open, call_open},
    {"hexz_verify_opts", 48, sizeof(hexz_verify_opts), READ, fill_nothing, call_verify},
    {"hexz_extract_opts", 80, sizeof(hexz_extract_opts), READ, fill_extract, call_extract},
    {"hexz_rekey_opts", 56, sizeof(hexz_rekey_opts), READ, fill_rekey, call_rekey},
    {"hexz_profile (resolved)", 40, sizeof(hexz_profile), WRITE, fill_nothing, call_resolve},
    {"hexz_build_report", 176, sizeof(hexz_build_report), WRITE, fill_nothing, call_report},
    {"hexz_info", 136, sizeof(hexz_info), WRITE, fill_nothing, call_info},
    {"hexz_stream_info", 112, sizeof(hexz_stream_info), WRITE, fill_nothing, call_stream_info},
    {"hexz_extent", 32, sizeof(hexz_extent), WRITE, fill_nothing, call_extent},
    {"hexz_verify_report", 40, sizeof(hexz_verify_report), WRITE, fill_nothing, call_verify_report},
    {"hexz_build_opts (builder)", 184, sizeof(hexz_build_opts), READ, fill_builder, call_builder},
    {"hexz_stream", 40, sizeof(hexz_stream), LATER, fill_stream, call_stream},
    {"hexz_source", 48, sizeof(hexz_source), LATER, fill_source, call_source},
    {"hexz_sink (build)", 48, sizeof(hexz_sink), LATER, fill_sink, call_build_sink},
    {"hexz_sink (extract)", 48, sizeof(hexz_sink), LATER, fill_sink, call_extract_sink},
    {"hexz_storage", 48, sizeof(hexz_storage), LATER, fill_storage, call_storage},
    {"hexz_ancestor_info", 312, sizeof(hexz_ancestor_info), LATER_WRITE, fill_nothing, call_ancestor},
    {"hexz_extent (diff)", 32, sizeof(hexz_extent), WRITE, fill_nothing, call_diff},
    {"hexz_ram (live)", 40, sizeof(hexz_ram), LATER, fill_ram, call_live_ram},
    {"hexz_ram (pager)", 40, sizeof(hexz_ram), LATER, fill_ram, call_pager_ram},
    {"hexz_live_opts", 56, sizeof(hexz_live_opts), LATER, fill_live, call_live},
    {"hexz_live_stats", 72, sizeof(hexz_live_stats), LATER_WRITE, fill_nothing, call_live_stats},
    {"hexz_pager_opts", 80, sizeof(hexz_pager_opts), LATER, fill_pager, call_pager},
    {"hexz_pager_stats", 64, sizeof(hexz_pager_stats), LATER_WRITE, fill_nothing, call_pager_stats},
};

/* What has to be zero, by the shape's place in the table. */
static const struct {
    const char *shape;
    const char *field;
    size_t offset, len;
} reserved_fields[] = {
    {"hexz_build_opts", "reserved", offsetof(hexz_build_opts, reserved), sizeof(uintptr_t)},
    {"hexz_build_opts", "reserved2", offsetof(hexz_build_opts, reserved2), sizeof(uint32_t)},
    {"hexz_open_opts", "reserved", offsetof(hexz_open_opts, reserved), sizeof(uintptr_t)},
    {"hexz_open_opts", "reserved2", offsetof(hexz_open_opts, reserved2), sizeof(uint32_t)},
    {"hexz_rekey_opts", "reserved", offsetof(hexz_rekey_opts, reserved), sizeof(uint32_t)},
    {"hexz_stream", "reserved", offsetof(hexz_stream, reserved), sizeof(uint32_t)},
    {"hexz_ram (live)", "reserved", offsetof(hexz_ram, reserved), sizeof(uint32_t)},
    {"hexz_ram (pager)", "reserved", offsetof(hexz_ram, reserved), sizeof(uint32_t)},
    {"hexz_pager_opts", "reserved", offsetof(hexz_pager_opts, reserved), sizeof(uint32_t)},
    {"hexz_verify_opts", "reserved", offsetof(hexz_verify_opts, reserved), sizeof(uint32_t)},
    {"hexz_extract_opts", "reserved", offsetof(hexz_extract_opts, reserved), sizeof(uintptr_t)},
    {"hexz_extract_opts", "reserved2", offsetof(hexz_extract_opts, reserved2), sizeof(uintptr_t)},
    {"hexz_build_opts (builder)", "reserved", offsetof(hexz_build_opts, reserved), sizeof(uintptr_t)},
    {"hexz_build_opts (builder)", "reserved2", offsetof(hexz_build_opts, reserved2), sizeof(uint32_t)},
};

/* The struct in its full length, valid, its tail filled with `tail`. */
static void compose(const struct shape *shape, unsigned char *full, size_t size, unsigned char tail)
{
    memset(full, 0, ROOM);
    shape->fill(full);
    if (size > shape->current)
        memset(full + shape->current, tail, (size < ROOM ? size : ROOM) - shape->current);
    memcpy(full, &size, sizeof(size));
}

/* Calls with `held` bytes of `full` (at least the size_t) `slack` bytes before
 * the page that cannot be accessed, then looks for anything that was touched
 * and should not have been. */
static hexz_status call_placed(const struct shape *shape, const unsigned char *full, size_t held, size_t slack,
                               unsigned char *after)
{
    hexz_status status;
    size_t i, len = held < sizeof(size_t) ? sizeof(size_t) : held;
    unsigned char *object = room + ((ROOM - len - slack) & ~(size_t)7);

    memset(room, CANARY, ROOM);
    memcpy(object, full, len);
    (void)unlink(out_path());
    status = shape->call(object);
    for (i = 0; room + i < object; i++)
        if (room[i] != CANARY)
            break;
    CHECK(room + i == object);
    for (i = (size_t)(object - room) + len; i < ROOM; i++)
        if (room[i] != CANARY)
            break;
    CHECK_EQ(i, ROOM);
    memcpy(after, object, len);
    if ((shape->direction != WRITE && shape->direction != LATER_WRITE) || status != HEXZ_OK)
        CHECK_BYTES(object, full, len);
    if (status != HEXZ_OK)
        CHECK(!file_exists(out_path()));
    return status;
}

static void refused(const struct shape *shape, size_t size, size_t held, size_t slack)
{
    static unsigned char full[ROOM], after[ROOM];
    check_about("%s, struct_size %llu, %llu bytes of slack", shape->name, (unsigned long long)size,
                (unsigned long long)slack);
    compose(shape, full, size, 0);
    CHECK_STATUS(call_placed(shape, full, held, slack, after), HEXZ_ERR_INVALID_ARGUMENT);
}

static void accepted(const struct shape *shape, size_t size, size_t slack)
{
    static unsigned char full[ROOM], after[ROOM];
    hexz_status status;
    size_t i, kept;

    check_about("%s, struct_size %llu, %llu bytes of slack", shape->name, (unsigned long long)size,
                (unsigned long long)slack);
    compose(shape, full, size, shape->direction == WRITE || shape->direction == LATER_WRITE ? 0xFF : 0);
    status = call_placed(shape, full, size, slack, after);
    if (shape->direction == LATER || shape->direction == LATER_WRITE) {
        CHECK(status != HEXZ_ERR_INVALID_ARGUMENT);
        return;
    }
    CHECK_STATUS(status, HEXZ_OK);
    if (shape->direction != WRITE)
        return;
    memcpy(&kept, after, sizeof(kept));
    CHECK_EQ(kept, size);
    for (i = shape->current; i < size && after[i] == 0; i++)
        ;
    CHECK(i >= size);
}

/* A newer caller that uses a field which this library does not know. */
static void unknown_tail(const struct shape *shape, size_t size, size_t at, size_t slack)
{
    static unsigned char full[ROOM], after[ROOM];
    check_about("%s, struct_size %llu, byte %llu of it set", shape->name, (unsigned long long)size,
                (unsigned long long)at);
    compose(shape, full, size, 0);
    full[at] = 1;
    CHECK_STATUS(call_placed(shape, full, size, slack, after), HEXZ_ERR_UNSUPPORTED);
}

static void sizes_of(const struct shape *shape, size_t slack)
{
    size_t current = shape->current;

    refused(shape, 0, 0, slack);
    refused(shape, 1, 1, slack);
    refused(shape, sizeof(size_t), sizeof(size_t), slack);
    refused(shape, shape->first - 8, shape->first - 8, slack);
    refused(shape, shape->first - 1, shape->first - 1, slack);
    refused(shape, SIZE_LIMIT + 1, SIZE_LIMIT + 1, slack);
    refused(shape, 2 * SIZE_LIMIT, 2 * SIZE_LIMIT, slack);
    /* Sizes that nobody could have given in full: only the size may be looked at. */
    refused(shape, (size_t)1 << 40, sizeof(size_t), slack);
    refused(shape, SIZE_MAX, sizeof(size_t), slack);

    accepted(shape, shape->first, slack);
    accepted(shape, current, slack);
    accepted(shape, current + 1, slack);
    accepted(shape, current + 8, slack);
    accepted(shape, SIZE_LIMIT, slack);

    if (shape->direction == WRITE || shape->direction == LATER_WRITE)
        return;
    unknown_tail(shape, current + 1, current, slack);
    unknown_tail(shape, current + 8, current, slack);
    unknown_tail(shape, current + 8, current + 7, slack);
    unknown_tail(shape, SIZE_LIMIT, SIZE_LIMIT - 1, slack);
}

static void reserved_are_zero(void)
{
    static unsigned char full[ROOM], after[ROOM];
    size_t i, s;
    for (i = 0; i < COUNT(reserved_fields); i++) {
        for (s = 0; strcmp(shapes[s].name, reserved_fields[i].shape) != 0; s++)
            ;
        check_about("%s.%s set", shapes[s].name, reserved_fields[i].field);
        compose(&shapes[s], full, shapes[s].current, 0);
        full[reserved_fields[i].offset] = 1;
        CHECK_REFUSED(call_placed(&shapes[s], full, shapes[s].current, 0, after));
        compose(&shapes[s], full, shapes[s].current, 0);
        full[reserved_fields[i].offset + reserved_fields[i].len - 1] = 0x80;
        CHECK_REFUSED(call_placed(&shapes[s], full, shapes[s].current, 0, after));
    }
    check_about("%s", "");
}

/* Results are written on success alone. */
static void failures_write_nothing(void)
{
    union {
        hexz_profile profile;
        hexz_stream_info stream;
        hexz_extent extent;
        hexz_build_report report;
        unsigned char bytes[sizeof(hexz_build_report)];
    } out, before;
    hexz_build_opts opts = build_of(in_folder("absent.raw"), out_path());
    uint32_t index = 77;

    memset(&before, 0x5A, sizeof(before));
    before.profile.struct_size = sizeof(hexz_profile);
    out = before;
    CHECK_STATUS(hexz_profile_resolve("no such", &out.profile), HEXZ_ERR_UNKNOWN_PROFILE);
    CHECK_BYTES(&out, &before, sizeof(out));
    before.stream.struct_size = sizeof(hexz_stream_info);
    out = before;
    CHECK_STATUS(hexz_snapshot_stream(snapshot, 1, &out.stream), HEXZ_ERR_NO_STREAM);
    CHECK_BYTES(&out, &before, sizeof(out));
    before.extent.struct_size = sizeof(hexz_extent);
    out = before;
    CHECK_STATUS(hexz_snapshot_extent(snapshot, 0, sizeof(disk), &out.extent), HEXZ_ERR_OUT_OF_RANGE);
    CHECK_STATUS(hexz_snapshot_extent(snapshot, 1, 0, &out.extent), HEXZ_ERR_NO_STREAM);
    CHECK_BYTES(&out, &before, sizeof(out));
    before.report.struct_size = sizeof(hexz_build_report);
    out = before;
    opts.report = &out.report;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_SOURCE);
    CHECK_BYTES(&out, &before, sizeof(out));
    CHECK_STATUS(hexz_snapshot_find(snapshot, "no such", &index), HEXZ_ERR_NO_STREAM);
    CHECK_EQ(index, 77);
}

int main(void)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("disk.hxz"));
    size_t i;

    room = mmap(NULL, ROOM + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED || mprotect(room + ROOM, PAGE, PROT_NONE) != 0)
        fixture_fail("mmap", "the guarded room");
    fill_text(disk, sizeof(disk), 3);
    put_file(in_folder("disk.raw"), disk, sizeof(disk));
    CHECK_OK(hexz_build(&opts));
    snapshot = must_open(in_folder("disk.hxz"));
    passwords = password_is("secret");
    opts = encrypted_build_of(in_folder("disk.raw"), in_folder("secret.hxz"), &passwords);
    CHECK_OK(hexz_build(&opts));

    for (i = 0; i < COUNT(shapes); i++) {
        sizes_of(&shapes[i], 64);
        sizes_of(&shapes[i], 0);
    }
    reserved_are_zero();
    failures_write_nothing();
    hexz_snapshot_close(snapshot);
    return check_done();
}
