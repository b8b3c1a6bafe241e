/* What a chain gets whose files are missing, replaced, cut, flipped, or of another password: an error
 * that says which root is needed and where it was looked for, at opening and at building on it; never
 * zeros, and never wrong bytes. */

#include "hosted.h"
#include "passwords.h"

#define PAGE ((size_t)4096)
#define PAGES ((size_t)120)
#define SIZE (PAGES * PAGE)

static unsigned char disk[3][SIZE];
/* Texts of the roots of first.hxz, second.hxz and other.hxz. */
static char roots[3][65];
static unsigned char *whole; /* first.hxz */
static size_t whole_len;

static void learn_root(const char *name, char *text)
{
    hexz_snapshot *snapshot = must_open(in_folder(name));
    hexz_info info = HEXZ_INIT(hexz_info);
    size_t i;
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    for (i = 0; i < 32; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", info.root[i]);
    hexz_snapshot_close(snapshot);
}

static hexz_build_opts build_on(const char *parent, const unsigned char *bytes, const char *output)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder(output));
    put_file(in_folder("disk.raw"), bytes, SIZE);
    opts.parent = parent == NULL ? NULL : in_folder(parent);
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    return opts;
}

/* Opening the child of first.hxz, and building on that, fail alike and make nothing. */
static void check_fails(hexz_status want, const char *needed, const char *looked_at, int code)
{
    hexz_snapshot *snapshot = (hexz_snapshot *)(void *)disk;
    hexz_build_opts opts = build_on("second.hxz", disk[2], "third.hxz");
    int way;
    for (way = 0; way < 2; way++) {
        if (way == 0)
            CHECK_STATUS(open_path(in_folder("second.hxz"), &snapshot), want);
        else
            CHECK_STATUS(hexz_build(&opts), want);
        CHECK_TEXT(needed);
        CHECK_TEXT(looked_at);
        CHECK_EQ(hexz_last_errno(), code);
    }
    CHECK(snapshot == NULL);
    CHECK(!file_exists(in_folder("third.hxz")));
}

static void put_first(const void *bytes, size_t len)
{
    put_file(in_folder("first.hxz"), bytes, len);
}

static void missing_and_replaced(void)
{
    hexz_build_opts opts;
    unsigned char *bytes;
    size_t len;

    check_about("%s", "missing");
    CHECK_EQ(unlink(in_folder("first.hxz")), 0);
    check_fails(HEXZ_ERR_PARENT, roots[0], "first.hxz", ENOENT);
    check_about("%s", "a folder");
    CHECK_EQ(mkdir(in_folder("first.hxz"), 0777), 0);
    check_fails(HEXZ_ERR_PARENT, roots[0], "first.hxz", 0);
    CHECK_EQ(rmdir(in_folder("first.hxz")), 0);
    check_about("%s", "a link to it");
    put_file(in_folder("aside.hxz"), whole, whole_len);
    CHECK_EQ(symlink(in_folder("aside.hxz"), in_folder("first.hxz")), 0);
    check_fails(HEXZ_ERR_PARENT, roots[0], "first.hxz", ELOOP);
    CHECK_EQ(unlink(in_folder("first.hxz")), 0);
    check_about("%s", "no snapshot");
    put_first(disk[0], SIZE);
    check_fails(HEXZ_ERR_PARENT, roots[0], "first.hxz", 0);
    put_first("", 0);
    check_fails(HEXZ_ERR_PARENT, roots[0], "first.hxz", 0);
    check_about("%s", "another snapshot");
    bytes = get_file(in_folder("other.hxz"), &len);
    put_first(bytes, len);
    free(bytes);
    check_fails(HEXZ_ERR_PARENT, roots[0], roots[2], 0);
    check_about("%s", "the child itself");
    bytes = get_file(in_folder("second.hxz"), &len);
    put_first(bytes, len);
    free(bytes);
    check_fails(HEXZ_ERR_PARENT, roots[0], roots[1], 0);
    check_about("%s", "a named parent that is no file");
    opts = build_on(".", disk[2], "third.hxz");
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_PARENT);
    opts = build_on("nowhere.hxz", disk[2], "third.hxz");
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_PARENT);
    CHECK_EQ(hexz_last_errno(), ENOENT);
    CHECK_TEXT("nowhere.hxz");
    put_first(whole, whole_len);
    check_about("%s", "");
}

