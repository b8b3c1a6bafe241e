/* A snapshot opened from callbacks reads as the one in a file does: which
 * thread calls, how often, for what; each call failing, cancelling, lying,
 * calling back; many threads with and without leave; given back once. */
#include "hosted.h"

#include "passwords.h"

#define PASSWORD "correct horse"
#define THREADS 6

static unsigned char *disk, *memory, *snapshot_bytes;
static size_t disk_len, memory_len, snapshot_len;
static int kind_encrypted;

static const char *password(void)
{
    return kind_encrypted ? PASSWORD : NULL;
}

static hexz_snapshot *must_open_storage(struct hosted_storage *hosted, uint64_t flags)
{
    hexz_snapshot *snapshot = NULL;
    hosted->thread = pthread_self();
    if (!CHECK_OK(open_storage(hosted, flags, password(), &snapshot)))
        fixture_fail("opening from", "a storage");
    return snapshot;
}

static void close_once(hexz_snapshot *snapshot, struct hosted_storage *hosted)
{
    CHECK_EQ(hosted->released, 0);
    hexz_snapshot_close(snapshot);
    CHECK_EQ(hosted->released, 1);
}

static void check_streams(const hexz_snapshot *snapshot)
{
    unsigned char *buf = bytes_new(disk_len > memory_len ? disk_len : memory_len);
    size_t at;
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, buf, disk_len));
    CHECK_BYTES(buf, disk, disk_len);
    CHECK_OK(hexz_snapshot_read(snapshot, 1, 0, buf, memory_len));
    CHECK_BYTES(buf, memory, memory_len);
    for (at = 1; at < disk_len; at += disk_len / 23) {
        size_t len = disk_len - at < 5000 ? disk_len - at : 5000;
        CHECK_OK(hexz_snapshot_read(snapshot, 0, at, buf, len));
        CHECK_BYTES(buf, disk + at, len);
    }
    free(buf);
}

static hexz_status verify_with(const hexz_snapshot *snapshot, uint32_t threads, const hexz_cancel *cancel)
{
    hexz_verify_opts opts = HEXZ_INIT(hexz_verify_opts);
    opts.threads = threads;
    opts.cancel = cancel;
    return hexz_snapshot_verify(snapshot, &opts);
}

static hexz_status extract_with(const hexz_snapshot *snapshot, uint32_t threads, const hexz_cancel *cancel)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    opts.output = in_folder("back.raw");
    opts.threads = threads;
    opts.flags = HEXZ_EXTRACT_OVERWRITE | HEXZ_EXTRACT_NO_SYNC;
    opts.cancel = cancel;
    return hexz_snapshot_extract(snapshot, &opts);
}

/* All that a handle on a file does, with little read for an opening. */
static void equal(void)
{
    struct hosted_storage hosted = stored(snapshot_bytes, snapshot_len);
    hexz_snapshot *snapshot, *from_file;
    hexz_info info = HEXZ_INIT(hexz_info), want = HEXZ_INIT(hexz_info);
    uint64_t at = 0;

    hosted.one_thread = 1;
    snapshot = must_open_storage(&hosted, 0);
    CHECK(hosted.calls <= 4);
    CHECK(hosted.read <= 64 << 10);
    at = (uint64_t)hosted.calls;
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    CHECK_EQ(hosted.calls, at);
    from_file = kind_encrypted ? must_open_with(in_folder("kind.hxz"), PASSWORD) : must_open(in_folder("kind.hxz"));
    CHECK_OK(hexz_snapshot_info(from_file, &want));
    CHECK_BYTES(&info, &want, sizeof(info));
    check_streams(snapshot);

    for (at = 0; at < disk_len;) {
        hexz_extent extent = HEXZ_INIT(hexz_extent), other = HEXZ_INIT(hexz_extent);
        CHECK_OK(hexz_snapshot_extent(snapshot, 0, at, &extent));
        CHECK_OK(hexz_snapshot_extent(from_file, 0, at, &other));
        CHECK_BYTES(&extent, &other, sizeof(extent));
        if (extent.len == 0)
            break;
        at += extent.len;
    }
    CHECK_EQ(at, disk_len);
    CHECK_OK(verify_with(snapshot, 1, NULL));
    CHECK_OK(extract_with(snapshot, 1, NULL));
    CHECK(file_holds(in_folder("back.raw"), disk, disk_len));
    hosted.one_thread = 0;
    CHECK_OK(verify_with(snapshot, 3, NULL));
    CHECK_OK(extract_with(snapshot, 3, NULL));
    CHECK(file_holds(in_folder("back.raw"), disk, disk_len));
    CHECK_EQ(hosted.most_inside, 1);
    hexz_snapshot_close(from_file);
    close_once(snapshot, &hosted);
}

