/* Every request for 4 KiB of memory or more fails once: the first, the second,
 * and so on, and all from there on. The host process goes on: the call does
 * without, and what it gives is right, or it is HEXZ_ERR_NO_MEMORY, with a text
 * that says what there was no memory for. The output is the whole new one or what
 * was there before, nothing is left beside it, no descriptor and no thread,
 * handles can be freed, and the next call works.
 *
 * Each request fails in a child of its own, since what is wrong here ends the
 * process. Of those that one way through the code makes the first is tried, and
 * some others; all of them when HEXZ_SOAK is set.
 *
 * Linked with nomem_shim.c, which stands in front of the C library. */
#include "passwords.h"

#include "nomem_shim.h"

#include <execinfo.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define PAGE (4 * KIB)
#define DISK_LEN (2 * MIB)
#define MEMORY_LEN (300 * KIB)
#define TEXT_LEN (3 * MIB)
#define SCATTERED_LEN (16 * MIB)
#define CLUSTER (64 * KIB)
#define COMPRESSED (UINT64_C(1) << 62)
#define MORE_MAX 12       /* requests that are tried besides the first of each way */
#define SETTLE_SECONDS 15 /* until a thread that should be gone is a failure */
#define OLD "what was there before"
#define PASSWORD "a password"
#define OUTPUT "out/file"

/* How a child ends when all was well. */
enum { DID_WITHOUT = 10, NO_MEMORY = 11 };

struct work {
    const char *name;
    hexz_status (*run)(const struct work *work, int over);
    /* Checks what a run that succeeded made. */
    void (*check)(const struct work *work);
    const char *file; /* what is built from, or read */
    const char *profile;
    uint64_t flags;
    uint32_t threads;
};

static unsigned char *disk, *memory, *text, *scattered;
static struct nomem_seen *seen;
static uint64_t sites[NOMEM_COUNTED];
/* The snapshot that a work is given open, and the password that rekey made last. */
static hexz_snapshot *opened;
static const char *password_now;
static uint64_t damaged_blocks;
/* What a snapshot is built on, or NULL. */
static const char *leans_on;
static long threads, requests, tried, aborted, did_without;

/* A call of the library, whose requests count. */
#define COUNTED(status, call) (nomem_on(), (status) = (call), nomem_off())

static const unsigned char *bytes_of(const char *file, size_t *len)
{
    static const struct {
        const char *part;
        unsigned char **bytes;
        size_t len;
    } all[] = {{"text", &text, TEXT_LEN}, {"scattered", &scattered, SCATTERED_LEN}, {"", &disk, DISK_LEN}};
    size_t i;
    for (i = 0; strstr(file, all[i].part) == NULL; i++)
        ;
    *len = all[i].len;
    return *all[i].bytes;
}

/* Building ----------------------------------------------------------------- */

/* A host that keeps what it is sent, in memory that it has already. */
static unsigned char kept[4 * MIB];
static size_t kept_len;

static int32_t keep(void *user_data, const void *bytes, size_t len)
{
    (void)user_data;
    if (!CHECK(len <= sizeof(kept) - kept_len))
        return -1;
    memcpy(kept + kept_len, bytes, len);
    kept_len += len;
    return 0;
}

static hexz_sink kept_sink;

static hexz_status build_to(const struct work *work, const char *output, uint64_t flags)
{
    struct passwords passwords = password_is(PASSWORD);
    hexz_profile small = HEXZ_INIT(hexz_profile);
    hexz_build_opts opts = work->flags & HEXZ_BUILD_ENCRYPT
                               ? encrypted_build_of(in_folder(work->file), output, &passwords)
                               : build_of(in_folder(work->file), output);
    hexz_status status;
    opts.flags |= work->flags | flags;
    opts.threads = work->threads;
    opts.profile = work->profile;
    if (strcmp(work->file, "disk.raw") == 0)
        opts.memory = in_folder("memory.raw");
    if (strcmp(work->file, "scattered.raw") == 0) {
        CHECK_OK(hexz_profile_resolve(NULL, &small));
        small.block_size = PAGE;
        small.cdc_min = 1024;
        small.cdc_avg = 4096;
        small.cdc_max = 8192;
        opts.custom = &small;
    }
    if (leans_on != NULL)
        opts.parent = in_folder(leans_on);
    if (output == NULL)
        opts.sink = &kept_sink;
    COUNTED(status, hexz_build(&opts));
    return status;
}

