#include "pushed.h"

#include "fixture.h"
#include "passwords.h"

#include <poll.h>

#define PAGE ((size_t)4096)
#define STREAMS 2

/* What a stream must read as. */
struct model {
    unsigned char *bytes;
    size_t len;
};

static struct model models[STREAMS], parents[STREAMS];

static void fill_pages(unsigned char *out, size_t len, uint64_t *dice)
{
    size_t at;
    /* Few contents, so that there are copies, and pages of zeros. */
    for (at = 0; at < len; at += PAGE) {
        size_t part = len - at < PAGE ? len - at : PAGE;
        uint32_t what = random_next(dice) % 40;
        if (what == 0)
            memset(out + at, 0, part);
        else
            fill_random(out + at, part, what < 30 ? what : random_next(dice));
    }
}

static void make_models(uint64_t *dice)
{
    int i;
    for (i = 0; i < STREAMS; i++) {
        size_t pages = 1 + random_next(dice) % (i ? 40 : 1500), tail = random_next(dice) % 2 ? 777 : 0;
        models[i].len = random_next(dice) % 20 ? pages * PAGE + tail : 0;
        models[i].bytes = bytes_new(models[i].len);
        memset(models[i].bytes, 0, models[i].len);
        pages = 1 + random_next(dice) % (i ? 40 : 1500);
        parents[i].len = pages * PAGE + (random_next(dice) % 2 ? 3000 : 0);
        parents[i].bytes = bytes_new(parents[i].len);
        fill_pages(parents[i].bytes, parents[i].len, dice);
    }
}

static void free_models(void)
{
    int i;
    for (i = 0; i < STREAMS; i++) {
        free(models[i].bytes);
        free(parents[i].bytes);
    }
}

static void build_parent(uint64_t flags)
{
    hexz_build_opts opts = build_of(in_folder("p0.raw"), in_folder("parent.hxz"));
    put_file(in_folder("p0.raw"), parents[0].bytes, parents[0].len);
    put_file(in_folder("p1.raw"), parents[1].bytes, parents[1].len);
    opts.memory = in_folder("p1.raw");
    opts.flags |= flags | HEXZ_BUILD_OVERWRITE;
    CHECK_OK(hexz_build(&opts));
}

/* A range of whole pages, or up to the end. */
static void range_of(const struct model *model, uint64_t *dice, int far, uint64_t *offset, size_t *len)
{
    size_t pages = (model->len + PAGE - 1) / PAGE, first = random_next(dice) % pages;
    size_t count = 1 + random_next(dice) % (far ? pages - first : 40);
    *offset = first * PAGE;
    *len = count * PAGE;
    if (*len > model->len - *offset)
        *len = (size_t)(model->len - *offset);
}

static hexz_status write_waiting(hexz_builder *builder, uint32_t stream, uint64_t offset, const void *data, size_t len)
{
    struct pollfd poll_fd = {-1, POLLIN, 0};
    hexz_status status;

    for (;;) {
        status = hexz_builder_try_write(builder, stream, offset, data, len);
        if (status != HEXZ_ERR_AGAIN)
            return status;
        CHECK_OK(hexz_builder_ready_fd(builder, &poll_fd.fd));
        /* Nothing is lost, or this never ends. */
        if (!CHECK(poll(&poll_fd, 1, -1) == 1))
            return status;
    }
}