/* Each call of an opening fails or is cancelled, in turn. */
static void troubled_opening(void)
{
    static const int32_t codes[] = {-5, 7, INT32_MIN, 0};
    size_t i;
    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        long k, calls = 1;
        for (k = 1; k <= calls; k++) {
            struct hosted_storage hosted = stored(snapshot_bytes, snapshot_len);
            hexz_cancel *cancel = NULL;
            hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
            hexz_storage storage = storage_in(&hosted);
            struct passwords passwords = password_is(PASSWORD);
            hexz_snapshot *snapshot = (hexz_snapshot *)(void *)&hosted;
            hexz_status status;

            check_about("opening, code %d at call %ld", (int)codes[i], k);
            CHECK_OK(hexz_cancel_new(&cancel));
            hosted.trouble.at = k;
            hosted.trouble.code = codes[i];
            if (codes[i] == 0)
                hosted.trouble.cancel = cancel;
            opts.storage = &storage;
            opts.cancel = cancel;
            opts.password = kind_encrypted ? answer : NULL;
            opts.password_data = &passwords;
            status = hexz_snapshot_open(&opts, &snapshot);
            CHECK_STATUS(status, codes[i] == 0 ? HEXZ_ERR_CANCELLED : HEXZ_ERR_CALLBACK);
            if (codes[i] != 0) {
                CHECK_EQ(hexz_last_callback_code(), codes[i]);
                CHECK_TEXT("opts.storage");
                CHECK_TEXT("read_at");
                CHECK_EQ(hosted.calls, k);
            }
            CHECK(snapshot == NULL);
            CHECK_EQ(hosted.released, 1);
            hexz_cancel_free(cancel);
            if (k == 1) {
                struct hosted_storage whole = stored(snapshot_bytes, snapshot_len);
                close_once(must_open_storage(&whole, 0), &whole);
                calls = whole.calls;
                CHECK(calls >= 2);
            }
        }
    }
    check_about("%s", "");
}

static unsigned char *read_buf;

static hexz_status read_all(const hexz_snapshot *snapshot, const hexz_cancel *cancel)
{
    (void)cancel;
    memset(read_buf, 0xa5, disk_len);
    return hexz_snapshot_read(snapshot, 0, 0, read_buf, disk_len);
}

static hexz_status verify_1(const hexz_snapshot *snapshot, const hexz_cancel *cancel)
{
    return verify_with(snapshot, 1, cancel);
}

static hexz_status verify_3(const hexz_snapshot *snapshot, const hexz_cancel *cancel)
{
    return verify_with(snapshot, 3, cancel);
}

static hexz_status extract_1(const hexz_snapshot *snapshot, const hexz_cancel *cancel)
{
    return extract_with(snapshot, 1, cancel);
}

static hexz_status extract_3(const hexz_snapshot *snapshot, const hexz_cancel *cancel)
{
    return extract_with(snapshot, 3, cancel);
}

static const struct {
    const char *name;
    hexz_status (*call)(const hexz_snapshot *snapshot, const hexz_cancel *cancel);
    int cancellable, threads;
} uses[] = {{"read", read_all, 0, 1}, {"verify", verify_1, 1, 1}, {"verify by 3", verify_3, 1, 3},
            {"extract", extract_1, 1, 1}, {"extract by 3", extract_3, 1, 3}};
#define USES (sizeof(uses) / sizeof(uses[0]))

