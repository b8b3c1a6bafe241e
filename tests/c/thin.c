/* Snapshots that lean on others: where they are looked for, what is said when they are not there, and
 * that nothing wrong is ever read. The argument is the folder of golden files, which have a base and a
 * child, plain and sealed. */

#include "passwords.h"

#include <pthread.h>

#define BASE "thin-base-v1.hxz"
#define CHILD "thin-child-v1.hxz"
#define SEALED_BASE "thin-sealed-base-v1.hxz"
#define SEALED_CHILD "thin-sealed-child-v1.hxz"
#define SIZE 24676
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *golden;
/* What the child's disk holds. */
static unsigned char disk[SIZE];
static unsigned char base_root[32];
static char base_root_text[65];

static const char *golden_path(const char *name)
{
    static char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", golden, name);
    return path;
}

/* A copy of a golden file in the program's own folder. */
static const char *copy(const char *name, const char *as)
{
    size_t len;
    unsigned char *bytes = get_file(golden_path(name), &len);
    const char *path = in_folder(as);
    put_file(path, bytes, len);
    free(bytes);
    return path;
}

static hexz_open_opts opening(const char *path)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    opts.path = path;
    return opts;
}

/* All of the disk, and no byte of it wrong. */
static void check_whole(hexz_snapshot *snapshot)
{
    static unsigned char buf[SIZE];
    hexz_verify_opts opts = HEXZ_INIT(hexz_verify_opts);
    size_t at;
    for (at = 0; at < SIZE; at += 5000) {
        size_t len = SIZE - at < 5000 ? SIZE - at : 5000;
        CHECK_OK(hexz_snapshot_read(snapshot, 0, at, buf + at, len));
    }
    CHECK_BYTES(buf, disk, SIZE);
    CHECK_OK(hexz_snapshot_verify(snapshot, &opts));
    hexz_snapshot_close(snapshot);
}

static void check_opens(const hexz_open_opts *opts)
{
    hexz_snapshot *snapshot = NULL;
    if (CHECK_OK(hexz_snapshot_open(opts, &snapshot)))
        check_whole(snapshot);
}

static void check_parent_error(const hexz_open_opts *opts, int errno_wanted)
{
    hexz_snapshot *snapshot = (hexz_snapshot *)disk;
    CHECK_STATUS(hexz_snapshot_open(opts, &snapshot), HEXZ_ERR_PARENT);
    CHECK(snapshot == NULL);
    CHECK_TEXT(base_root_text);
    CHECK_EQ(hexz_last_errno(), errno_wanted);
}

static void learn(void)
{
    hexz_snapshot *base = must_open(golden_path(BASE));
    hexz_snapshot *child = must_open(golden_path(CHILD));
    hexz_info info = HEXZ_INIT(hexz_info);
    int i;
    CHECK_OK(hexz_snapshot_info(base, &info));
    memcpy(base_root, info.root, 32);
    for (i = 0; i < 32; i++)
        (void)snprintf(base_root_text + 2 * i, 3, "%02x", base_root[i]);
    CHECK_OK(hexz_snapshot_read(child, 0, 0, disk, SIZE));
    /* The base's own bytes at the places that the child names. */
    {
        static unsigned char theirs[8192];
        CHECK_OK(hexz_snapshot_read(base, 0, 4096, theirs, 8192));
        CHECK_BYTES(disk, theirs, 8192);
        CHECK_OK(hexz_snapshot_read(base, 0, 8192, theirs, 100));
        CHECK_BYTES(disk + 24576, theirs, 100);
    }
    hexz_snapshot_close(child);
    hexz_snapshot_close(base);
}

