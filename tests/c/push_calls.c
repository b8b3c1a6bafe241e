/* Each call of a builder where it does not belong: with nothing, with too much,
 * out of order, from a second thread and from its own callbacks, in a forked
 * child, after a failure and after the end; cancelled at each call, left
 * unfinished, on a full disk, into a sink. And what is spilled. */
#include "hosted.h"
#include "passwords.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <signal.h>

#define PAGE ((size_t)4096)
#define MIB ((size_t)1 << 20)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned char *data;
static const size_t data_len = 3 * 1048576 + 5;

static hexz_build_opts opts_here(void)
{
    return build_of(NULL, in_folder("out.hxz"));
}

static hexz_builder *must_begin(const hexz_build_opts *opts, uint64_t size)
{
    hexz_builder *builder = NULL;
    uint32_t stream = 7;
    if (!CHECK_OK(hexz_builder_new(opts, &builder)))
        exit(check_done());
    CHECK_OK(hexz_builder_stream(builder, "disk", HEXZ_STREAM_DISK, size, &stream));
    CHECK_EQ(stream, 0);
    return builder;
}

/* It goes on after all of these, which change nothing. */
static void arguments(void)
{
    hexz_build_opts opts = opts_here();
    hexz_builder *builder = must_begin(&opts, data_len);
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    char name[65];
    uint32_t stream = 7;
    int32_t fd = -7, again = -7;
    size_t i;
    static const struct {
        uint64_t offset, len;
        hexz_status status;
    } ranges[] = {
        {0, 1, HEXZ_ERR_INVALID_ARGUMENT},
        {1, 4095, HEXZ_ERR_INVALID_ARGUMENT},
        {4096, 4097, HEXZ_ERR_INVALID_ARGUMENT},
        {3 * 1048576, 4, HEXZ_ERR_INVALID_ARGUMENT},
        {3 * 1048576, 6, HEXZ_ERR_OUT_OF_RANGE},
        {3 * 1048576 + 4096, 0, HEXZ_ERR_OUT_OF_RANGE},
        {0, UINT64_MAX, HEXZ_ERR_OUT_OF_RANGE},
        {4096, UINT64_MAX - 4095, HEXZ_ERR_OUT_OF_RANGE},
        {UINT64_MAX, UINT64_MAX, HEXZ_ERR_OUT_OF_RANGE},
        {UINT64_MAX - 4095, 4096, HEXZ_ERR_OUT_OF_RANGE},
        {0, 1048577 * 4096ull, HEXZ_ERR_OUT_OF_RANGE},
    };

    CHECK_STATUS(hexz_builder_stream(builder, NULL, 0, 1, &stream), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_stream(builder, "", 0, 1, &stream), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_stream(builder, "\xff", 0, 1, &stream), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_stream(builder, "other", 0, 1, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_stream(builder, "other", 4, 1, &stream), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_stream(builder, "other", UINT32_MAX, 1, &stream), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_stream(builder, "disk", 0, 1, &stream), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("disk");
    CHECK_STATUS(hexz_builder_stream(builder, "other", 0, UINT64_MAX, &stream), HEXZ_ERR_INVALID_ARGUMENT);
    memset(name, 'n', 64);
    name[64] = 0;
    CHECK_STATUS(hexz_builder_stream(builder, name, 0, 1, &stream), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_EQ(stream, 7);
    for (i = 0; i < COUNT(ranges); i++) {
        uint64_t offset = ranges[i].offset, len = ranges[i].len;
        check_about("%llu bytes at %llu", (unsigned long long)len, (unsigned long long)offset);
        CHECK_STATUS(hexz_builder_zero(builder, 0, offset, len), ranges[i].status);
        CHECK_STATUS(hexz_builder_inherit(builder, 0, offset, len), ranges[i].status);
        if (len <= data_len) {
            CHECK_STATUS(hexz_builder_write(builder, 0, offset, data, len), ranges[i].status);
            CHECK_STATUS(hexz_builder_try_write(builder, 0, offset, data, len), ranges[i].status);
        }
        CHECK_STATUS(hexz_builder_zero(builder, 1, offset, len), HEXZ_ERR_NO_STREAM);
    }
    check_about("%s", "");
    CHECK_STATUS(hexz_builder_write(builder, 0, 0, NULL, 4096), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_write(builder, 0, 0, data, SIZE_MAX), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_try_write(builder, 0, 0, NULL, 4096), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_try_write(builder, 0, 0, data, MIB + PAGE), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(hexz_builder_write(builder, UINT32_MAX, 0, data, 4096), HEXZ_ERR_NO_STREAM);
    CHECK_STATUS(hexz_builder_inherit(builder, 0, 0, 4096), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("parent");
    CHECK_STATUS(hexz_builder_ready_fd(builder, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_OK(hexz_builder_ready_fd(builder, &fd));
    CHECK_OK(hexz_builder_ready_fd(builder, &again));
    CHECK(fd >= 0 && fd == again);
    report.struct_size = 1;
    CHECK_STATUS(hexz_builder_finish(builder, &report), HEXZ_ERR_INVALID_ARGUMENT);
    report.struct_size = sizeof(report);
    CHECK_OK(hexz_builder_write(builder, 0, 0, NULL, 0));
    CHECK_OK(hexz_builder_write(builder, 0, data_len, NULL, 0));
    CHECK_OK(hexz_builder_write(builder, 0, 0, data, data_len));
    CHECK_OK(hexz_builder_finish(builder, &report));
    CHECK_EQ(report.bytes_read, data_len);
    /* Finished: only to be freed. */
    CHECK_STATUS(hexz_builder_finish(builder, &report), HEXZ_ERR_STATE);
    CHECK_STATUS(hexz_builder_write(builder, 0, 0, data, PAGE), HEXZ_ERR_STATE);
    CHECK_STATUS(hexz_builder_try_write(builder, 0, 0, data, PAGE), HEXZ_ERR_STATE);
    CHECK_STATUS(hexz_builder_zero(builder, 0, 0, PAGE), HEXZ_ERR_STATE);
    CHECK_STATUS(hexz_builder_stream(builder, "more", 0, PAGE, &stream), HEXZ_ERR_STATE);
    hexz_builder_free(builder);

    /* No stream at all is no snapshot; one of no bytes is. */
    CHECK_STATUS(hexz_builder_new(&opts, &builder), HEXZ_ERR_EXISTS);
    CHECK(builder == NULL);
    (void)unlink(in_folder("out.hxz"));
    CHECK_OK(hexz_builder_new(&opts, &builder));
    CHECK_STATUS(hexz_builder_finish(builder, NULL), HEXZ_ERR_STATE);
    for (i = 0; i < 256; i++) {
        (void)snprintf(name, sizeof(name), "s%u", (unsigned)i);
        CHECK_OK(hexz_builder_stream(builder, name, 0, i == 3 ? PAGE : 0, &stream));
    }
    CHECK_STATUS(hexz_builder_stream(builder, "one more", 0, 0, &stream), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_OK(hexz_builder_write(builder, 3, 0, data, PAGE));
    CHECK_OK(hexz_builder_finish(builder, NULL));
    hexz_builder_free(builder);
    hexz_snapshot_close(must_open(in_folder("out.hxz")));
    (void)unlink(in_folder("out.hxz"));
}

/* What hexz_builder_new does not take. */
static void not_taken(void)
{
    hexz_build_opts opts = opts_here();
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    const hexz_stream *list[1] = {NULL};
    const char *text = in_folder("disk.raw");
    hexz_builder *builder = (hexz_builder *)(void *)data;
    int way;

    for (way = 0; way < 6; way++) {
        check_about("way %d", way);
        opts = opts_here();
        opts.source = way == 0 ? text : NULL;
        opts.memory = way == 1 ? text : NULL;
        opts.streams = way == 2 ? list : NULL;
        opts.stream_count = way == 3;
        opts.report = way == 4 ? &report : NULL;
        opts.output = way == 5 ? NULL : opts.output;
        CHECK_STATUS(hexz_builder_new(&opts, &builder), HEXZ_ERR_INVALID_ARGUMENT);
        CHECK(builder == NULL);
    }
    check_about("%s", "");
    opts = opts_here();
    opts.profile = "no such";
    CHECK_STATUS(hexz_builder_new(&opts, &builder), HEXZ_ERR_UNKNOWN_PROFILE);
    opts = opts_here();
    opts.spill = in_folder("absent");
    CHECK_STATUS(hexz_builder_new(&opts, &builder), HEXZ_ERR_OUTPUT);
    CHECK_EQ(hexz_last_errno(), ENOENT);
    opts = opts_here();
    opts.memory_limit = MIB;
    CHECK_STATUS(hexz_builder_new(&opts, &builder), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("memory_limit");
    CHECK_EQ(entries_here(), 0);
}

struct other {
    hexz_builder *builder;
    hexz_status status;
    int calls;
};

static void *from_elsewhere(void *user_data)
{
    struct other *other = user_data;
    uint32_t stream;
    int32_t fd;
    CHECK_STATUS(hexz_builder_write(other->builder, 0, 0, data, PAGE), HEXZ_ERR_STATE);
    CHECK_STATUS(hexz_builder_try_write(other->builder, 0, 0, data, PAGE), HEXZ_ERR_STATE);
    CHECK_STATUS(hexz_builder_zero(other->builder, 0, 0, PAGE), HEXZ_ERR_STATE);
    CHECK_STATUS(hexz_builder_inherit(other->builder, 0, 0, PAGE), HEXZ_ERR_STATE);
    CHECK_STATUS(hexz_builder_stream(other->builder, "x", 0, PAGE, &stream), HEXZ_ERR_STATE);
    CHECK_STATUS(hexz_builder_finish(other->builder, NULL), HEXZ_ERR_STATE);
    CHECK_OK(hexz_builder_ready_fd(other->builder, &fd));
    hexz_builder_free(other->builder);
    CHECK_TEXT("one thread at a time");
    other->calls++;
    return NULL;
}

static int32_t while_it_reports(void *user_data, const hexz_progress *progress)
{
    struct other *other = user_data;
    pthread_t thread;
    (void)progress;
    if (other->calls > 0)
        return 0;
    (void)from_elsewhere(other);
    if (CHECK(pthread_create(&thread, NULL, from_elsewhere, other) == 0))
        CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}

/* A second call while one is under way: on another thread and in a callback. */
static void one_at_a_time(void)
{
    hexz_build_opts opts = opts_here();
    struct other other = {NULL, HEXZ_OK, 0};
    opts.progress = while_it_reports;
    opts.progress_data = &other;
    other.builder = must_begin(&opts, data_len);
    CHECK_OK(hexz_builder_write(other.builder, 0, 0, data, data_len));
    CHECK_EQ(other.calls, 2);
    CHECK_OK(hexz_builder_finish(other.builder, NULL));
    hexz_builder_free(other.builder);
    (void)unlink(in_folder("out.hxz"));
}

/* What hexz_build's progress promises, over calls. */
struct told {
    uint64_t done, total;
    uint32_t phase;
    int first, last, after;
};

static int32_t tell(void *user_data, const hexz_progress *progress)
{
    struct told *told = user_data;
    if (progress->phase != told->phase) {
        CHECK_EQ(progress->done, 0);
        told->first++;
    } else {
        CHECK(progress->done >= told->done);
    }
    CHECK_EQ(progress->total, told->total);
    told->phase = progress->phase;
    told->done = progress->done;
    told->last += progress->done == progress->total;
    return 0;
}

static void reports(void)
{
    hexz_build_opts opts = opts_here();
    struct told told = {0, data_len, 0, 0, 0, 0};
    hexz_builder *builder;
    opts.progress = tell;
    opts.progress_data = &told;
    builder = must_begin(&opts, data_len);
    CHECK_EQ(told.first, 0);
    CHECK_OK(hexz_builder_write(builder, 0, 0, data, data_len));
    CHECK_OK(hexz_builder_write(builder, 0, 0, data, data_len));
    CHECK_OK(hexz_builder_finish(builder, NULL));
    CHECK_EQ(told.first, 2);
    CHECK_EQ(told.last, 2);
    CHECK_EQ(told.phase, HEXZ_PHASE_SYNC);
    hexz_builder_free(builder);
    (void)unlink(in_folder("out.hxz"));
}

/* A cancel before call number `at`; that one fails, and all that come after. */
static int cancelled_at(int at)
{
    hexz_build_opts opts = opts_here();
    hexz_cancel *cancel;
    hexz_builder *builder = NULL;
    hexz_status status = HEXZ_OK;
    uint32_t stream;
    int call = 0, i;

    CHECK_OK(hexz_cancel_new(&cancel));
    opts.cancel = cancel;
    check_about("call %d", at);
#define CALL(expression)                                                     \
    do {                                                                     \
        if (call++ == at)                                                    \
            hexz_cancel_trigger(cancel);                                     \
        if (status == HEXZ_OK)                                               \
            status = (expression);                                           \
    } while (0)
    CALL(hexz_builder_new(&opts, &builder));
    if (builder) {
        CHECK_OK(hexz_builder_stream(builder, "disk", 0, data_len, &stream));
        for (i = 0; i < 3; i++) {
            CALL(hexz_builder_write(builder, 0, (uint64_t)i * MIB, data, MIB));
            CALL(hexz_builder_try_write(builder, 0, 0, data, PAGE));
            CALL(hexz_builder_zero(builder, 0, (uint64_t)i * MIB + PAGE, 9 * PAGE));
        }
        CALL(hexz_builder_finish(builder, NULL));
    }
#undef CALL
    if (call <= at) {
        CHECK_OK(status);
        (void)unlink(in_folder("out.hxz"));
    } else {
        CHECK_STATUS(status, HEXZ_ERR_CANCELLED);
        if (builder) {
            CHECK_STATUS(hexz_builder_write(builder, 0, 0, data, PAGE), HEXZ_ERR_STATE);
            CHECK_TEXT("cancel");
            CHECK_STATUS(hexz_builder_finish(builder, NULL), HEXZ_ERR_STATE);
        }
    }
    hexz_builder_free(builder);
    hexz_cancel_free(cancel);
    CHECK_EQ(entries_here(), 0);
    check_about("%s", "");
    return call > at;
}

/* Left unfinished at any moment. */
static void left(void)
{
    hexz_build_opts opts = opts_here();
    size_t pages;
    for (pages = 0; pages < 1600; pages += 150) {
        hexz_builder *builder = must_begin(&opts, 1600 * PAGE);
        size_t i;
        for (i = 0; i < pages; i++)
            CHECK_OK(hexz_builder_write(builder, 0, (i * 997 % 1600) * PAGE, data + i % 700 * PAGE, PAGE));
        hexz_builder_free(builder);
        CHECK_EQ(entries_here(), 0);
    }
}

/* Front to back, or it is refused and goes on. */
static void front_to_back(uint64_t flags, int to_sink)
{
    hexz_build_opts opts = opts_here();
    struct hosted_sink hosted = sunk();
    hexz_sink sink = sink_in(&hosted);
    hexz_builder *builder;
    hexz_snapshot *snapshot;
    unsigned char *bytes = bytes_new(data_len), *second = bytes_new(200 * PAGE);
    uint32_t stream;
    int32_t fd;

    check_about("flags %llu, %s", (unsigned long long)flags, to_sink ? "sink" : "file");
    opts.flags |= flags;
    if (to_sink) {
        opts.output = NULL;
        opts.sink = &sink;
    }
    builder = must_begin(&opts, data_len);
    CHECK_OK(hexz_builder_stream(builder, "memory", HEXZ_STREAM_MEMORY, MIB, &stream));
    CHECK_STATUS(hexz_builder_ready_fd(builder, &fd), to_sink ? HEXZ_ERR_UNSUPPORTED : HEXZ_OK);
    CHECK_OK(hexz_builder_write(builder, 0, 0, data, 3 * PAGE));
    CHECK_OK(hexz_builder_try_write(builder, 0, 5 * PAGE, data + 5 * PAGE, 2 * PAGE));
    CHECK_STATUS(hexz_builder_write(builder, 0, 4 * PAGE, data, PAGE), HEXZ_ERR_STATE);
    CHECK_TEXT("front to back");
    CHECK_STATUS(hexz_builder_try_write(builder, 0, 6 * PAGE, data, PAGE), HEXZ_ERR_STATE);
    CHECK_STATUS(hexz_builder_zero(builder, 0, 0, 9 * PAGE), HEXZ_ERR_STATE);
    CHECK_OK(hexz_builder_zero(builder, 0, 7 * PAGE, 9 * PAGE));
    CHECK_OK(hexz_builder_write(builder, 0, 16 * PAGE, data + 16 * PAGE, data_len - 16 * PAGE));
    CHECK_OK(hexz_builder_write(builder, 1, PAGE, data, 200 * PAGE));
    CHECK_STATUS(hexz_builder_write(builder, 0, 16 * PAGE, data, PAGE), HEXZ_ERR_STATE);
    CHECK_OK(hexz_builder_finish(builder, NULL));
    hexz_builder_free(builder);
    if (to_sink) {
        check_committed(&hosted);
        put_file(in_folder("out.hxz"), hosted.bytes, hosted.len);
    }
    snapshot = must_open(in_folder("out.hxz"));
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, bytes, data_len));
    CHECK_OK(hexz_snapshot_read(snapshot, 1, PAGE, second, 200 * PAGE));
    CHECK_BYTES(second, data, 200 * PAGE);
    memset(data + 3 * PAGE, 0, 2 * PAGE);
    memset(data + 7 * PAGE, 0, 9 * PAGE);
    CHECK_BYTES(bytes, data, data_len);
    hexz_snapshot_close(snapshot);
    sink_free(&hosted);
    free(bytes);
    free(second);
    (void)unlink(in_folder("out.hxz"));
    fill_random(data, data_len, 3);
    check_about("%s", "");
}

/* A sink that fails at each call, and one that is never finished. */
static void failing_sinks(void)
{
    long at;
    for (at = 1; at < 40; at++) {
        hexz_build_opts opts = opts_here();
        struct hosted_sink hosted = sunk();
        hexz_sink sink = sink_in(&hosted);
        hexz_builder *builder;
        hexz_status status;

        check_about("sink call %ld", at);
        hosted.trouble.at = at;
        hosted.trouble.code = 77;
        opts.output = NULL;
        opts.sink = &sink;
        builder = must_begin(&opts, data_len);
        status = hexz_builder_write(builder, 0, 0, data, data_len);
        if (status == HEXZ_OK)
            status = hexz_builder_finish(builder, NULL);
        if (status == HEXZ_OK) {
            hexz_builder_free(builder);
            check_committed(&hosted);
            sink_free(&hosted);
            break;
        }
        CHECK_STATUS(status, HEXZ_ERR_CALLBACK);
        CHECK_EQ(hexz_last_callback_code(), 77);
        CHECK_STATUS(hexz_builder_finish(builder, NULL), HEXZ_ERR_STATE);
        hexz_builder_free(builder);
        check_aborted(&hosted);
        sink_free(&hosted);
    }
    CHECK(at > 2 && at < 40);
    check_about("%s", "");
}

/* The disk is full after so many bytes: the next calls fail, and then only STATE is left. */
static void full_disk(void)
{
    hexz_build_opts opts = opts_here();
    struct rlimit before, small;
    hexz_builder *builder;
    hexz_status status = HEXZ_OK;
    size_t i;

    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    small = before;
    small.rlim_cur = 2 * MIB;
    builder = must_begin(&opts, 200 * MIB);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    for (i = 0; i < 66 && status == HEXZ_OK; i++)
        status = hexz_builder_write(builder, 0, i * 3 * MIB, data, 3 * MIB);
    if (status == HEXZ_OK)
        status = hexz_builder_finish(builder, NULL);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    /* The same bytes again and again: they are stored once. */
    CHECK_STATUS(status, HEXZ_ERR_OUTPUT);
    CHECK_EQ(hexz_last_errno(), EFBIG);
    CHECK_STATUS(hexz_builder_finish(builder, NULL), HEXZ_ERR_STATE);
    hexz_builder_free(builder);
    CHECK_EQ(entries_here(), 0);
}

static void in_a_child(void)
{
    hexz_build_opts opts = opts_here();
    hexz_builder *builder = must_begin(&opts, data_len);
    int status = 1;
    pid_t child = fork();
    if (child == 0) {
        check_afresh();
        CHECK_STATUS(hexz_builder_write(builder, 0, 0, data, PAGE), HEXZ_ERR_STATE);
        CHECK_STATUS(hexz_builder_finish(builder, NULL), HEXZ_ERR_STATE);
        hexz_builder_free(builder);
        _exit(check_failed_ != 0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    CHECK_OK(hexz_builder_write(builder, 0, 0, data, data_len));
    CHECK_OK(hexz_builder_finish(builder, NULL));
    hexz_builder_free(builder);
    hexz_snapshot_close(must_open(in_folder("out.hxz")));
    (void)unlink(in_folder("out.hxz"));
}

/* The unnamed file in a folder that this process has open, or -1. */
static int spill_fd(const char *folder)
{
    char path[64], target[4096];
    struct dirent *entry;
    DIR *fds = opendir("/proc/self/fd");
    int found = -1;

    if (!CHECK(fds != NULL))
        return -1;
    while ((entry = readdir(fds)) != NULL) {
        ssize_t len;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%.20s", entry->d_name);
        len = readlink(path, target, sizeof(target) - 1);
        if (len > 0) {
            target[len] = '\0';
            if (strncmp(target, folder, strlen(folder)) == 0 && strstr(target, "(deleted)"))
                found = atoi(entry->d_name);
        }
    }
    (void)closedir(fds);
    return found;
}

/* Pages in an order in which no two are neighbours: their map outgrows its
 * share of memory_limit. */
static void spilled(int sealed)
{
    struct passwords passwords = password_is("secret");
    hexz_build_opts opts = opts_here();
    size_t pages = 40000, i;
    unsigned char page[4096];
    hexz_builder *builder;
    hexz_snapshot *snapshot;
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    unsigned char needle[16], *bytes;
    long long length;
    int fd;

    check_about("%s", sealed ? "sealed" : "plain");
    if (sealed)
        opts = encrypted_build_of(NULL, in_folder("out.hxz"), &passwords);
    CHECK(mkdir(in_folder("spill"), 0700) == 0);
    opts.spill = in_folder("spill");
    opts.memory_limit = 32 * MIB;
    opts.profile = "generic";
    builder = must_begin(&opts, pages * PAGE);
    for (i = 0; i < pages; i++) {
        size_t at = i * 17239 % pages;
        memset(page, (int)(at % 251), sizeof(page));
        memcpy(page, &at, sizeof(at));
        CHECK_OK(hexz_builder_write(builder, 0, at * PAGE, page, PAGE));
    }
    CHECK_OK(hexz_builder_write(builder, 0, 0, data, 2 * MIB));
    fd = spill_fd(in_folder("spill"));
    if (CHECK(fd >= 0)) {
        length = lseek(fd, 0, SEEK_END);
        CHECK(length > 0);
        bytes = bytes_new((size_t)length);
        CHECK(pread(fd, bytes, (size_t)length, 0) == length);
        /* A place, and the length of one page, as numbers of 8 bytes. */
        memset(needle, 0, sizeof(needle));
        needle[9] = 0x10;
        for (i = 1; i < pages; i++) {
            uint64_t place = i * PAGE;
            memcpy(needle, &place, 8);
            if (memmem(bytes, (size_t)length, needle, 16))
                break;
            if (i == 50 && sealed)
                i = pages - 1;
        }
        CHECK_EQ(i < pages, !sealed);
        free(bytes);
    }
    CHECK_EQ(entries_in(in_folder("spill")), 0);
    CHECK_OK(hexz_builder_finish(builder, &report));
    hexz_builder_free(builder);
    CHECK(report.bytes_dead > 0);
    CHECK(spill_fd(in_folder("spill")) < 0);
    CHECK(rmdir(in_folder("spill")) == 0);
    snapshot = sealed ? must_open_with(in_folder("out.hxz"), "secret") : must_open(in_folder("out.hxz"));
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    bytes = bytes_new(2 * MIB);
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, bytes, 2 * MIB));
    CHECK_BYTES(bytes, data, 2 * MIB);
    free(bytes);
    for (i = 2 * MIB / PAGE; i < pages; i++) {
        unsigned char want[4096];
        memset(want, (int)(i % 251), sizeof(want));
        memcpy(want, &i, sizeof(i));
        CHECK_OK(hexz_snapshot_read(snapshot, 0, i * PAGE, page, PAGE));
        CHECK_BYTES(page, want, PAGE);
    }
    hexz_snapshot_close(snapshot);
    (void)unlink(in_folder("out.hxz"));
    check_about("%s", "");
}

/* The most memory that this process ever had, in bytes. */
static uint64_t most_memory(void)
{
    char line[256];
    unsigned long long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    if (!CHECK(status != NULL))
        return 0;
    while (fgets(line, sizeof(line), status))
        if (sscanf(line, "VmHWM: %llu", &kib) == 1)
            break;
    (void)fclose(status);
    return kib * 1024;
}

/* Pages in random order, all of them new, within memory_limit and 32 MiB. In a
 * child, whose memory is its own. */
static void within_memory(void)
{
    size_t pages = (getenv("HEXZ_SOAK") ? 1024 : 128) * MIB / PAGE, i;
    hexz_build_opts opts = opts_here();
    hexz_builder *builder;
    unsigned char page[4096];
    uint64_t before;
    int status = 1;
    pid_t child = fork();

    if (child != 0) {
        CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
        (void)unlink(in_folder("out.hxz"));
        return;
    }
    check_afresh();
    before = most_memory();
    opts.memory_limit = 64 * MIB;
    opts.threads = 2;
    builder = must_begin(&opts, pages * PAGE);
    for (i = 0; i < pages; i++) {
        size_t at = i * 7919 % pages;
        fill_random(page, PAGE / 4, at);
        memset(page + PAGE / 4, 1, PAGE - PAGE / 4);
        CHECK_OK(hexz_builder_write(builder, 0, at * PAGE, page, PAGE));
    }
    CHECK_OK(hexz_builder_finish(builder, NULL));
    hexz_builder_free(builder);
    printf("%llu MiB pushed: %llu MiB of memory\n", (unsigned long long)(pages * PAGE / MIB),
           (unsigned long long)((most_memory() - before) / MIB));
    CHECK(most_memory() - before <= (64 + 32) * MIB);
    (void)fflush(stdout);
    _exit(check_failed_ != 0);
}

int main(void)
{
    int at;
    data = bytes_new(data_len);
    fill_random(data, data_len, 3);
    (void)in_folder("out.hxz");
    /* First: a child has the memory that its parent had. */
    if (!fixture_small())
        within_memory();
    not_taken();
    arguments();
    one_at_a_time();
    reports();
    for (at = 0; cancelled_at(at); at++)
        ;
    CHECK_EQ(at, 11);
    left();
    front_to_back(0, 1);
    front_to_back(HEXZ_BUILD_CDC, 0);
    front_to_back(HEXZ_BUILD_CDC, 1);
    failing_sinks();
    full_disk();
    /* What the child has of its parent's threads nobody can free there, which valgrind
     * and the sanitizers would tell. */
    if (!fixture_small()) {
        in_a_child();
        spilled(0);
        spilled(1);
    }
    free(data);
    return check_done();
}