/* Each call of a use fails or cancels, in turn; the handle is as good as before. */
static void troubled_uses(void)
{
    size_t use;
    long k, step, calls, one_thread = 0;
    for (use = 0; use < USES; use++) {
        struct hosted_storage whole = stored(snapshot_bytes, snapshot_len);
        hexz_snapshot *snapshot = must_open_storage(&whole, 0);
        long opening = whole.calls;
        CHECK_OK(uses[use].call(snapshot, NULL));
        calls = whole.calls - opening;
        CHECK(calls > 2);
        /* Two threads that miss a page at once read it twice: as many as one thread makes are made always. */
        if (uses[use].threads == 1)
            one_thread = calls;
        CHECK(calls >= one_thread);
        calls = one_thread;
        close_once(snapshot, &whole);
        step = fixture_small() ? calls / 3 + 1 : calls / 60 + 1;
        for (k = 1; k <= calls; k += step) {
            struct hosted_storage hosted = stored(snapshot_bytes, snapshot_len);
            hexz_cancel *cancel = NULL;
            hexz_status status;
            long entries;
            snapshot = must_open_storage(&hosted, 0);
            check_about("%s, call %ld of %ld", uses[use].name, k, calls);
            (void)remove(in_folder("back.raw"));
            entries = entries_here();
            hosted.trouble.at = hosted.calls + k;
            hosted.trouble.code = k % 2 ? -5 : 5;
            status = uses[use].call(snapshot, NULL);
            CHECK_STATUS(status, HEXZ_ERR_CALLBACK);
            CHECK_EQ(hexz_last_callback_code(), k % 2 ? -5 : 5);
            CHECK_EQ(entries_here(), entries);
            CHECK_EQ(hosted.released, 0);
            hosted.trouble.at = 0;
            CHECK_OK(uses[use].call(snapshot, NULL));
            close_once(snapshot, &hosted);
            if (!uses[use].cancellable)
                continue;
            hosted = stored(snapshot_bytes, snapshot_len);
            snapshot = must_open_storage(&hosted, 0);
            (void)remove(in_folder("back.raw"));
            CHECK_OK(hexz_cancel_new(&cancel));
            hosted.trouble.at = hosted.calls + k;
            hosted.trouble.cancel = cancel;
            CHECK_STATUS(uses[use].call(snapshot, cancel), HEXZ_ERR_CANCELLED);
            /* Others may have been on their way into it, and a page leads to a page. */
            CHECK(hosted.calls < hosted.trouble.at + 4 * (long)uses[use].threads);
            CHECK_EQ(entries_here(), entries);
            hexz_cancel_free(cancel);
            hosted.trouble.at = 0;
            CHECK_OK(uses[use].call(snapshot, NULL));
            close_once(snapshot, &hosted);
        }
    }
    check_about("%s", "");
    CHECK_BYTES(read_buf, disk, disk_len);
}

/* What is not filled is not believed, and never handed out. */
static void lies(void)
{
    static const enum lie all[] = {HALF_FILLED, NOT_FILLED, ONE_BIT};
    size_t i, at;
    long k;
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        for (k = 1; k < 12; k += fixture_small() ? 3 : 1) {
            struct hosted_storage hosted = stored(snapshot_bytes, snapshot_len);
            hexz_snapshot *snapshot = NULL;
            hexz_status status;
            check_about("lie %d from call %ld on", (int)all[i], k);
            hosted.lie = all[i];
            hosted.lie_from = k;
            status = open_storage(&hosted, 0, password(), &snapshot);
            if (status == HEXZ_OK) {
                memset(read_buf, 0xa5, disk_len);
                status = hexz_snapshot_read(snapshot, 0, 0, read_buf, disk_len);
                CHECK_STATUS(status, HEXZ_ERR_CORRUPT);
                for (at = 0; at < disk_len && (read_buf[at] == 0 || read_buf[at] == disk[at]); at++)
                    ;
                CHECK_EQ(at, disk_len);
                CHECK_STATUS(verify_with(snapshot, 2, NULL), HEXZ_ERR_CORRUPT);
                CHECK_STATUS(extract_with(snapshot, 2, NULL), HEXZ_ERR_CORRUPT);
                hexz_snapshot_close(snapshot);
            } else {
                CHECK(status == HEXZ_ERR_CORRUPT || status == HEXZ_ERR_NOT_SNAPSHOT);
                CHECK(snapshot == NULL);
            }
            CHECK_EQ(hosted.released, 1);
        }
    }
    check_about("%s", "");
}

