/* Changing passwords: adding, replacing and removing them, in the file as it
 * is. Blocks and root stay, and who has the file open notices nothing.
 * rekey_torn.c has what stops it half way. */
#include "rekeyed.h"

#include <linux/capability.h>
#include <sys/syscall.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SLOTS 8

static void each_operation(void)
{
    build_afresh("one");
    CHECK_OK(rekey(HEXZ_REKEY_ADD, "one", "two"));
    check_slots_changed();
    check_opens("one");
    check_opens("two");
    check_opens_not("three");

    remember();
    CHECK_OK(rekey(HEXZ_REKEY_REPLACE, "one", "three"));
    check_slots_changed();
    check_opens_not("one");
    check_opens("two");
    check_opens("three");

    /* The key is the same for all: who has one password may change another's. */
    remember();
    CHECK_OK(rekey(HEXZ_REKEY_REMOVE, "two", NULL));
    check_slots_changed();
    check_opens_not("two");
    check_opens("three");

    /* The last one stays, and can be replaced. */
    remember();
    CHECK_STATUS(rekey(HEXZ_REKEY_REMOVE, "three", NULL), HEXZ_ERR_STATE);
    CHECK_TEXT(snap());
    check_file_as_before();
    CHECK_OK(rekey(HEXZ_REKEY_REPLACE, "three", "four"));
    check_slots_changed();
    check_opens_not("three");
    check_opens("four");
}

static void every_slot(void)
{
    char name[32];
    int i;
    build_afresh("number 0");
    for (i = 1; i < SLOTS; i++) {
        (void)snprintf(name, sizeof(name), "number %d", i);
        CHECK_OK(rekey(HEXZ_REKEY_ADD, i == 1 ? "number 0" : "number 1", name));
    }
    remember();
    CHECK_STATUS(rekey(HEXZ_REKEY_ADD, "number 7", "number 8"), HEXZ_ERR_STATE);
    CHECK_TEXT(snap());
    check_file_as_before();
    for (i = 0; i < SLOTS; i += fixture_small() ? SLOTS - 1 : 1) {
        (void)snprintf(name, sizeof(name), "number %d", i);
        check_opens(name);
    }
    /* Full as they are, one can be replaced; one that was freed is used again. */
    CHECK_OK(rekey(HEXZ_REKEY_REPLACE, "number 3", "another"));
    check_opens("another");
    check_opens_not("number 3");
    CHECK_OK(rekey(HEXZ_REKEY_REMOVE, "number 5", NULL));
    check_opens_not("number 5");
    CHECK_OK(rekey(HEXZ_REKEY_ADD, "another", "one more"));
    check_opens("one more");
    check_opens("number 7");
}

/* A password may open more than one slot: it is gone from all of them, unless
 * no other one would be left. */
static void one_password_in_many_slots(void)
{
    build_afresh("twice");
    CHECK_OK(rekey(HEXZ_REKEY_ADD, "twice", "twice"));
    remember();
    CHECK_STATUS(rekey(HEXZ_REKEY_REMOVE, "twice", NULL), HEXZ_ERR_STATE);
    check_file_as_before();
    CHECK_OK(rekey(HEXZ_REKEY_ADD, "twice", "once"));
    CHECK_OK(rekey(HEXZ_REKEY_ADD, "once", "twice"));
    CHECK_OK(rekey(HEXZ_REKEY_REMOVE, "twice", NULL));
    check_opens_not("twice");
    check_opens("once");
    CHECK_OK(rekey(HEXZ_REKEY_ADD, "once", "once"));
    CHECK_OK(rekey(HEXZ_REKEY_REPLACE, "once", "new"));
    check_opens_not("once");
    check_opens("new");
}