static hexz_status build(const struct work *work, int over)
{
    return build_to(work, in_folder(OUTPUT), over ? HEXZ_BUILD_OVERWRITE : 0);
}

static hexz_status build_into_sink(const struct work *work, int over)
{
    hexz_sink sink = HEXZ_INIT(hexz_sink);
    hexz_status status;
    (void)over;
    sink.write = keep;
    kept_sink = sink;
    kept_len = 0;
    status = build_to(work, NULL, 0);
    if (status == HEXZ_OK)
        put_file(in_folder(OUTPUT), kept, kept_len);
    return status;
}

/* On a parent in which some is at the same place, or elsewhere. */
static hexz_status build_child(const struct work *work, int over)
{
    leans_on = strstr(work->name, "moved") != NULL ? "moved.hxz" : "secret.hxz";
    return build(work, over);
}

static hexz_status open_counted(const char *path, hexz_snapshot **snapshot)
{
    struct passwords passwords = password_is(PASSWORD);
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_status status;
    opts.path = path;
    opts.flags = HEXZ_OPEN_ALLOW_PLAIN;
    opts.password = answer;
    opts.password_data = &passwords;
    if (leans_on != NULL)
        opts.parent = in_folder(leans_on);
    COUNTED(status, hexz_snapshot_open(&opts, snapshot));
    CHECK((*snapshot != NULL) == (status == HEXZ_OK));
    return status;
}

static unsigned char *stored; /* secret.hxz, in the host's memory */
static size_t stored_len;

static int32_t read_stored(void *user_data, uint64_t offset, void *buf, size_t len)
{
    (void)user_data;
    memcpy(buf, stored + offset, len);
    return 0;
}

/* Its streams as they are told, mapped, and read. */
static hexz_status look_at(const hexz_snapshot *snapshot, const char *file)
{
    static unsigned char back[SCATTERED_LEN];
    hexz_extent extent = HEXZ_INIT(hexz_extent);
    hexz_stream_info stream = HEXZ_INIT(hexz_stream_info);
    hexz_info info = HEXZ_INIT(hexz_info);
    uint64_t at;
    uint32_t index;
    size_t len;
    hexz_status status;
    const unsigned char *want = bytes_of(file, &len);
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    COUNTED(status, hexz_snapshot_find(snapshot, "disk", &index));
    if (status == HEXZ_OK)
        COUNTED(status, hexz_snapshot_stream(snapshot, index, &stream));
    if (status != HEXZ_OK)
        return status;
    CHECK_EQ(stream.size, len);
    for (at = 0; at < len; at += extent.len) {
        COUNTED(status, hexz_snapshot_extent(snapshot, index, at, &extent));
        if (status != HEXZ_OK)
            return status;
        CHECK(extent.kind != HEXZ_EXTENT_ZERO || want[at] == 0);
    }
    for (at = 0; at < len; at += MIB) {
        COUNTED(status, hexz_snapshot_read(snapshot, index, at, back, MIB));
        if (status != HEXZ_OK)
            return status;
        CHECK_BYTES(back, want + at, MIB);
    }
    /* Parts of blocks, which are kept for the next time. */
    for (at = 0; at < len; at += PAGE) {
        COUNTED(status, hexz_snapshot_read(snapshot, index, at + 100, back, 100));
        if (status != HEXZ_OK)
            return status;
        CHECK_BYTES(back, want + at + 100, 100);
    }
    if (info.stream_count > 1) {
        COUNTED(status, hexz_snapshot_read(snapshot, 1, 0, back, MEMORY_LEN));
        if (status != HEXZ_OK)
            return status;
        CHECK_BYTES(back, memory, MEMORY_LEN);
    }
    return HEXZ_OK;
}