/* The same of blocks alone, when all pages of the index were read before. */
static void lies_about_blocks(void)
{
    static const enum lie all[] = {HALF_FILLED, NOT_FILLED, ONE_BIT};
    static const unsigned char nothing[4096];
    size_t i, at, bad;
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct hosted_storage hosted = stored(snapshot_bytes, snapshot_len);
        hexz_snapshot *snapshot = must_open_storage(&hosted, 0);
        check_about("lie %d about blocks", (int)all[i]);
        CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, read_buf, disk_len));
        hosted.lie = all[i];
        hosted.lie_from = hosted.calls + 1;
        memset(read_buf, 0xa5, disk_len);
        CHECK_STATUS(hexz_snapshot_read(snapshot, 0, 0, read_buf, disk_len), HEXZ_ERR_CORRUPT);
        CHECK_TEXT("block");
        for (at = 0; at < disk_len && (read_buf[at] == 0 || read_buf[at] == disk[at]); at++)
            ;
        CHECK_EQ(at, disk_len);
        /* Each block by itself: what one does not notice may be another's first fault. */
        for (at = 0, bad = 0; at + 4096 <= disk_len; at += 32768) {
            hexz_status status;
            memset(read_buf, 0xa5, 4096);
            status = hexz_snapshot_read(snapshot, 0, at, read_buf, 4096);
            CHECK_BYTES(read_buf, status == HEXZ_OK ? disk + at : nothing, 4096);
            bad += status == HEXZ_ERR_CORRUPT;
        }
        CHECK(bad > disk_len / 32768 / 2);
        hosted.lie = HONEST;
        CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, read_buf, disk_len));
        CHECK_BYTES(read_buf, disk, disk_len);
        close_once(snapshot, &hosted);
    }
    check_about("%s", "");
}

/* Sizes that are not the snapshot's. */
static void sizes(void)
{
    static const int differences[] = {-4096, -1, 1, 4096};
    unsigned char *bytes = bytes_new(snapshot_len + 4096);
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    struct hosted_storage hosted;
    hexz_storage storage;
    hexz_snapshot *snapshot = NULL;
    size_t i;

    memset(bytes, 0, snapshot_len + 4096);
    memcpy(bytes, snapshot_bytes, snapshot_len);
    for (i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        check_about("%d bytes more", differences[i]);
        hosted = stored(bytes, (size_t)((long)snapshot_len + differences[i]));
        CHECK_STATUS(open_storage(&hosted, 0, password(), &snapshot), HEXZ_ERR_CORRUPT);
        CHECK_EQ(hosted.released, 1);
    }
    check_about("%s", "");
    hosted = stored(bytes, 0);
    CHECK_STATUS(open_storage(&hosted, 0, password(), &snapshot), HEXZ_ERR_NOT_SNAPSHOT);
    CHECK_EQ(hosted.calls, 0);
    CHECK_EQ(hosted.released, 1);
    /* A struct that is refused is not taken over. */
    hosted = stored(bytes, snapshot_len);
    storage = storage_in(&hosted);
    opts.storage = &storage;
    storage.size = (uint64_t)INT64_MAX + 1;
    CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("opts.storage.size");
    storage.size = snapshot_len;
    storage.flags = 2;
    CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("opts.storage.flags");
    storage.flags = 0;
    storage.read_at = NULL;
    CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("opts.storage.read_at");
    CHECK_EQ(hosted.released, 0);
    free(bytes);
}

struct own {
    hexz_snapshot *own, *other;
    int called;
};

/* Everything on a callback's own handle is refused, with a text that says so. */
static void use_own(void *data)
{
    struct own *own = data;
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_extent extent = HEXZ_INIT(hexz_extent);
    hexz_stream_info stream = HEXZ_INIT(hexz_stream_info);
    unsigned char byte;
    uint32_t index;
    own->called++;
    CHECK_STATUS(hexz_snapshot_read(own->own, 0, 0, &byte, 1), HEXZ_ERR_STATE);
    CHECK_TEXT("own callback");
    CHECK_STATUS(hexz_snapshot_info(own->own, &info), HEXZ_ERR_STATE);
    CHECK_STATUS(hexz_snapshot_stream(own->own, 0, &stream), HEXZ_ERR_STATE);
    CHECK_STATUS(hexz_snapshot_find(own->own, "disk", &index), HEXZ_ERR_STATE);
    CHECK_STATUS(hexz_snapshot_extent(own->own, 0, 0, &extent), HEXZ_ERR_STATE);
    CHECK_STATUS(verify_with(own->own, 1, NULL), HEXZ_ERR_STATE);
    CHECK_STATUS(extract_with(own->own, 1, NULL), HEXZ_ERR_STATE);
    /* It does nothing. */
    hexz_snapshot_close(own->own);
    /* Another handle is free. */
    CHECK_OK(hexz_snapshot_read(own->other, 0, disk_len - 1, &byte, 1));
    CHECK_EQ(byte, disk[disk_len - 1]);
}