static void what_it_is(void)
{
    hexz_snapshot *child = must_open(golden_path(CHILD));
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_ancestor_info ancestor = HEXZ_INIT(hexz_ancestor_info);
    hexz_extent extent = HEXZ_INIT(hexz_extent);
    hexz_stream_info stream = HEXZ_INIT(hexz_stream_info);
    static const uint32_t kinds[] = {HEXZ_EXTENT_PARENT, HEXZ_EXTENT_DATA, HEXZ_EXTENT_ZERO, HEXZ_EXTENT_PARENT};
    static const uint64_t lens[] = {8192, 4096, 4096, 8292};
    uint64_t at = 0;
    size_t i;

    CHECK_OK(hexz_snapshot_info(child, &info));
    CHECK_EQ(info.ancestor_count, 1);
    CHECK_BYTES(info.parent_root, base_root, 32);
    CHECK_OK(hexz_snapshot_ancestor(child, 0, &ancestor));
    CHECK_BYTES(ancestor.root, base_root, 32);
    CHECK(strcmp(ancestor.hint, BASE) == 0);
    CHECK_EQ(ancestor.bytes_inherited, 8192 + 8192 + 100 + 4096);
    CHECK_EQ(ancestor.file_size, file_size_of(golden_path(BASE)));
    CHECK_STATUS(hexz_snapshot_ancestor(child, 1, &ancestor), HEXZ_ERR_OUT_OF_RANGE);
    CHECK_STATUS(hexz_snapshot_ancestor(child, UINT32_MAX, &ancestor), HEXZ_ERR_OUT_OF_RANGE);
    for (i = 0; i < COUNT(kinds); i++) {
        CHECK_OK(hexz_snapshot_extent(child, 0, at, &extent));
        CHECK_EQ(extent.kind, kinds[i]);
        CHECK_EQ(extent.len, lens[i]);
        at += extent.len;
    }
    CHECK_EQ(at, SIZE);
    CHECK_OK(hexz_snapshot_stream(child, 0, &stream));
    CHECK_EQ(stream.data_size, SIZE - 4096);
    CHECK_EQ(stream.zero_size, 4096);
    check_whole(child);
}

static void places(void)
{
    const char *child = copy(CHILD, "child.hxz");
    const char *moved = copy(BASE, "moved");
    hexz_open_opts opts = opening(child);
    hexz_open_opts parent_opts = opening(moved);
    hexz_snapshot *parent = NULL, *snapshot = NULL;

    check_about("nowhere");
    check_parent_error(&opts, ENOENT);
    CHECK_TEXT(BASE);
    CHECK_TEXT("child.hxz");
    opts.flags = HEXZ_OPEN_NO_HINTS;
    check_parent_error(&opts, 0);
    check_about("by path");
    opts.parent = moved;
    check_opens(&opts);
    check_about("by a path to nothing");
    opts.parent = in_folder("absent");
    check_parent_error(&opts, ENOENT);
    check_about("by a path to another one");
    opts.parent = child;
    check_parent_error(&opts, 0);
    check_about("open already");
    CHECK_OK(hexz_snapshot_open(&parent_opts, &parent));
    opts.parent_snapshot = parent;
    CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), HEXZ_ERR_INVALID_ARGUMENT);
    opts.parent = NULL;
    CHECK_OK(hexz_snapshot_open(&opts, &snapshot));
    hexz_snapshot_close(parent);
    CHECK(unlink(moved) == 0);
    check_whole(snapshot);
    check_about("beside it");
    opts = opening(child);
    (void)copy(BASE, BASE);
    check_opens(&opts);
    check_about("beside it, told not to look");
    opts.flags = HEXZ_OPEN_NO_HINTS;
    check_parent_error(&opts, 0);
    CHECK(unlink(in_folder(BASE)) == 0);
    check_about("%s", "");
}

struct finder {
    int32_t code;
    const char *path;
    const hexz_snapshot *snapshot;
    const hexz_storage *storage;
    int asked;
    pthread_t caller;
};

static int32_t find(void *user_data, hexz_ancestor *ancestor)
{
    struct finder *finder = user_data;
    finder->asked++;
    CHECK(pthread_equal(pthread_self(), finder->caller));
    CHECK_EQ(ancestor->struct_size, sizeof(*ancestor));
    CHECK_BYTES(ancestor->root, base_root, 32);
    CHECK(ancestor->hint != NULL && strcmp(ancestor->hint, BASE) == 0);
    CHECK(ancestor->path == NULL && ancestor->storage == NULL && ancestor->snapshot == NULL);
    ancestor->path = finder->path;
    ancestor->snapshot = finder->snapshot;
    ancestor->storage = finder->storage;
    return finder->code;
}