/* What each answer means, at the first asking and at the second. */
static void answers_that_are_none(void)
{
    static const struct {
        const char *about;
        int32_t code;
        size_t len;
        hexz_status status;
    } answers[] = {
        {"declines", 7, 3, HEXZ_ERR_PASSWORD_REQUIRED},
        {"fails", -7, 3, HEXZ_ERR_CALLBACK},
        {"gives nothing", 0, 0, HEXZ_ERR_INVALID_PASSWORD},
        {"gives too much", 0, PASSWORD_MOST + 1, HEXZ_ERR_INVALID_PASSWORD},
    };
    static const unsigned char bytes[PASSWORD_MOST] = "new";
    static const uint32_t operations[] = {HEXZ_REKEY_ADD, HEXZ_REKEY_REPLACE, HEXZ_REKEY_REMOVE};
    size_t i, o;
    uint32_t attempt;

    build_afresh("old");
    CHECK_OK(rekey(HEXZ_REKEY_ADD, "old", "other"));
    remember();
    for (o = 0; o < COUNT(operations); o++) {
        struct passwords passwords = password_is("xyzzy");
        hexz_rekey_opts opts = rekey_of(snap(), operations[o], &passwords);

        check_about("operation %d", (int)operations[o]);
        CHECK_STATUS(hexz_snapshot_rekey(&opts), HEXZ_ERR_WRONG_PASSWORD);
        CHECK_TEXT(snap());
        CHECK(strstr(hexz_last_error(), "xyzzy") == NULL);
        CHECK_EQ(passwords.count, 3);
        for (attempt = 0; attempt < 3; attempt++) {
            CHECK_EQ(passwords.asked[attempt].purpose, HEXZ_PASSWORD_OPEN);
            CHECK_EQ(passwords.asked[attempt].attempt, attempt);
        }
        for (i = 0; i < COUNT(answers); i++) {
            check_about("operation %d, the callback %s", (int)operations[o], answers[i].about);
            passwords = no_passwords();
            add_answer(&passwords, answers[i].code, bytes, answers[i].len);
            CHECK_STATUS(hexz_snapshot_rekey(&opts), answers[i].status);
            CHECK(hexz_last_callback_code() == answers[i].code);
            CHECK_EQ(passwords.count, 1);
            if (operations[o] == HEXZ_REKEY_REMOVE)
                continue;
            passwords = no_passwords();
            add_answer(&passwords, 0, "old", 3);
            add_answer(&passwords, answers[i].code, bytes, answers[i].len);
            CHECK_STATUS(hexz_snapshot_rekey(&opts), answers[i].status);
            CHECK(hexz_last_callback_code() == answers[i].code);
            CHECK_EQ(passwords.count, 2);
            CHECK_EQ(passwords.asked[1].purpose, HEXZ_PASSWORD_CREATE);
            CHECK_EQ(passwords.asked[1].attempt, 0);
        }
        /* Wrong at first, then right. */
        if (operations[o] == HEXZ_REKEY_REMOVE)
            continue;
        check_about("operation %d, a wrong one first", (int)operations[o]);
        passwords = no_passwords();
        add_answer(&passwords, 0, "wrong", 5);
        add_answer(&passwords, 0, "old", 3);
        add_answer(&passwords, 1, NULL, 0);
        CHECK_STATUS(hexz_snapshot_rekey(&opts), HEXZ_ERR_PASSWORD_REQUIRED);
        CHECK_EQ(passwords.count, 3);
        CHECK_EQ(passwords.asked[1].purpose, HEXZ_PASSWORD_OPEN);
        CHECK_EQ(passwords.asked[1].attempt, 1);
        CHECK_EQ(passwords.asked[2].purpose, HEXZ_PASSWORD_CREATE);
        CHECK_EQ(passwords.asked[2].attempt, 0);
    }
    check_about("%s", "");
    check_file_as_before();
}

static void costs_of_a_new_password(void)
{
    static const uint32_t bad[][3] = {
        {1023, 1, 1}, {(1 << 20) + 1, 1, 1}, {1024, 65, 1}, {1024, 1, 17}, {1 << 20, 5, 1},
        {1 << 20, 4, 1}, /* for itself it may be, but not beside the slot that is there */
    };
    struct passwords passwords = no_passwords();
    hexz_rekey_opts opts = rekey_of(snap(), HEXZ_REKEY_ADD, &passwords);
    unsigned char *now;
    size_t i, len;

    build_afresh("old");
    for (i = 0; i < COUNT(bad); i++) {
        check_about("%lu KiB, %lu passes, %lu lanes", (unsigned long)bad[i][0], (unsigned long)bad[i][1],
                    (unsigned long)bad[i][2]);
        passwords = no_passwords();
        add_answer(&passwords, 0, "old", 3);
        add_answer(&passwords, 0, "new", 3);
        opts.kdf_memory_kib = bad[i][0];
        opts.kdf_passes = bad[i][1];
        opts.kdf_lanes = bad[i][2];
        CHECK_STATUS(hexz_snapshot_rekey(&opts), HEXZ_ERR_INVALID_ARGUMENT);
        CHECK(i == COUNT(bad) - 1 || passwords.count == 0);
    }
    check_about("%s", "");
    check_file_as_before();

    passwords.count = 0;
    opts.kdf_memory_kib = 2048;
    opts.kdf_passes = 3;
    opts.kdf_lanes = 2;
    CHECK_OK(hexz_snapshot_rekey(&opts));
    check_opens("old");
    check_opens("new");
    now = get_file(snap(), &len);
    CHECK_EQ(now[FIRST_COPY + 128 + 256 + 5], 2048 >> 8);
    CHECK_EQ(now[FIRST_COPY + 128 + 256 + 8], 3);
    CHECK_EQ(now[FIRST_COPY + 128 + 256 + 12], 2);
    free(now);
}