static void own_handle(void)
{
    static const uint64_t flags[] = {0, HEXZ_SOURCE_CONCURRENT};
    size_t i;
    uint32_t threads;
    for (i = 0; i < 2; i++) {
        for (threads = 1; threads <= 3; threads += 2) {
            struct hosted_storage hosted = stored(snapshot_bytes, snapshot_len);
            struct hosted_storage another = stored(snapshot_bytes, snapshot_len);
            struct own own;
            check_about("flags %u, %u threads", (unsigned)flags[i], (unsigned)threads);
            own.called = 0;
            own.own = must_open_storage(&hosted, flags[i]);
            own.other = must_open_storage(&another, flags[i]);
            hosted.trouble.during = use_own;
            hosted.trouble.during_data = &own;
            hosted.trouble.at = hosted.calls + 1;
            CHECK_OK(hexz_snapshot_read(own.own, 0, 0, read_buf, disk_len));
            hosted.trouble.at = hosted.calls + 5;
            CHECK_OK(verify_with(own.own, threads, NULL));
            hosted.trouble.at = hosted.calls + 3;
            CHECK_OK(extract_with(own.own, threads, NULL));
            CHECK_EQ(own.called, 3);
            CHECK_BYTES(read_buf, disk, disk_len);
            close_once(own.own, &hosted);
            close_once(own.other, &another);
        }
    }
    check_about("%s", "");
}

/* A handle that is being given back cannot be used. */
static hexz_snapshot *closing;
static int gave_back;

static void use_closing(void *data)
{
    hexz_info info = HEXZ_INIT(hexz_info);
    (void)data;
    gave_back++;
    CHECK_STATUS(hexz_snapshot_info(closing, &info), HEXZ_ERR_STATE);
    hexz_snapshot_close(closing);
}

static void use_while_closing(void)
{
    struct hosted_storage hosted = stored(snapshot_bytes, snapshot_len);
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_storage storage = storage_in(&hosted);
    struct passwords passwords = password_is(PASSWORD);
    opts.storage = &storage;
    opts.password = kind_encrypted ? answer : NULL;
    opts.password_data = &passwords;
    storage.release = use_closing;
    gave_back = 0;
    CHECK_OK(hexz_snapshot_open(&opts, &closing));
    hexz_snapshot_close(closing);
    CHECK_EQ(gave_back, 1);
    /* Nobody needs one. */
    storage.release = NULL;
    CHECK_OK(hexz_snapshot_open(&opts, &closing));
    hexz_snapshot_close(closing);
}

struct job {
    const hexz_snapshot *snapshot;
    uint64_t seed;
};

static void *read_at_random(void *argument)
{
    const struct job *job = argument;
    uint64_t state = job->seed;
    unsigned char *buf = bytes_new(20000);
    int i, rounds = fixture_small() ? 20 : 200;
    for (i = 0; i < rounds; i++) {
        size_t at = random_next(&state) % disk_len, len = random_next(&state) % 20000;
        if (len > disk_len - at)
            len = disk_len - at;
        CHECK_OK(hexz_snapshot_read(job->snapshot, 0, at, buf, len));
        CHECK_BYTES(buf, disk + at, len);
    }
    free(buf);
    return NULL;
}