/* The base as a host program holds it. */
static unsigned char *held;
static int released, broken;

static int32_t read_held(void *user_data, uint64_t offset, void *buf, size_t len)
{
    CHECK(user_data == &held);
    memcpy(buf, held + offset, len);
    return broken;
}

static void release_held(void *user_data)
{
    CHECK(user_data == &held);
    released++;
}

static void callbacks(void)
{
    const char *child = copy(CHILD, "child.hxz");
    const char *moved = copy(BASE, "moved");
    hexz_snapshot *base = must_open(moved), *other = must_open(golden_path(CHILD)), *snapshot = NULL;
    hexz_storage storage = HEXZ_INIT(hexz_storage);
    struct finder finder;
    hexz_open_opts opts = opening(child);

    memset(&finder, 0, sizeof(finder));
    finder.caller = pthread_self();
    opts.ancestor = find;
    opts.ancestor_data = &finder;
    finder.path = moved;
    check_opens(&opts);
    CHECK_EQ(finder.asked, 1);
    finder.path = NULL;
    finder.snapshot = base;
    check_opens(&opts);
    finder.snapshot = other;
    /* What the other one leans on itself will do. */
    check_opens(&opts);
    hexz_snapshot_close(other);
    CHECK_EQ(finder.asked, 3);

    check_about("a positive answer");
    finder.snapshot = NULL;
    finder.code = 7;
    check_parent_error(&opts, ENOENT);
    check_about("a negative answer");
    finder.code = -7;
    CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), HEXZ_ERR_CALLBACK);
    CHECK_EQ(hexz_last_callback_code(), -7);
    check_about("nothing, and too much");
    finder.code = 0;
    CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), HEXZ_ERR_INVALID_ARGUMENT);
    finder.path = moved;
    finder.snapshot = base;
    CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), HEXZ_ERR_INVALID_ARGUMENT);
    check_about("a path to nothing, and to another one");
    finder.snapshot = NULL;
    finder.path = in_folder("absent");
    check_parent_error(&opts, ENOENT);
    finder.path = child;
    check_parent_error(&opts, 0);
    CHECK_TEXT("callback");
    check_about("a storage");
    {
        size_t len;
        held = get_file(moved, &len);
        storage.size = len;
    }
    storage.read_at = read_held;
    storage.release = release_held;
    storage.user_data = &held;
    finder.path = NULL;
    finder.storage = &storage;
    check_opens(&opts);
    CHECK_EQ(released, 1);
    broken = 9;
    CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), HEXZ_ERR_CALLBACK);
    CHECK_EQ(hexz_last_callback_code(), 9);
    CHECK_EQ(released, 2);
    CHECK(snapshot == NULL);
    free(held);
    hexz_snapshot_close(base);
    check_about("%s", "");
}

/* Two ancestors, each asked for once, in their order; the k-th asking fails, or is the moment of a cancel. */
struct searcher {
    int asked;
    pthread_t caller;
    int trouble_at; /* counted from 1; 0: never */
    int32_t code;
    hexz_cancel *cancel;
};

static int32_t search(void *user_data, hexz_ancestor *ancestor)
{
    static const char *const hints[] = {SEALED_BASE, BASE};
    static char path[4096];
    struct searcher *searcher = user_data;
    int turn = searcher->asked++;

    CHECK(pthread_equal(pthread_self(), searcher->caller));
    if (!CHECK(turn < 2))
        return -1;
    CHECK(ancestor->hint != NULL && strcmp(ancestor->hint, hints[turn]) == 0);
    (void)snprintf(path, sizeof(path), "%s", golden_path(hints[turn]));
    ancestor->path = path;
    if (searcher->asked != searcher->trouble_at)
        return 0;
    if (searcher->cancel != NULL)
        hexz_cancel_trigger(searcher->cancel);
    return searcher->code;
}