static void check_snapshot(const struct work *work)
{
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_snapshot *snapshot = NULL;
    if (!CHECK_OK(open_counted(in_folder(OUTPUT), &snapshot)))
        return;
    CHECK_OK(look_at(snapshot, work->file));
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    hexz_snapshot_close(snapshot);
}

/* Reading ------------------------------------------------------------------ */

static hexz_status look_and_close(const struct work *work, hexz_status status, hexz_snapshot *snapshot)
{
    if (status == HEXZ_OK)
        status = look_at(snapshot, work->file);
    nomem_on();
    hexz_snapshot_close(snapshot);
    nomem_off();
    return status;
}

static hexz_status look(const struct work *work, int over)
{
    hexz_snapshot *snapshot = NULL;
    hexz_status status = open_counted(in_folder(work->file), &snapshot);
    (void)over;
    return look_and_close(work, status, snapshot);
}

static hexz_status look_at_stored(const struct work *work, int over)
{
    struct passwords passwords = password_is(PASSWORD);
    hexz_storage storage = HEXZ_INIT(hexz_storage);
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_snapshot *snapshot = NULL;
    hexz_status status;
    (void)over;
    storage.size = stored_len;
    storage.read_at = read_stored;
    opts.storage = &storage;
    opts.password = answer;
    opts.password_data = &passwords;
    COUNTED(status, hexz_snapshot_open(&opts, &snapshot));
    return look_and_close(work, status, snapshot);
}

static hexz_status verify(const struct work *work, int over)
{
    hexz_verify_report report = HEXZ_INIT(hexz_verify_report);
    hexz_verify_opts opts = HEXZ_INIT(hexz_verify_opts);
    hexz_status status;
    (void)over;
    opts.threads = work->threads;
    opts.report = &report;
    COUNTED(status, hexz_snapshot_verify(opened, &opts));
    CHECK_EQ(report.blocks_bad, 0);
    return status;
}

/* Damage all over the file is told as such. */
static hexz_status verify_damaged(const struct work *work, int over)
{
    hexz_verify_report report = HEXZ_INIT(hexz_verify_report);
    hexz_verify_opts opts = HEXZ_INIT(hexz_verify_opts);
    hexz_status status;
    (void)over;
    opts.threads = work->threads;
    opts.report = &report;
    COUNTED(status, hexz_snapshot_verify(opened, &opts));
    if (status != HEXZ_ERR_CORRUPT)
        return status;
    if (damaged_blocks == 0)
        damaged_blocks = report.blocks_bad;
    CHECK_EQ(report.blocks_bad, damaged_blocks);
    return HEXZ_OK;
}

static hexz_status extract(const struct work *work, int over)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    hexz_status status;
    opts.output = in_folder(OUTPUT);
    opts.threads = work->threads;
    opts.flags = work->flags | HEXZ_EXTRACT_NO_SYNC;
    if (work->flags & HEXZ_EXTRACT_IN_PLACE)
        put_file(opts.output, text, TEXT_LEN);
    else if (over)
        opts.flags |= HEXZ_EXTRACT_OVERWRITE;
    COUNTED(status, hexz_snapshot_extract(opened, &opts));
    return status;
}

static void check_extracted(const struct work *work)
{
    size_t len, have;
    const unsigned char *want = bytes_of(work->file, &len);
    unsigned char *found = get_file(in_folder(OUTPUT), &have);
    if (CHECK(have >= len))
        CHECK_BYTES(found, want, len);
    free(found);
}

/* Passwords ---------------------------------------------------------------- */

static hexz_status rekey(const struct work *work, int over)
{
    struct passwords passwords = no_passwords();
    hexz_rekey_opts opts = rekey_of(in_folder("rekey.hxz"), HEXZ_REKEY_REPLACE, &passwords);
    hexz_status status;
    (void)work;
    add_answer(&passwords, 0, PASSWORD, strlen(PASSWORD));
    password_now = over ? PASSWORD : "tomorrow";
    add_answer(&passwords, 0, password_now, strlen(password_now));
    COUNTED(status, hexz_snapshot_rekey(&opts));
    return status;
}

static void check_rekeyed(const struct work *work)
{
    (void)work;
    CHECK_OK(try_password(in_folder("rekey.hxz"), password_now));
}