static void push_one(hexz_builder *builder, uint64_t *dice, int has_parent, int waiting)
{
    uint32_t i = random_next(dice) % STREAMS, what = random_next(dice) % 10;
    struct model *model = &models[i];
    uint64_t offset;
    size_t len, part;

    if (model->len == 0)
        return;
    range_of(model, dice, what < 3, &offset, &len);
    if (what == 0) {
        CHECK_OK(hexz_builder_zero(builder, i, offset, len));
        memset(model->bytes + offset, 0, len);
    } else if (what <= 2 && has_parent) {
        CHECK_OK(hexz_builder_inherit(builder, i, offset, len));
        part = offset < parents[i].len ? parents[i].len - offset : 0;
        if (part > len)
            part = len;
        memcpy(model->bytes + offset, parents[i].bytes + offset, part);
        memset(model->bytes + offset + part, 0, len - part);
    } else {
        fill_pages(model->bytes + offset, len, dice);
        if (waiting && len <= ((size_t)1 << 20))
            CHECK_OK(write_waiting(builder, i, offset, model->bytes + offset, len));
        else
            CHECK_OK(hexz_builder_write(builder, i, offset, model->bytes + offset, len));
    }
}

static void read_back(const char *path, const char *password)
{
    hexz_snapshot *snapshot = password ? must_open_with(path, password) : must_open(path);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    uint32_t i;

    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    for (i = 0; i < STREAMS; i++) {
        unsigned char *bytes = bytes_new(models[i].len);
        memset(bytes, 0xee, models[i].len);
        CHECK_OK(hexz_snapshot_read(snapshot, i, 0, bytes, models[i].len));
        CHECK_BYTES(bytes, models[i].bytes, models[i].len);
        free(bytes);
    }
    hexz_snapshot_close(snapshot);
}

static void play(uint64_t seed, int waiting)
{
    static const uint32_t threads[] = {1, 2, 3};
    uint64_t dice = seed * 77 + 1;
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_build_opts opts;
    hexz_builder *builder = NULL;
    struct passwords passwords = password_is("secret");
    int has_parent = random_next(&dice) % 2, sealed = seed % 16 == 7, i, count;
    uint32_t stream;

    check_about("seed %llu%s", (unsigned long long)seed, waiting ? ", waiting" : "");
    make_models(&dice);
    if (sealed)
        opts = encrypted_build_of(NULL, in_folder("pushed.hxz"), &passwords);
    else
        opts = build_of(NULL, in_folder("pushed.hxz"));
    if (has_parent) {
        build_parent(seed % 5 == 0 ? HEXZ_BUILD_CDC : 0);
        opts.parent = in_folder("parent.hxz");
    }
    CHECK_OK(hexz_profile_resolve(seed % 3 ? "generic" : "ml", &profile));
    profile.compression = HEXZ_COMPRESSION_LZ4;
    profile.level = 0;
    profile.block_size = seed % 3 ? (uint32_t)4096 << random_next(&dice) % 6 : 1 << 20;
    opts.custom = &profile;
    opts.threads = threads[random_next(&dice) % 3];
    opts.memory_limit = seed % 4 ? 40 << 20 : 0;
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    if (CHECK_OK(hexz_builder_new(&opts, &builder))) {
        CHECK_OK(hexz_builder_stream(builder, "disk", HEXZ_STREAM_DISK, models[0].len, &stream));
        CHECK_OK(hexz_builder_stream(builder, "memory", HEXZ_STREAM_MEMORY, models[1].len, &stream));
        count = (int)(random_next(&dice) % 60);
        for (i = 0; i < count; i++)
            push_one(builder, &dice, has_parent, waiting);
        if (CHECK_OK(hexz_builder_finish(builder, &report))) {
            CHECK_EQ(report.file_size, file_size_of(in_folder("pushed.hxz")));
            CHECK(report.bytes_dead <= report.bytes_stored);
            read_back(in_folder("pushed.hxz"), sealed ? "secret" : NULL);
        }
        hexz_builder_free(builder);
    }
    check_about("%s", "");
    free_models();
}

void pushed_at_random(void)
{
    uint64_t seed, seeds = fixture_small() ? 12 : getenv("HEXZ_SOAK") ? 20000 : 2000;
    for (seed = 1; seed <= seeds; seed++)
        play(seed, 0);
}

void pushed_without_waiting(void)
{
    uint64_t seed, seeds = fixture_small() ? 4 : 200;
    for (seed = 1; seed <= seeds; seed++)
        play(seed, 1);
}