static hexz_status search_with(struct searcher *searcher, hexz_snapshot **out)
{
    struct passwords passwords = password_is("password");
    hexz_open_opts opts = opening(in_folder("alone.hxz"));
    hexz_status status;
    searcher->asked = 0;
    searcher->caller = pthread_self();
    opts.password = answer;
    opts.password_data = &passwords;
    opts.ancestor = search;
    opts.ancestor_data = searcher;
    opts.cancel = searcher->cancel;
    *out = NULL;
    status = hexz_snapshot_open(&opts, out);
    CHECK_EQ(passwords.count, 1);
    CHECK((*out != NULL) == (status == HEXZ_OK));
    return status;
}

static void each_asking(void)
{
    static const int32_t codes[] = {-1, INT32_MIN, 1, INT32_MAX};
    struct searcher searcher;
    hexz_snapshot *snapshot;
    size_t i;

    (void)copy(SEALED_CHILD, "alone.hxz");
    memset(&searcher, 0, sizeof(searcher));
    if (CHECK_OK(search_with(&searcher, &snapshot)))
        check_whole(snapshot);
    CHECK_EQ(searcher.asked, 2);
    for (searcher.trouble_at = 1; searcher.trouble_at <= 2; searcher.trouble_at++) {
        for (i = 0; i < COUNT(codes); i++) {
            check_about("asking %d answers %d", searcher.trouble_at, (int)codes[i]);
            searcher.code = codes[i];
            CHECK_STATUS(search_with(&searcher, &snapshot), codes[i] < 0 ? HEXZ_ERR_CALLBACK : HEXZ_ERR_PARENT);
            CHECK_EQ(hexz_last_callback_code(), codes[i] < 0 ? codes[i] : 0);
            CHECK_EQ(searcher.asked, searcher.trouble_at);
        }
        check_about("cancelled in asking %d", searcher.trouble_at);
        searcher.code = 0;
        CHECK_OK(hexz_cancel_new(&searcher.cancel));
        CHECK_STATUS(search_with(&searcher, &snapshot), HEXZ_ERR_CANCELLED);
        CHECK_EQ(searcher.asked, searcher.trouble_at);
        hexz_cancel_free(searcher.cancel);
        searcher.cancel = NULL;
    }
    check_about("%s", "");
}

/* Whatever becomes of the base, what is read is right or nothing. */
static void damage(void)
{
    hexz_open_opts opts = opening(copy(CHILD, "child.hxz"));
    const char *base = copy(BASE, BASE);
    uint64_t size = file_size_of(base), at;
    size_t step = fixture_small() ? 211 : 23;
    static unsigned char buf[SIZE];

    for (at = 0; at < size; at += step) {
        hexz_snapshot *snapshot = NULL;
        hexz_status status;
        (void)copy(BASE, BASE);
        flip_byte(base, at, 0x20);
        check_about("byte %llu", (unsigned long long)at);
        status = hexz_snapshot_open(&opts, &snapshot);
        if (status != HEXZ_OK) {
            CHECK(status == HEXZ_ERR_PARENT || status == HEXZ_ERR_CORRUPT || status == HEXZ_ERR_UNSUPPORTED);
            continue;
        }
        status = hexz_snapshot_read(snapshot, 0, 0, buf, SIZE);
        if (status == HEXZ_OK)
            CHECK_BYTES(buf, disk, SIZE);
        else
            CHECK_EQ(status, HEXZ_ERR_CORRUPT);
        hexz_snapshot_close(snapshot);
    }
    for (at = 0; at < size; at += step * 7) {
        hexz_snapshot *snapshot = NULL;
        hexz_status status;
        (void)copy(BASE, BASE);
        check_about("cut at %llu", (unsigned long long)at);
        CHECK(truncate(base, (off_t)at) == 0);
        status = hexz_snapshot_open(&opts, &snapshot);
        CHECK(status == HEXZ_ERR_PARENT || status == HEXZ_ERR_CORRUPT);
        CHECK(snapshot == NULL);
    }
    CHECK(unlink(base) == 0);
    check_about("%s", "");
}