static const struct work works[] = {
    {"build", build, check_snapshot, "disk.raw", NULL, 0, 1},
    {"build with two threads", build, check_snapshot, "disk.raw", NULL, 0, 2},
    {"build of qcow2, zlib", build, check_snapshot, "zlib.qcow2", NULL, 0, 1},
    {"build of qcow2, zstd", build, check_snapshot, "zstd.qcow2", NULL, 0, 2},
    {"build of chunks", build, check_snapshot, "disk.raw", NULL, HEXZ_BUILD_CDC, 1},
    {"encrypted build", build, check_snapshot, "disk.raw", NULL, HEXZ_BUILD_ENCRYPT, 1},
    {"encrypted build of chunks, two threads", build, check_snapshot, "disk.raw", "eda",
     HEXZ_BUILD_CDC | HEXZ_BUILD_ENCRYPT, 2},
    {"build, eda", build, check_snapshot, "disk.raw", "eda", 0, 1},
    {"build, embedded", build, check_snapshot, "text.raw", "embedded", 0, 1},
    {"build, ml", build, check_snapshot, "disk.raw", "ml", 0, 1},
    {"build with many pages", build, check_snapshot, "scattered.raw", NULL, 0, 1},
    {"build with many pages of chunks", build, check_snapshot, "scattered.raw", NULL,
     HEXZ_BUILD_CDC | HEXZ_BUILD_ENCRYPT, 1},
    {"build into a sink", build_into_sink, check_snapshot, "disk.raw", NULL, 0, 1},
    {"build on an encrypted parent", build_child, check_snapshot, "disk.raw", NULL, HEXZ_BUILD_ENCRYPT, 1},
    {"build on a parent with what moved", build_child, check_snapshot, "disk.raw", NULL, 0, 1},
    {"build of chunks on a parent, two threads, moved", build_child, check_snapshot, "disk.raw", NULL, HEXZ_BUILD_CDC, 2},
    {"open and read", look, NULL, "disk.hxz", NULL, 0, 1},
    {"open and read what is encrypted", look, NULL, "secret.hxz", NULL, 0, 1},
    {"open and read in the host's memory", look_at_stored, NULL, "secret.hxz", NULL, 0, 1},
    {"open and read many pages", look, NULL, "scattered.hxz", NULL, 0, 1},
    {"open and read many pages of chunks", look, NULL, "scattered-chunks.hxz", NULL, 0, 1},
    {"open and read with a dictionary", look, NULL, "text.hxz", NULL, 0, 1},
    {"verify", verify, NULL, "disk.hxz", NULL, 0, 1},
    {"verify what is encrypted", verify, NULL, "secret.hxz", NULL, 0, 2},
    {"verify many pages", verify, NULL, "scattered.hxz", NULL, 0, 1},
    {"verify many pages of chunks", verify, NULL, "scattered-chunks.hxz", NULL, 0, 2},
    {"verify with a dictionary", verify, NULL, "text.hxz", NULL, 0, 1},
    {"verify what is damaged", verify_damaged, NULL, "damaged.hxz", NULL, 0, 1},
    {"extract", extract, check_extracted, "disk.hxz", NULL, 0, 1},
    {"extract with two threads", extract, check_extracted, "secret.hxz", NULL, 0, 2},
    {"extract many pages", extract, check_extracted, "scattered.hxz", NULL, 0, 1},
    {"extract in place", extract, check_extracted, "disk.hxz", NULL, HEXZ_EXTRACT_IN_PLACE, 1},
    {"rekey", rekey, check_rekeyed, "secret.hxz", NULL, 0, 1},
};

/* One request fails -------------------------------------------------------- */

static void prepare(const struct work *work, int over)
{
    unsigned char *bytes;
    size_t len;
    leans_on = NULL;
    (void)unlink(in_folder(OUTPUT));
    if (over)
        put_file(in_folder(OUTPUT), OLD, strlen(OLD));
    if (work->run == rekey) {
        bytes = get_file(in_folder("secret.hxz"), &len);
        put_file(in_folder("rekey.hxz"), bytes, len);
        free(bytes);
    }
}