/* Many threads: one at a time in the callback, or two at once if they may. */
static void many_threads(uint64_t flags)
{
    struct hosted_storage hosted = stored(snapshot_bytes, snapshot_len);
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_storage storage = storage_in(&hosted);
    struct passwords passwords = password_is(PASSWORD);
    pthread_t threads[THREADS];
    struct job jobs[THREADS];
    hexz_snapshot *snapshot = NULL;
    size_t i;

    check_about("flags %u, many threads", (unsigned)flags);
    storage.flags = flags;
    opts.storage = &storage;
    opts.password = kind_encrypted ? answer : NULL;
    opts.password_data = &passwords;
    opts.cache_size = 1;
    if (!CHECK_OK(hexz_snapshot_open(&opts, &snapshot)))
        return;
    hosted.meet = flags != 0;
    for (i = 0; i < THREADS; i++) {
        jobs[i].snapshot = snapshot;
        jobs[i].seed = 77 + i;
        if (pthread_create(&threads[i], NULL, read_at_random, &jobs[i]) != 0)
            fixture_fail("pthread_create", "a thread");
    }
    CHECK_OK(verify_with(snapshot, 3, NULL));
    for (i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    CHECK(flags == 0 ? hosted.most_inside == 1 : hosted.most_inside >= 2);
    close_once(snapshot, &hosted);
    check_about("%s", "");
}

/* However an opening fails, the storage is given back once. */
static void given_back(void)
{
    struct hosted_storage hosted;
    hexz_storage storage;
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    struct passwords wrong = password_is("wrong"), declined = no_passwords(), failed = no_passwords();
    hexz_cancel *cancel = NULL;
    uint8_t root[32] = {1};
    hexz_snapshot *snapshot = NULL;
    long want = 0;

    add_answer(&declined, 3, NULL, 0);
    add_answer(&failed, -3, NULL, 0);
    CHECK_OK(hexz_cancel_new(&cancel));
    hexz_cancel_trigger(cancel);
#define REFUSED(status) \
    do { \
        hosted = stored(snapshot_bytes, snapshot_len); \
        storage = storage_in(&hosted); \
        opts.storage = &storage; \
        CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), status); \
        CHECK(snapshot == NULL); \
        CHECK_EQ(hosted.released, 1); \
        want++; \
    } while (0)
    opts.expect_root = root;
    REFUSED(HEXZ_ERR_CORRUPT);
    opts.expect_root = NULL;
    opts.cancel = cancel;
    REFUSED(HEXZ_ERR_CANCELLED);
    opts.cancel = NULL;
    opts.password = answer;
    if (kind_encrypted) {
        opts.password_data = &wrong;
        REFUSED(HEXZ_ERR_WRONG_PASSWORD);
        CHECK_TEXT("opts.storage");
        opts.password_data = &declined;
        REFUSED(HEXZ_ERR_PASSWORD_REQUIRED);
        opts.password_data = &failed;
        REFUSED(HEXZ_ERR_CALLBACK);
        CHECK_EQ(hexz_last_callback_code(), -3);
        opts.password = NULL;
        REFUSED(HEXZ_ERR_PASSWORD_REQUIRED);
    } else {
        opts.password_data = &wrong;
        REFUSED(HEXZ_ERR_NOT_ENCRYPTED);
        CHECK_EQ(wrong.count, 0);
    }
    opts.password = NULL;
    opts.path = in_folder("kind.hxz");
    REFUSED(HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_TEXT("both opts.path and opts.storage");
    CHECK_EQ(hosted.calls, 0);
    opts.path = NULL;
    opts.flags = UINT64_C(1) << 63;
    REFUSED(HEXZ_ERR_INVALID_ARGUMENT);
    opts.flags = 0;
    hosted = stored(snapshot_bytes, snapshot_len);
    CHECK_STATUS(hexz_snapshot_open(&opts, NULL), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_EQ(hosted.released, 1);
    hexz_cancel_free(cancel);
}

static void all_of(const char *name, uint64_t flags)
{
    struct passwords passwords = password_is(PASSWORD);
    hexz_build_opts opts = encrypted_build_of(in_folder("disk.raw"), in_folder("kind.hxz"), &passwords);
    check_about("%s", name);
    kind_encrypted = (flags & HEXZ_BUILD_ENCRYPT) != 0;
    opts.memory = in_folder("memory.raw");
    opts.flags = flags | HEXZ_BUILD_NO_SYNC | HEXZ_BUILD_OVERWRITE;
    if (!kind_encrypted)
        opts.password = NULL;
    if (!CHECK_OK(hexz_build(&opts)))
        return;
    free(snapshot_bytes);
    snapshot_bytes = get_file(in_folder("kind.hxz"), &snapshot_len);
    equal();
    troubled_opening();
    troubled_uses();
    lies();
    lies_about_blocks();
    sizes();
    own_handle();
    use_while_closing();
    many_threads(0);
    many_threads(HEXZ_SOURCE_CONCURRENT);
    given_back();
}

int main(void)
{
    disk_len = (fixture_small() ? 1 : 5) * ((size_t)1 << 20) + 333;
    memory_len = 300000;
    disk = bytes_new(disk_len);
    memory = bytes_new(memory_len);
    read_buf = bytes_new(disk_len);
    fill_text(disk, disk_len, 5);
    fill_random(disk + 300000, 400000, 6);
    memset(disk + 150000, 0, 120000);
    fill_text(memory, memory_len, 8);
    put_file(in_folder("disk.raw"), disk, disk_len);
    put_file(in_folder("memory.raw"), memory, memory_len);
    all_of("plain", 0);
    if (!fixture_small())
        all_of("chunks", HEXZ_BUILD_CDC);
    all_of("encrypted", HEXZ_BUILD_ENCRYPT);
    free(disk);
    free(memory);
    free(read_buf);
    free(snapshot_bytes);
    return check_done();
}