/* Each page is right or was not written. */
static void check_pages(hexz_snapshot *snapshot, const unsigned char *bytes)
{
    unsigned char page[PAGE], untouched[PAGE];
    size_t at;
    memset(untouched, 0xa5, PAGE);
    for (at = 0; at < SIZE; at += PAGE) {
        hexz_status status;
        memset(page, 0xa5, PAGE);
        status = hexz_snapshot_read(snapshot, 0, at, page, PAGE);
        if (status == HEXZ_OK) {
            CHECK_BYTES(page, bytes + at, PAGE);
        } else {
            CHECK_STATUS(status, HEXZ_ERR_CORRUPT);
            CHECK_TEXT("first.hxz");
        }
    }
}

/* The damaged file, as a parent's parent: it is not opened, or what is read and built is right. */
static void check_damaged(void)
{
    hexz_build_opts opts = build_on("second.hxz", disk[2], "third.hxz");
    hexz_snapshot *snapshot = NULL;
    hexz_status status = open_path(in_folder("second.hxz"), &snapshot);
    if (status == HEXZ_OK) {
        check_pages(snapshot, disk[1]);
        hexz_snapshot_close(snapshot);
    } else {
        CHECK(status == HEXZ_ERR_CORRUPT || status == HEXZ_ERR_PARENT || status == HEXZ_ERR_UNSUPPORTED);
        CHECK_TEXT("first.hxz");
    }
    status = hexz_build(&opts);
    if (status != HEXZ_OK) {
        CHECK(status == HEXZ_ERR_CORRUPT || status == HEXZ_ERR_PARENT || status == HEXZ_ERR_UNSUPPORTED);
        CHECK_TEXT("first.hxz");
        CHECK(!file_exists(in_folder("third.hxz")));
        return;
    }
    /* It leaned on nothing that is damaged. */
    snapshot = must_open(in_folder("third.hxz"));
    check_pages(snapshot, disk[2]);
    hexz_snapshot_close(snapshot);
    CHECK_EQ(unlink(in_folder("third.hxz")), 0);
}

static void cut_and_flipped(void)
{
    const size_t step = fixture_small() ? whole_len / 11 : whole_len / 151;
    unsigned char *bytes = bytes_new(whole_len + PAGE);
    size_t at;

    memset(bytes, 0, whole_len + PAGE);
    memcpy(bytes, whole, whole_len);
    check_about("%s", "longer");
    put_first(bytes, whole_len + PAGE);
    check_fails(HEXZ_ERR_CORRUPT, "first.hxz", "", 0);
    for (at = step; at < whole_len; at += step) {
        check_about("cut at %lu", (unsigned long)at);
        put_first(bytes, at);
        check_damaged();
        check_about("flipped at %lu", (unsigned long)at);
        bytes[at] ^= 0x40;
        put_first(bytes, whole_len);
        check_damaged();
        bytes[at] ^= 0x40;
    }
    put_first(whole, whole_len);
    free(bytes);
    check_about("%s", "");
}

/* A sealed chain opens by its child's password, whatever became of its parent's; another file with
 * another password in the parent's place has another root. */
static void passwords_of_parents(void)
{
    struct passwords passwords = password_is("one");
    hexz_build_opts opts = encrypted_build_of(in_folder("disk.raw"), in_folder("sealed.hxz"), &passwords);
    hexz_snapshot *snapshot = NULL;
    hexz_rekey_opts rekey;
    size_t len;
    unsigned char *before;

    put_file(in_folder("disk.raw"), disk[0], SIZE);
    CHECK_OK(hexz_build(&opts));
    opts = encrypted_build_of(in_folder("disk.raw"), in_folder("sealed-child.hxz"), &passwords);
    opts.parent = in_folder("sealed.hxz");
    put_file(in_folder("disk.raw"), disk[1], SIZE);
    CHECK_OK(hexz_build(&opts));
    check_about("%s", "a password that is wrong three times");
    passwords = password_is("wrong");
    opts = encrypted_build_of(in_folder("disk.raw"), in_folder("grandchild.hxz"), &passwords);
    opts.parent = in_folder("sealed-child.hxz");
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_WRONG_PASSWORD);
    CHECK_TEXT("sealed-child.hxz");
    CHECK_EQ(passwords.count, 3);
    CHECK(!file_exists(in_folder("grandchild.hxz")));
    check_about("%s", "another password for the same file");
    before = get_file(in_folder("sealed.hxz"), &len);
    passwords = no_passwords();
    add_answer(&passwords, 0, "one", 3);
    add_answer(&passwords, 0, "two", 3);
    rekey = rekey_of(in_folder("sealed.hxz"), HEXZ_REKEY_REPLACE, &passwords);
    CHECK_OK(hexz_snapshot_rekey(&rekey));
    snapshot = must_open_with(in_folder("sealed-child.hxz"), "one");
    check_pages(snapshot, disk[1]);
    hexz_snapshot_close(snapshot);
    check_about("%s", "another file with another password");
    passwords = password_is("two");
    opts = encrypted_build_of(in_folder("disk.raw"), in_folder("sealed.hxz"), &passwords);
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    put_file(in_folder("disk.raw"), disk[0], SIZE);
    CHECK_OK(hexz_build(&opts));
    passwords = password_is("one");
    CHECK_STATUS(open_with(in_folder("sealed-child.hxz"), &passwords, &snapshot), HEXZ_ERR_PARENT);
    CHECK_TEXT("sealed.hxz");
    CHECK(snapshot == NULL);
    free(before);
    check_about("%s", "");
}