/* A thread that was joined is still listed for a moment. */
static void check_nothing_leaked(long files)
{
    const struct timespec pause = {0, 1000000};
    long i;
    for (i = 0; i < SETTLE_SECONDS * 1000 && entries_in("/proc/self/task") != threads; i++)
        (void)nanosleep(&pause, NULL);
    CHECK_EQ(entries_in("/proc/self/task"), threads);
    CHECK_EQ(entries_in("/proc/self/fd"), files);
}

static void check_no_output(const struct work *work, int over)
{
    int in_place = (work->flags & HEXZ_EXTRACT_IN_PLACE) && work->run == extract;
    if (!in_place && over)
        CHECK(file_holds(in_folder(OUTPUT), OLD, strlen(OLD)));
    else if (!in_place)
        CHECK(!file_exists(in_folder(OUTPUT)));
    CHECK_EQ(entries_in(in_folder("out")), over || in_place);
}

/* In the child: how it ends. */
static int fail_one(const struct work *work, int over, long nth, int stays)
{
    int is_given = work->run == verify || work->run == verify_damaged || work->run == extract;
    hexz_snapshot *before = NULL;
    hexz_status status;
    long files;
    check_afresh();
    if (is_given)
        CHECK_OK(open_counted(in_folder(work->file), &before));
    opened = before;
    files = entries_in("/proc/self/fd");
    nomem_arm(nth, stays);
    status = work->run(work, over);
    nomem_disarm();
    if (status == HEXZ_OK) {
        if (work->check != NULL)
            work->check(work);
    } else {
        CHECK(seen->size >= NOMEM_LEAST);
        CHECK_STATUS(status, HEXZ_ERR_NO_MEMORY);
        CHECK_EQ(hexz_last_errno(), ENOMEM);
        CHECK_TEXT("out of memory: ");
        CHECK_TEXT(" bytes for ");
        CHECK_TEXT("; ");
        check_no_output(work, over);
        CHECK_OK(work->run(work, 1));
        if (work->check != NULL)
            work->check(work);
    }
    CHECK_EQ(entries_in(in_folder("out")), file_exists(in_folder(OUTPUT)));
    check_nothing_leaked(files);
    hexz_snapshot_close(before);
    if (check_done() != 0)
        return 1;
    return status == HEXZ_OK ? DID_WITHOUT : NO_MEMORY;
}

/* Each way to the end of the process is told once. */
static void tell_abort(const char *name, int signal)
{
    static uint64_t told[1024];
    static size_t count;
    uint64_t hash = 0;
    size_t i;
    int d;
    aborted++;
    for (d = 0; d < seen->depth; d++)
        hash = hash * 31 + (uint64_t)(uintptr_t)seen->stack[d];
    for (i = 0; i < count && told[i] != hash; i++)
        ;
    if (i < count || count == sizeof(told) / sizeof(told[0]))
        return;
    told[count++] = hash;
    fprintf(stderr, "%s: signal %d for want of %lu bytes, asked for by:\n", name, signal, (unsigned long)seen->size);
    backtrace_symbols_fd(seen->stack, seen->depth, 2);
}

/* The parent's side. */
static void run_one(const struct work *work, long nth, int stays)
{
    int how = 0, over = work->run != rekey && nth % 2 == 0;
    pid_t child;
    prepare(work, over);
    (void)fflush(stdout);
    child = fork();
    if (child < 0)
        fixture_fail("fork", "a child");
    if (child == 0) {
        const struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        check_about("%s, request %ld%s", work->name, nth, stays ? " and all behind it" : "");
        _exit(fail_one(work, over, nth, stays));
    }
    if (waitpid(child, &how, 0) != child)
        fixture_fail("waitpid", "the child");
    if (WIFSIGNALED(how))
        tell_abort(work->name, WTERMSIG(how));
    CHECK(WIFEXITED(how) && (WEXITSTATUS(how) == DID_WITHOUT || WEXITSTATUS(how) == NO_MEMORY));
    tried += nth != 0 && seen->depth > 0;
    did_without += nth != 0 && seen->depth > 0 && WIFEXITED(how) && WEXITSTATUS(how) == DID_WITHOUT;
}