static void one_password(void)
{
    struct passwords passwords = password_is("password");
    hexz_open_opts opts = opening(golden_path(SEALED_CHILD));
    hexz_ancestor_info ancestor = HEXZ_INIT(hexz_ancestor_info);
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_snapshot *snapshot = NULL;

    opts.password = answer;
    opts.password_data = &passwords;
    CHECK_OK(hexz_snapshot_open(&opts, &snapshot));
    CHECK_EQ(passwords.count, 1);
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    CHECK_EQ(info.ancestor_count, 2);
    CHECK_OK(hexz_snapshot_ancestor(snapshot, 0, &ancestor));
    CHECK(strcmp(ancestor.hint, SEALED_BASE) == 0);
    check_whole(snapshot);
    CHECK_STATUS(try_password(golden_path(SEALED_CHILD), "passwore"), HEXZ_ERR_WRONG_PASSWORD);
}

static void check_run(const hexz_snapshot *from, const hexz_snapshot *to, uint64_t at, uint32_t kind, uint64_t len)
{
    hexz_extent extent = HEXZ_INIT(hexz_extent);
    CHECK_OK(hexz_snapshot_diff(from, 0, to, 0, at, &extent));
    CHECK_EQ(extent.kind, kind);
    CHECK_EQ(extent.offset, at);
    CHECK_EQ(extent.len, len);
}

static void differences(void)
{
    hexz_snapshot *base = must_open(golden_path(BASE)), *child = must_open(golden_path(CHILD));
    hexz_extent extent = HEXZ_INIT(hexz_extent);

    check_run(child, child, 0, HEXZ_EXTENT_SAME, SIZE);
    check_run(child, child, 5, HEXZ_EXTENT_SAME, SIZE - 5);
    check_run(base, child, 12288, HEXZ_EXTENT_ZERO, 8192);
    CHECK_OK(hexz_snapshot_diff(base, 0, child, 0, 0, &extent));
    CHECK_EQ(extent.kind, HEXZ_EXTENT_DATA);
    CHECK_STATUS(hexz_snapshot_diff(base, 0, child, 0, SIZE, &extent), HEXZ_ERR_OUT_OF_RANGE);
    CHECK_STATUS(hexz_snapshot_diff(base, 2, child, 0, 0, &extent), HEXZ_ERR_NO_STREAM);
    CHECK_STATUS(hexz_snapshot_diff(base, 0, child, 2, 0, &extent), HEXZ_ERR_NO_STREAM);
    /* Page 0 of memory is the base's page 1 of memory, and page 1 is zeros in the child alone. */
    CHECK_OK(hexz_snapshot_diff(base, 1, child, 1, 4096, &extent));
    CHECK_EQ(extent.kind, HEXZ_EXTENT_ZERO);
    hexz_snapshot_close(child);
    hexz_snapshot_close(base);
}

static void extracted(void)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    hexz_snapshot *child = must_open(golden_path(CHILD));
    opts.output = in_folder("out.raw");
    opts.flags = HEXZ_EXTRACT_NO_SYNC;
    CHECK_OK(hexz_snapshot_extract(child, &opts));
    CHECK(file_holds(opts.output, disk, SIZE));
    hexz_snapshot_close(child);
    /* Over what it leans on, no. */
    (void)copy(BASE, BASE);
    child = must_open(copy(CHILD, "child.hxz"));
    opts.output = in_folder(BASE);
    opts.flags |= HEXZ_EXTRACT_IN_PLACE;
    CHECK_STATUS(hexz_snapshot_extract(child, &opts), HEXZ_ERR_INVALID_ARGUMENT);
    hexz_snapshot_close(child);
    child = must_open(in_folder("child.hxz"));
    check_whole(child);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: thin GOLDEN_FOLDER\n");
        return 2;
    }
    golden = argv[1];
    learn();
    what_it_is();
    places();
    callbacks();
    each_asking();
    damage();
    one_password();
    differences();
    extracted();
    return check_done();
}