/* The parent's storage cancels, or fails, at its first call, its second, and so on: through opening,
 * the walk over its units, comparing and proof. */
static void at_each_call(void)
{
    unsigned char moved[SIZE];
    int way;

    memcpy(moved, disk[0] + 10 * PAGE, SIZE - 10 * PAGE);
    fill_text(moved + SIZE - 10 * PAGE, 10 * PAGE, 99);
    for (way = 0; way < 2; way++) {
        long nth;
        int done = 0;
        for (nth = 1; !done && nth < 2000; nth += fixture_small() ? 7 : 1) {
            struct hosted_storage hosted = stored(whole, whole_len);
            hexz_build_opts opts = build_on(NULL, moved, "third.hxz");
            hexz_cancel *cancel = NULL;
            hexz_snapshot *parent = NULL;
            hexz_status status;
            CHECK_OK(hexz_cancel_new(&cancel));
            CHECK_OK(open_storage(&hosted, 0, NULL, &parent));
            check_about("%s at call %ld", way == 0 ? "cancelled" : "failed", nth);
            hosted.trouble.at = hosted.calls + nth;
            if (way == 0)
                hosted.trouble.cancel = cancel;
            else
                hosted.trouble.code = 77;
            opts.parent_snapshot = parent;
            opts.cancel = cancel;
            opts.threads = 1;
            status = hexz_build(&opts);
            done = hosted.calls < hosted.trouble.at;
            if (done) {
                CHECK_STATUS(status, HEXZ_OK);
            } else if (way == 0) {
                CHECK_STATUS(status, HEXZ_ERR_CANCELLED);
                /* A block that is on its way may still be read. */
                CHECK(hosted.calls <= hosted.trouble.at + 1);
            } else {
                CHECK_STATUS(status, HEXZ_ERR_CALLBACK);
                CHECK_EQ(hexz_last_callback_code(), 77);
                CHECK_EQ(hosted.calls, hosted.trouble.at);
            }
            CHECK(file_exists(in_folder("third.hxz")) == done);
            hexz_snapshot_close(parent);
            hexz_cancel_free(cancel);
        }
        CHECK(done && nth > 10);
        CHECK_EQ(unlink(in_folder("third.hxz")), 0);
    }
    check_about("%s", "");
}

int main(void)
{
    hexz_build_opts opts;
    size_t i;

    for (i = 0; i < 3; i++) {
        fill_text(disk[i], SIZE, 17);
        memset(disk[i] + 30 * PAGE, 0, 5 * PAGE);
    }
    fill_text(disk[1] + 50 * PAGE, PAGE, 18);
    memcpy(disk[2], disk[1], SIZE);
    memmove(disk[2] + 70 * PAGE, disk[0] + 5 * PAGE, 20 * PAGE);
    opts = build_on(NULL, disk[0], "first.hxz");
    CHECK_OK(hexz_build(&opts));
    opts = build_on(NULL, disk[2], "other.hxz");
    CHECK_OK(hexz_build(&opts));
    opts = build_on("first.hxz", disk[1], "second.hxz");
    CHECK_OK(hexz_build(&opts));
    learn_root("first.hxz", roots[0]);
    learn_root("second.hxz", roots[1]);
    learn_root("other.hxz", roots[2]);
    whole = get_file(in_folder("first.hxz"), &whole_len);
    missing_and_replaced();
    cut_and_flipped();
    passwords_of_parents();
    at_each_call();
    free(whole);
    return check_done();
}