static int is_first(long nth)
{
    long i;
    for (i = 0; i < nth - 1; i++)
        if (sites[i] == sites[nth - 1])
            return 0;
    return 1;
}

static void fail_each(const struct work *work)
{
    int all = getenv("HEXZ_SOAK") != NULL, stays;
    long count, nth;
    check_about("%s", work->name);
    run_one(work, 0, 0);
    count = seen->count;
    CHECK(count > 0 && count <= NOMEM_COUNTED);
    memcpy(sites, seen->sites, sizeof(sites));
    requests += count;
    for (nth = 1; nth <= count; nth++)
        if (all || nth % (count / MORE_MAX + 1) == 0 || is_first(nth))
            for (stays = 0; stays < 2; stays++) {
                check_about("%s, request %ld of %ld%s", work->name, nth, count, stays ? " and all behind it" : "");
                run_one(work, nth, stays);
            }
}

/* Set-up ------------------------------------------------------------------- */

static void put_number(unsigned char *at, uint64_t value, int bytes)
{
    while (bytes-- > 0) {
        at[bytes] = (unsigned char)value;
        value >>= 8;
    }
}

/* The disk as qcow2, every other cluster compressed: stored blocks of deflate
 * (RFC 1951, 3.2.4), or one raw block of zstd (RFC 8878, 3.1.1.2). */
static void put_qcow2(const char *name, int zstd)
{
    static const unsigned char magic[] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3};
    static const unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 1, 0, 1, 0, 8};
    const size_t clusters = DISK_LEN / CLUSTER, data = 3 * CLUSTER;
    unsigned char *image = bytes_new(data + 2 * DISK_LEN), *at;
    size_t i;
    memcpy(image, magic, sizeof(magic));
    put_number(image + 20, 16, 4);      /* cluster_bits */
    put_number(image + 24, DISK_LEN, 8); /* size */
    put_number(image + 36, 1, 4);       /* l1_size */
    put_number(image + 40, CLUSTER, 8); /* l1_table_offset */
    put_number(image + 72, zstd ? 8 : 0, 8); /* incompatible features: compression type */
    put_number(image + 96, 4, 4);       /* refcount_order */
    put_number(image + 100, 112, 4);    /* header_length */
    image[104] = (unsigned char)zstd;
    put_number(image + CLUSTER, 2 * CLUSTER, 8);
    for (i = 0; i < clusters; i++) {
        size_t offset = data + 2 * i * CLUSTER, half = CLUSTER / 2;
        const unsigned char *from = disk + i * CLUSTER;
        uint64_t entry = offset;
        at = image + offset;
        if (i % 2 == 0) {
            memcpy(at, from, CLUSTER);
        } else if (zstd) {
            memcpy(at, frame, sizeof(frame));
            memcpy(at + sizeof(frame), from, CLUSTER);
        } else {
            const unsigned char head[] = {0, 0x00, 0x80, 0xff, 0x7f};
            memcpy(at, head, sizeof(head));
            memcpy(at + sizeof(head), from, half);
            at += sizeof(head) + half;
            memcpy(at, head, sizeof(head));
            at[0] = 1;
            memcpy(at + sizeof(head), from + half, half);
        }
        if (i % 2 == 1)
            entry |= COMPRESSED | (uint64_t)(CLUSTER / 512) << 54; /* one sector more than that */
        put_number(image + 2 * CLUSTER + 8 * i, entry, 8);
    }
    put_file(in_folder(name), image, data + 2 * DISK_LEN);
    free(image);
}

/* Of 64 records in any order, and a number behind each: a block of 16 KiB has few of
 * them twice, so that a dictionary of all of them pays. */
static void fill_records(unsigned char *out, size_t len)
{
    enum { RECORD = 200, RECORDS = 64 };
    static unsigned char records[RECORDS * RECORD];
    uint64_t state = 9;
    size_t at, n;
    fill_random(records, sizeof(records), 9);
    for (at = 0; at < len; at += n) {
        n = len - at < RECORD ? len - at : RECORD;
        memcpy(out + at, records + random_next(&state) % RECORDS * RECORD, n);
        if (n == RECORD)
            put_number(out + at, at, 8);
    }
}