/* What the passwords that are there may cost, as on opening. */
static void costs_of_the_passwords_that_are_there(void)
{
    struct passwords passwords = no_passwords();
    hexz_rekey_opts opts = rekey_of(snap(), HEXZ_REKEY_REPLACE, &passwords);

    build_afresh("old");
    passwords = password_is("old");
    opts.kdf_memory_max_kib = KDF_LEAST_KIB - 1;
    CHECK_STATUS(hexz_snapshot_rekey(&opts), HEXZ_ERR_UNSUPPORTED);
    CHECK_TEXT("1024 KiB");
    CHECK_TEXT("kdf_memory_max_kib is 1023");
    CHECK_EQ(passwords.count, 0);
    check_file_as_before();
    /* The new one may cost what it likes: its maker says so here and now. */
    opts.kdf_memory_max_kib = KDF_LEAST_KIB;
    opts.kdf_memory_kib = 2 * KDF_LEAST_KIB;
    CHECK_OK(hexz_snapshot_rekey(&opts));
    check_opens("old");
}

static void trigger(void *data)
{
    hexz_cancel_trigger(data);
}

/* Cancelled before and while it asks, nothing is changed: the key of the new
 * password, which would take minutes of work under valgrind, is not even made. */
static void cancelled(void)
{
    static const uint32_t operations[] = {HEXZ_REKEY_ADD, HEXZ_REKEY_REPLACE, HEXZ_REKEY_REMOVE};
    size_t i;
    build_afresh("old");
    CHECK_OK(rekey(HEXZ_REKEY_ADD, "old", "other"));
    remember();
    for (i = 0; i < COUNT(operations); i++) {
        struct passwords passwords = no_passwords();
        hexz_rekey_opts opts = rekey_of(snap(), operations[i], &passwords);
        hexz_cancel *cancel = NULL;
        check_about("operation %d", (int)operations[i]);
        CHECK_OK(hexz_cancel_new(&cancel));
        opts.cancel = cancel;
        opts.kdf_memory_kib = 1 << 20;
        opts.kdf_passes = 3;
        add_answer(&passwords, 0, "old", 3);
        add_answer(&passwords, 0, "new", 3);
        passwords.during = trigger;
        passwords.during_data = cancel;
        CHECK_STATUS(hexz_snapshot_rekey(&opts), HEXZ_ERR_CANCELLED);
        CHECK_EQ(passwords.count, 1);
        CHECK_STATUS(hexz_snapshot_rekey(&opts), HEXZ_ERR_CANCELLED);
        CHECK_EQ(passwords.count, 1);
        hexz_cancel_free(cancel);
    }
    check_about("%s", "");
    check_file_as_before();
    check_opens("old");
    check_opens("other");
}

/* Who has the file open goes on, while and after its password changes. */
static void read_meanwhile(void *data)
{
    static unsigned char back[sizeof(disk)];
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    CHECK_OK(hexz_snapshot_read(data, 0, 0, back, sizeof(back)));
    CHECK_BYTES(back, disk, sizeof(back));
    CHECK_OK(hexz_snapshot_verify(data, &verify));
}

static void while_open(void)
{
    struct passwords passwords = no_passwords();
    hexz_rekey_opts opts = rekey_of(snap(), HEXZ_REKEY_REPLACE, &passwords);
    hexz_open_opts opening = HEXZ_INIT(hexz_open_opts);
    hexz_snapshot *snapshot = NULL;
    struct passwords old = password_is("old");

    build_afresh("old");
    opening.path = snap();
    opening.password = answer;
    opening.password_data = &old;
    opening.cache_size = 1;
    if (!CHECK_OK(hexz_snapshot_open(&opening, &snapshot)))
        return;
    add_answer(&passwords, 0, "old", 3);
    add_answer(&passwords, 0, "new", 3);
    passwords.during = read_meanwhile;
    passwords.during_data = snapshot;
    CHECK_OK(hexz_snapshot_rekey(&opts));
    CHECK_EQ(passwords.count, 2);
    read_meanwhile(snapshot);
    check_opens_not("old");
    check_opens("new");
    read_meanwhile(snapshot);
    hexz_snapshot_close(snapshot);
}