static void put_sources(void)
{
    unsigned char *moved;
    size_t at;
    disk = bytes_new(DISK_LEN);
    fill_random(disk + 256 * KIB, 700 * KIB, 5);
    fill_text(disk + 1280 * KIB, 512 * KIB, 6);
    put_sparse(in_folder("disk.raw"), disk, DISK_LEN);
    memory = bytes_new(MEMORY_LEN);
    fill_random(memory, MEMORY_LEN, 7);
    put_file(in_folder("memory.raw"), memory, MEMORY_LEN);
    text = bytes_new(TEXT_LEN);
    fill_records(text, TEXT_LEN);
    put_file(in_folder("text.raw"), text, TEXT_LEN);
    scattered = bytes_new(SCATTERED_LEN);
    for (at = 0; at < SCATTERED_LEN; at += 2 * PAGE)
        fill_random(scattered + at, PAGE, at);
    put_sparse(in_folder("scattered.raw"), scattered, SCATTERED_LEN);
    moved = bytes_new(DISK_LEN + PAGE);
    memcpy(moved, memory, PAGE);
    memcpy(moved + PAGE, disk, DISK_LEN);
    put_file(in_folder("moved.raw"), moved, DISK_LEN + PAGE);
    free(moved);
    put_qcow2("zlib.qcow2", 0);
    put_qcow2("zstd.qcow2", 1);
}

static void put_snapshots(void)
{
    static const struct {
        struct work work;
        const char *output;
    } all[] = {
        {{"disk", NULL, NULL, "disk.raw", NULL, 0, 1}, "disk.hxz"},
        {{"secret", NULL, NULL, "disk.raw", NULL, HEXZ_BUILD_ENCRYPT, 1}, "secret.hxz"},
        {{"text", NULL, NULL, "text.raw", "embedded", 0, 1}, "text.hxz"},
        {{"moved", NULL, NULL, "moved.raw", NULL, 0, 1}, "moved.hxz"},
        {{"scattered", NULL, NULL, "scattered.raw", NULL, 0, 1}, "scattered.hxz"},
        {{"chunks", NULL, NULL, "scattered.raw", NULL, HEXZ_BUILD_CDC, 1}, "scattered-chunks.hxz"},
    };
    const struct work damage = {"damaged", NULL, NULL, "damaged.hxz", NULL, 0, 1};
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_snapshot *snapshot;
    unsigned char *bytes;
    size_t i, len;
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        CHECK_OK(build_to(&all[i].work, in_folder(all[i].output), 0));
    snapshot = must_open(in_folder("text.hxz"));
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    CHECK(info.dictionary_size > 0);
    hexz_snapshot_close(snapshot);

    stored = get_file(in_folder("secret.hxz"), &stored_len);
    /* A byte of every other block, and of some pages. */
    bytes = get_file(in_folder("scattered.hxz"), &len);
    for (i = 2 * PAGE; i < len / 2; i += 2 * PAGE)
        bytes[i] ^= 1;
    put_file(in_folder("damaged.hxz"), bytes, len);
    free(bytes);
    opened = must_open(in_folder("damaged.hxz"));
    CHECK_OK(verify_damaged(&damage, 0));
    CHECK(damaged_blocks > 256);
    hexz_snapshot_close(opened);
}

int main(int count, char **names)
{
    size_t i;
    seen = nomem_start();
    if (seen == NULL)
        fixture_fail("mmap", "what children tell");
    put_sources();
    put_snapshots();
    if (mkdir(in_folder("out"), 0700) != 0)
        fixture_fail("mkdir", in_folder("out"));
    threads = entries_in("/proc/self/task");
    for (i = 0; i < sizeof(works) / sizeof(works[0]); i++)
        if (count < 2 || strcmp(names[1], works[i].name) == 0)
            fail_each(&works[i]);
    printf("nomem: %ld failures for %ld requests of %d kinds of work; %ld did without, %ld ended the process\n", tried,
           requests, (int)i, did_without, aborted);
    free(disk);
    free(memory);
    free(text);
    free(scattered);
    free(stored);
    return check_done();
}