/* While one change is under way a second one is refused, and does no harm. */
static void change_meanwhile(void *data)
{
    struct passwords passwords = no_passwords();
    hexz_rekey_opts opts = rekey_of(snap(), HEXZ_REKEY_ADD, &passwords);
    (void)data;
    add_answer(&passwords, 0, "old", 3);
    add_answer(&passwords, 0, "second", 6);
    CHECK_STATUS(hexz_snapshot_rekey(&opts), HEXZ_ERR_IO);
    CHECK_TEXT(snap());
}

static void one_at_a_time(void)
{
    struct passwords passwords = no_passwords();
    hexz_rekey_opts opts = rekey_of(snap(), HEXZ_REKEY_ADD, &passwords);
    build_afresh("old");
    add_answer(&passwords, 0, "old", 3);
    add_answer(&passwords, 0, "first", 5);
    passwords.during = change_meanwhile;
    CHECK_OK(hexz_snapshot_rekey(&opts));
    CHECK_EQ(passwords.count, 2);
    check_opens("old");
    check_opens("first");
    check_opens_not("second");
    CHECK_OK(rekey(HEXZ_REKEY_ADD, "old", "second"));
    check_opens("second");
}

/* Root may write what its mode forbids, unless it lays that down for a while. */
static void heed_modes(int heed)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    const uint32_t mask = UINT32_C(1) << CAP_DAC_OVERRIDE;
    if (geteuid() != 0)
        return;
    if (syscall(SYS_capget, &header, data) != 0)
        fixture_fail("capget", "own capabilities");
    data[0].effective = heed ? data[0].effective & ~mask : data[0].effective | (data[0].permitted & mask);
    if (syscall(SYS_capset, &header, data) != 0)
        fixture_fail("capset", "own capabilities");
}

static void files_that_cannot_be(void)
{
    struct passwords passwords = password_is("old");
    hexz_rekey_opts opts = rekey_of(in_folder("absent.hxz"), HEXZ_REKEY_ADD, &passwords);
    hexz_build_opts plain = build_of(in_folder("disk.raw"), in_folder("plain.hxz"));
    hexz_status status;

    CHECK_STATUS(hexz_snapshot_rekey(&opts), HEXZ_ERR_IO);
    CHECK_EQ(hexz_last_errno(), ENOENT);
    CHECK_TEXT(opts.path);
    opts.path = in_folder("disk.raw");
    CHECK_STATUS(hexz_snapshot_rekey(&opts), HEXZ_ERR_NOT_SNAPSHOT);
    CHECK_TEXT(opts.path);
    CHECK_OK(hexz_build(&plain));
    opts.path = plain.output;
    CHECK_STATUS(hexz_snapshot_rekey(&opts), HEXZ_ERR_NOT_ENCRYPTED);
    CHECK_TEXT(opts.path);
    opts.path = in_folder(".");
    CHECK(hexz_snapshot_rekey(&opts) < 0);
    CHECK_TEXT(opts.path);
    if (mkfifo(in_folder("fifo"), 0600) != 0)
        fixture_fail("mkfifo", in_folder("fifo"));
    opts.path = in_folder("fifo");
    CHECK(hexz_snapshot_rekey(&opts) < 0);
    CHECK_TEXT(opts.path);
    CHECK_EQ(passwords.count, 0);

    build_afresh("old");
    opts.path = snap();
    opts.password = NULL;
    CHECK_STATUS(hexz_snapshot_rekey(&opts), HEXZ_ERR_PASSWORD_REQUIRED);
    check_file_as_before();

    /* One that may be read and not written. */
    opts.password = answer;
    if (chmod(snap(), 0444) != 0)
        fixture_fail("chmod", snap());
    heed_modes(1);
    status = hexz_snapshot_rekey(&opts);
    heed_modes(0);
    CHECK(status == HEXZ_ERR_IO || status == HEXZ_ERR_OUTPUT);
    CHECK_EQ(hexz_last_errno(), EACCES);
    CHECK_TEXT(snap());
    if (chmod(snap(), 0600) != 0)
        fixture_fail("chmod", snap());
    check_file_as_before();
    check_opens("old");
}

int main(void)
{
    make_disk();
    each_operation();
    every_slot();
    one_password_in_many_slots();
    answers_that_are_none();
    costs_of_a_new_password();
    costs_of_the_passwords_that_are_there();
    cancelled();
    while_open();
    one_at_a_time();
    files_that_cannot_be();
    forget();
    return check_done();
}
