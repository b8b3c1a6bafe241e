/* The password callback: when it is asked and how often, what it is told, and
 * what each of its answers means, for a build and for opening. */
#include "passwords.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <dirent.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECRET "correct horse battery staple"

static unsigned char disk[100000];
static unsigned char memory[50000];

static hexz_build_opts build_here(struct passwords *passwords)
{
    return encrypted_build_of(in_folder("disk.raw"), in_folder("made/out.hxz"), passwords);
}

static void nobody_to_ask(void)
{
    struct passwords passwords = password_is(SECRET);
    hexz_build_opts opts = build_here(NULL);
    hexz_snapshot *snapshot = NULL;

    opts.password = NULL;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_PASSWORD_REQUIRED);
    CHECK_EQ(hexz_last_callback_code(), 0);
    CHECK_STATUS(open_path(in_folder("good.hxz"), &snapshot), HEXZ_ERR_PASSWORD_REQUIRED);
    CHECK(snapshot == NULL);
    CHECK_TEXT(in_folder("good.hxz"));

    /* Somebody to ask, and nothing to encrypt: it is not what he expects. */
    opts = build_here(&passwords);
    opts.flags &= ~(uint64_t)HEXZ_BUILD_ENCRYPT;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    /* What is wrong without any password is told without asking for one. */
    opts = build_here(&passwords);
    opts.profile = "no such";
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_UNKNOWN_PROFILE);
    opts = build_here(&passwords);
    opts.source = NULL;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(open_with(in_folder("absent.hxz"), &passwords, &snapshot), HEXZ_ERR_IO);
    CHECK_STATUS(open_with(in_folder("disk.raw"), &passwords, &snapshot), HEXZ_ERR_NOT_SNAPSHOT);
    CHECK_EQ(passwords.count, 0);
    CHECK_EQ(entries_in(in_folder("made")), 0);
}

/* A plain snapshot is told from what a caller with a password expects. */
static void plain_snapshots(void)
{
    struct passwords passwords = password_is(SECRET);
    hexz_build_opts build = build_of(in_folder("disk.raw"), in_folder("plain.hxz"));
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_snapshot *snapshot = NULL;

    CHECK_OK(hexz_build(&build));
    CHECK_STATUS(open_with(build.output, &passwords, &snapshot), HEXZ_ERR_NOT_ENCRYPTED);
    CHECK(snapshot == NULL);
    CHECK_TEXT(build.output);
    opts.path = build.output;
    opts.password = answer;
    opts.password_data = &passwords;
    opts.flags = HEXZ_OPEN_ALLOW_PLAIN;
    if (CHECK_OK(hexz_snapshot_open(&opts, &snapshot))) {
        CHECK_OK(hexz_snapshot_info(snapshot, &info));
        CHECK_EQ(info.encrypted, 0);
    }
    hexz_snapshot_close(snapshot);
    CHECK_EQ(passwords.count, 0);

    /* The flag allows a plain one, and asks for nothing less of others. */
    opts.path = in_folder("good.hxz");
    if (CHECK_OK(hexz_snapshot_open(&opts, &snapshot))) {
        CHECK_OK(hexz_snapshot_info(snapshot, &info));
        CHECK_EQ(info.encrypted, 1);
    }
    hexz_snapshot_close(snapshot);
    CHECK_EQ(passwords.count, 1);
    opts.password = NULL;
    CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), HEXZ_ERR_PASSWORD_REQUIRED);
}

static void what_it_is_told(void)
{
    struct passwords passwords = password_is(SECRET);
    hexz_build_opts opts = build_here(&passwords);
    hexz_snapshot *snapshot = NULL;
    uint32_t i;

    CHECK_OK(hexz_build(&opts));
    CHECK_EQ(passwords.count, 1);
    CHECK_EQ(passwords.asked[0].purpose, HEXZ_PASSWORD_CREATE);
    CHECK_EQ(passwords.asked[0].attempt, 0);
    CHECK(strcmp(passwords.asked[0].path, opts.output) == 0);

    passwords = password_is(SECRET);
    CHECK_OK(open_with(opts.output, &passwords, &snapshot));
    hexz_snapshot_close(snapshot);
    CHECK_EQ(passwords.count, 1);
    CHECK_EQ(passwords.asked[0].purpose, HEXZ_PASSWORD_OPEN);
    CHECK_EQ(passwords.asked[0].attempt, 0);
    CHECK(strcmp(passwords.asked[0].path, opts.output) == 0);

    /* Three times at most, and each time it knows which. */
    passwords = password_is("another one");
    CHECK_STATUS(open_with(opts.output, &passwords, &snapshot), HEXZ_ERR_WRONG_PASSWORD);
    CHECK(snapshot == NULL);
    CHECK_TEXT(opts.output);
    CHECK(strstr(hexz_last_error(), "another one") == NULL);
    CHECK_EQ(hexz_last_callback_code(), 0);
    CHECK_EQ(passwords.count, 3);
    for (i = 0; i < 3; i++) {
        CHECK_EQ(passwords.asked[i].purpose, HEXZ_PASSWORD_OPEN);
        CHECK_EQ(passwords.asked[i].attempt, i);
        CHECK(strcmp(passwords.asked[i].path, opts.output) == 0);
    }
    (void)unlink(opts.output);
}

/* Answers that are none, for whatever it was asked. */
static const struct refusal {
    const char *about;
    int32_t code;
    const void *bytes;
    size_t len;
    hexz_status status;
} refusals[] = {
    {"declines", 1, NULL, 0, HEXZ_ERR_PASSWORD_REQUIRED},
    {"declines after it gave one", 42, SECRET, sizeof(SECRET) - 1, HEXZ_ERR_PASSWORD_REQUIRED},
    {"declines loudly", INT32_MAX, NULL, 0, HEXZ_ERR_PASSWORD_REQUIRED},
    {"fails", -1, NULL, 0, HEXZ_ERR_CALLBACK},
    {"fails after it gave one", -42, SECRET, sizeof(SECRET) - 1, HEXZ_ERR_CALLBACK},
    {"fails loudly", INT32_MIN, NULL, 0, HEXZ_ERR_CALLBACK},
    {"gives nothing", 0, NULL, 0, HEXZ_ERR_INVALID_PASSWORD},
    {"gives no length", 0, NULL, LEN_UNTOUCHED, HEXZ_ERR_INVALID_PASSWORD},
    {"gives a byte too many", 0, NULL, PASSWORD_MOST + 1, HEXZ_ERR_INVALID_PASSWORD},
    {"gives what cannot be", 0, NULL, SIZE_MAX, HEXZ_ERR_INVALID_PASSWORD},
};

static void check_refusal(const struct refusal *refusal, hexz_status got, hexz_status want)
{
    CHECK_STATUS(got, want);
    CHECK(hexz_last_callback_code() == refusal->code);
    CHECK_EQ(hexz_last_errno(), 0);
    CHECK(strstr(hexz_last_error(), SECRET) == NULL);
}

static void answers_that_are_none(void)
{
    hexz_snapshot *snapshot;
    size_t i, wrong;

    for (i = 0; i < COUNT(refusals); i += fixture_small() ? 3 : 1) {
        const struct refusal *refusal = &refusals[i];
        struct passwords passwords = no_passwords();
        hexz_build_opts opts = build_here(&passwords);

        check_about("build, the callback %s", refusal->about);
        add_answer(&passwords, refusal->code, refusal->bytes, refusal->len);
        check_refusal(refusal, hexz_build(&opts), refusal->status);
        CHECK_EQ(passwords.count, 1);
        CHECK_EQ(entries_in(in_folder("made")), 0);

        /* At the first asking, then after one wrong password, then after two. */
        for (wrong = 0; wrong < 3; wrong++) {
            hexz_status want = refusal->status;
            check_about("open, after %d wrong ones the callback %s", (int)wrong, refusal->about);
            if (wrong > 0 && want == HEXZ_ERR_PASSWORD_REQUIRED)
                want = HEXZ_ERR_WRONG_PASSWORD;
            passwords = no_passwords();
            if (wrong > 0)
                add_answer(&passwords, 0, "no", 2);
            if (wrong > 1)
                add_answer(&passwords, 0, "nor this", 8);
            add_answer(&passwords, refusal->code, refusal->bytes, refusal->len);
            snapshot = (hexz_snapshot *)(void *)disk;
            check_refusal(refusal, open_with(in_folder("good.hxz"), &passwords, &snapshot), want);
            CHECK(snapshot == NULL);
            CHECK_EQ(passwords.count, wrong + 1);
        }
    }
    check_about("%s", "");
}

static void wrong_then_right(void)
{
    size_t wrong;
    for (wrong = 0; wrong < 4; wrong++) {
        struct passwords passwords = no_passwords();
        hexz_snapshot *snapshot = NULL;
        size_t i;
        check_about("%d wrong ones, then the right one", (int)wrong);
        for (i = 0; i < wrong; i++)
            add_answer(&passwords, 0, "guess", 1 + i);
        add_answer(&passwords, 0, SECRET, strlen(SECRET));
        CHECK_STATUS(open_with(in_folder("good.hxz"), &passwords, &snapshot),
                     wrong < 3 ? HEXZ_OK : HEXZ_ERR_WRONG_PASSWORD);
        CHECK((snapshot != NULL) == (wrong < 3));
        CHECK_EQ(passwords.count, wrong < 3 ? wrong + 1 : 3);
        hexz_snapshot_close(snapshot);
    }
    check_about("%s", "");
}

/* Nothing is trimmed, cut or converted: what differs by a byte is another one. */
static void passwords_are_bytes(void)
{
    static unsigned char longest[PASSWORD_MOST];
    static const unsigned char nul[1], nuls[3], mixed[] = "a\0b\0\xff\xfe";
    const struct {
        const void *bytes;
        size_t len;
    } kinds[] = {{"x", 1},           {nul, 1},       {nuls, 3},  {mixed, sizeof(mixed) - 1},
                 {"line\n", 5},      {" spaced ", 8}, {"\r\n", 2}, {longest, sizeof(longest)},
                 {"\xc3\xa9t\xc3\xa9", 5}};
    unsigned char near[PASSWORD_MOST];
    size_t i, len;

    fill_random(longest, sizeof(longest), 201);
    longest[100] = 0;
    for (i = 0; i < COUNT(kinds); i += fixture_small() ? 3 : 1) {
        struct passwords passwords = no_passwords();
        hexz_build_opts opts = build_here(&passwords);
        check_about("password number %d", (int)i);
        add_answer(&passwords, 0, kinds[i].bytes, kinds[i].len);
        opts.flags |= HEXZ_BUILD_OVERWRITE;
        CHECK_OK(hexz_build(&opts));
        CHECK_OK(try_bytes(opts.output, kinds[i].bytes, kinds[i].len));

        /* One byte less, one more (a NUL, a space), the last and the first one
         * changed, and what a C string would end at. */
        len = kinds[i].len;
        memset(near, 0, sizeof(near));
        memcpy(near, kinds[i].bytes, len);
        if (len > 1)
            CHECK_STATUS(try_bytes(opts.output, near, len - 1), HEXZ_ERR_WRONG_PASSWORD);
        if (len < sizeof(near)) {
            CHECK_STATUS(try_bytes(opts.output, near, len + 1), HEXZ_ERR_WRONG_PASSWORD);
            near[len] = ' ';
            CHECK_STATUS(try_bytes(opts.output, near, len + 1), HEXZ_ERR_WRONG_PASSWORD);
        }
        near[len - 1] ^= 1;
        CHECK_STATUS(try_bytes(opts.output, near, len), HEXZ_ERR_WRONG_PASSWORD);
        near[len - 1] ^= 1;
        near[0] ^= 0x20;
        CHECK_STATUS(try_bytes(opts.output, near, len), HEXZ_ERR_WRONG_PASSWORD);
        near[0] ^= 0x20;
        len = strnlen((const char *)near, len);
        if (len > 0 && len < kinds[i].len)
            CHECK_STATUS(try_bytes(opts.output, near, len), HEXZ_ERR_WRONG_PASSWORD);
    }
    check_about("%s", "");
    (void)unlink(in_folder("made/out.hxz"));
}

/* Asked before the sources are read: the callback fills them, and what it
 * filled them with is what the snapshot holds, and nothing of what was there
 * before, a sample for a dictionary least of all. And before any output exists,
 * with a name or without. */
static void fill_sources(void *data)
{
    const char *made = in_folder("made");
    char link[64], target[4096];
    struct dirent *entry;
    DIR *dir = opendir("/proc/self/fd");
    ssize_t len;

    *(int *)data += 1;
    if (dir == NULL)
        fixture_fail("opendir", "/proc/self/fd");
    while ((entry = readdir(dir)) != NULL) {
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%.20s", entry->d_name);
        len = readlink(link, target, sizeof(target) - 1);
        target[len > 0 ? len : 0] = '\0';
        CHECK(strncmp(target, made, strlen(made)) != 0 || target[strlen(made)] != '/');
    }
    (void)closedir(dir);
    CHECK_EQ(entries_in(made), 0);
    put_file(in_folder("late.raw"), disk, sizeof(disk));
    put_file(in_folder("late.mem"), memory, sizeof(memory));
}

static void before_anything_else(void)
{
    static const char *const profiles[] = {"generic", "eda"};
    static unsigned char back[sizeof(disk)], early[sizeof(disk)];
    size_t i;

    fill_text(early, sizeof(early), 204);
    for (i = 0; i < COUNT(profiles); i++) {
        struct passwords passwords = password_is(SECRET);
        hexz_build_opts opts = encrypted_build_of(in_folder("late.raw"), in_folder("made/out.hxz"), &passwords);
        hexz_snapshot *snapshot;
        int filled = 0;

        check_about("%s", profiles[i]);
        put_file(in_folder("late.raw"), early, sizeof(early));
        put_file(in_folder("late.mem"), early, sizeof(memory));
        passwords.during = fill_sources;
        passwords.during_data = &filled;
        opts.memory = in_folder("late.mem");
        opts.profile = profiles[i];
        opts.flags |= HEXZ_BUILD_FORCE_SHARE;
        CHECK_OK(hexz_build(&opts));
        CHECK_EQ(filled, 1);
        snapshot = must_open_with(opts.output, SECRET);
        CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, sizeof(disk)));
        CHECK_BYTES(back, disk, sizeof(disk));
        CHECK_OK(hexz_snapshot_read(snapshot, 1, 0, back, sizeof(memory)));
        CHECK_BYTES(back, memory, sizeof(memory));
        hexz_snapshot_close(snapshot);
        (void)unlink(opts.output);
    }
    check_about("%s", "");
}

/* Costs that no slot may have, before anybody is asked. */
static void costs_out_of_bounds(void)
{
    static const uint32_t costs[][3] = {
        {1, 1, 1},                /* KiB, passes, lanes */
        {1023, 1, 1},
        {(1 << 20) + 1, 1, 1},
        {UINT32_MAX, 1, 1},
        {1024, 65, 1},
        {1024, UINT32_MAX, 1},
        {1024, 1, 17},
        {1024, 1, UINT32_MAX},
        {1 << 20, 5, 1},          /* more than 4 GiB and passes */
        {(1 << 16) + 1, 64, 4},
        {1 << 20, 64, 16},
        {0, 65, 0},               /* beside defaults */
        {0, 0, 17},
        {1023, 0, 0},
    };
    struct passwords passwords = password_is(SECRET);
    hexz_build_opts opts = build_here(&passwords);
    size_t i;

    for (i = 0; i < COUNT(costs); i++) {
        check_about("%lu KiB, %lu passes, %lu lanes", (unsigned long)costs[i][0], (unsigned long)costs[i][1],
                    (unsigned long)costs[i][2]);
        opts.kdf_memory_kib = costs[i][0];
        opts.kdf_passes = costs[i][1];
        opts.kdf_lanes = costs[i][2];
        CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_ARGUMENT);
    }
    check_about("%s", "");
    CHECK_EQ(passwords.count, 0);
    CHECK_EQ(entries_in(in_folder("made")), 0);
}

static uint32_t number_at(const unsigned char *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* What was asked for is what the key costs: docs/FORMAT.md, section 7.1. */
static void check_costs(uint32_t kib, uint32_t passes, uint32_t lanes, uint32_t kib_kept, uint32_t passes_kept,
                        uint32_t lanes_kept)
{
    const size_t copies[] = {4096, 8192};
    struct passwords passwords = password_is(SECRET);
    hexz_build_opts opts = build_here(&passwords);
    unsigned char *file;
    size_t len, i;

    check_about("%lu KiB, %lu passes, %lu lanes", (unsigned long)kib, (unsigned long)passes, (unsigned long)lanes);
    opts.kdf_memory_kib = kib;
    opts.kdf_passes = passes;
    opts.kdf_lanes = lanes;
    CHECK_OK(hexz_build(&opts));
    CHECK_OK(try_password(opts.output, SECRET));
    CHECK_STATUS(try_password(opts.output, "no"), HEXZ_ERR_WRONG_PASSWORD);
    file = get_file(opts.output, &len);
    for (i = 0; i < COUNT(copies) && CHECK(len > copies[i] + 4096); i++) {
        const unsigned char *slot = file + copies[i] + 128;
        CHECK_EQ(slot[0], 1);
        CHECK_EQ(number_at(slot + 4), kib_kept);
        CHECK_EQ(number_at(slot + 8), passes_kept);
        CHECK_EQ(number_at(slot + 12), lanes_kept);
    }
    free(file);
    (void)unlink(opts.output);
    check_about("%s", "");
}

static void costs_as_asked(void)
{
    check_costs(1024, 1, 1, 1024, 1, 1);
    check_costs(1025, 2, 3, 1025, 2, 3);
    check_costs(1024, 1, 16, 1024, 1, 16);
    if (fixture_small())
        return;
    check_costs(1024, 64, 1, 1024, 64, 1);
    check_costs(0, 0, 0, 65536, 3, 4);
}

/* In the callback other handles may be used, and other calls made. */
static void use_other_handles(void *data)
{
    const hexz_snapshot *other = data;
    struct passwords passwords = password_is(SECRET);
    hexz_build_opts opts = encrypted_build_of(in_folder("disk.raw"), in_folder("inner.hxz"), &passwords);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    static unsigned char back[sizeof(disk)];
    hexz_snapshot *snapshot = NULL;

    CHECK_OK(hexz_snapshot_read(other, 0, 0, back, sizeof(back)));
    CHECK_BYTES(back, disk, sizeof(back));
    CHECK_OK(hexz_snapshot_verify(other, &verify));
    CHECK_OK(hexz_build(&opts));
    if (CHECK_OK(open_with(opts.output, &passwords, &snapshot))) {
        CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, sizeof(back)));
        CHECK_BYTES(back, disk, sizeof(back));
    }
    hexz_snapshot_close(snapshot);
    CHECK_EQ(passwords.count, 2);
    (void)unlink(opts.output);
    CHECK_STATUS(open_path(in_folder("absent.hxz"), &snapshot), HEXZ_ERR_IO);
}

static void calls_within(void)
{
    hexz_snapshot *other = must_open_with(in_folder("good.hxz"), SECRET), *snapshot = NULL;
    struct passwords passwords = password_is(SECRET);
    hexz_build_opts opts = build_here(&passwords);

    passwords.during = use_other_handles;
    passwords.during_data = other;
    CHECK_OK(hexz_build(&opts));
    CHECK_OK(try_password(opts.output, SECRET));
    CHECK_OK(open_with(in_folder("good.hxz"), &passwords, &snapshot));
    hexz_snapshot_close(snapshot);
    CHECK_EQ(passwords.count, 2);
    hexz_snapshot_close(other);
    (void)unlink(opts.output);
}

static void trigger(void *data)
{
    hexz_cancel_trigger(data);
}

static void cancelled_while_asked(void)
{
    struct passwords passwords = password_is(SECRET);
    hexz_build_opts build = build_here(&passwords);
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_snapshot *snapshot = NULL;
    hexz_cancel *cancel = NULL;

    CHECK_OK(hexz_cancel_new(&cancel));
    passwords.during = trigger;
    passwords.during_data = cancel;
    build.cancel = cancel;
    CHECK_STATUS(hexz_build(&build), HEXZ_ERR_CANCELLED);
    CHECK_EQ(passwords.count, 1);
    CHECK_EQ(entries_in(in_folder("made")), 0);
    hexz_cancel_free(cancel);

    CHECK_OK(hexz_cancel_new(&cancel));
    passwords.during_data = cancel;
    opts.path = in_folder("good.hxz");
    opts.password = answer;
    opts.password_data = &passwords;
    opts.cancel = cancel;
    CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), HEXZ_ERR_CANCELLED);
    CHECK(snapshot == NULL);
    CHECK_EQ(passwords.count, 2);
    hexz_cancel_free(cancel);
}

/* A thread that is not the main one is asked on itself: answer() compares. */
static void *on_this_thread(void *argument)
{
    struct passwords passwords = password_is(SECRET);
    hexz_build_opts opts = build_here(&passwords);
    hexz_snapshot *snapshot = NULL;
    (void)argument;
    opts.threads = 4;
    CHECK_OK(hexz_build(&opts));
    CHECK_OK(open_with(opts.output, &passwords, &snapshot));
    hexz_snapshot_close(snapshot);
    CHECK_EQ(passwords.count, 2);
    (void)unlink(opts.output);
    return NULL;
}

static void asked_on_the_calling_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, on_this_thread, NULL) != 0)
        fixture_fail("pthread_create", "a thread");
    (void)pthread_join(thread, NULL);
}

/* Who opens a snapshot did not choose what its password costs. */
static void costs_that_are_refused(void)
{
    struct passwords passwords = password_is(SECRET), first = no_passwords();
    hexz_build_opts build = encrypted_build_of(in_folder("disk.raw"), in_folder("costly.hxz"), &passwords);
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_rekey_opts more = rekey_of(build.output, HEXZ_REKEY_ADD, &first);
    hexz_snapshot *opened = NULL;

    build.kdf_memory_kib = 2000;
    CHECK_OK(hexz_build(&build));
    opts.path = build.output;
    opts.password = answer;
    opts.password_data = &passwords;
    passwords.count = 0;
    opts.kdf_memory_max_kib = 1999;
    CHECK_STATUS(hexz_snapshot_open(&opts, &opened), HEXZ_ERR_UNSUPPORTED);
    CHECK(opened == NULL);
    CHECK_TEXT(opts.path);
    CHECK_TEXT("2000 KiB");
    CHECK_TEXT("kdf_memory_max_kib is 1999");
    CHECK_EQ(passwords.count, 0);
    opts.kdf_memory_max_kib = 2000;
    CHECK_OK(hexz_snapshot_open(&opts, &opened));
    hexz_snapshot_close(opened);

    /* A second one that costs more: refused when it comes to it, and not asked
     * for once more. */
    add_answer(&first, 0, SECRET, strlen(SECRET));
    add_answer(&first, 0, "other", 5);
    more.kdf_memory_kib = 3000;
    CHECK_OK(hexz_snapshot_rekey(&more));
    CHECK_OK(hexz_snapshot_open(&opts, &opened));
    hexz_snapshot_close(opened);
    passwords = password_is("other");
    CHECK_STATUS(hexz_snapshot_open(&opts, &opened), HEXZ_ERR_UNSUPPORTED);
    CHECK_TEXT("3000 KiB");
    CHECK_EQ(passwords.count, 1);
    opts.kdf_memory_max_kib = UINT32_MAX;
    CHECK_OK(hexz_snapshot_open(&opts, &opened));
    hexz_snapshot_close(opened);
    /* Nothing to derive, nothing to bound. */
    opts.password = NULL;
    opts.kdf_memory_max_kib = 1;
    CHECK_STATUS(hexz_snapshot_open(&opts, &opened), HEXZ_ERR_PASSWORD_REQUIRED);
}

/* The work of a key is seen from outside by the memory that it holds. */
static long resident_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kib = 0;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kib;
}

static volatile int key_is_made;

/* Cancels once a tenth of the memory was filled. */
static void *cancel_meanwhile(void *data)
{
    long before = resident_kib();
    while (resident_kib() < before + (100 << 10) && !key_is_made)
        (void)usleep(1000);
    hexz_cancel_trigger(data);
    return NULL;
}

/* What makes a key from a password: a build, an open, and changing a password,
 * which makes one of the old and one of the new. */
enum way { BUILD, OPEN, REKEY_OLD, REKEY_NEW };

static hexz_status make_key(enum way way, struct passwords *passwords, const hexz_cancel *cancel)
{
    hexz_build_opts build = encrypted_build_of(in_folder("disk.raw"), in_folder("stopped.hxz"), passwords);
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_rekey_opts change = HEXZ_INIT(hexz_rekey_opts);
    hexz_snapshot *snapshot = NULL;
    hexz_status status;

    switch (way) {
    case BUILD:
        build.kdf_memory_kib = 1 << 20;
        build.kdf_passes = 4;
        build.kdf_lanes = 1;
        build.cancel = cancel;
        return hexz_build(&build);
    case OPEN:
        opts.path = in_folder("gigabyte.hxz");
        opts.password = answer;
        opts.password_data = passwords;
        opts.cancel = cancel;
        status = hexz_snapshot_open(&opts, &snapshot);
        CHECK(snapshot == NULL);
        return status;
    default:
        change.path = in_folder(way == REKEY_OLD ? "gigabyte.hxz" : "good.hxz");
        change.operation = HEXZ_REKEY_ADD;
        change.kdf_memory_kib = way == REKEY_OLD ? 0 : 1 << 20;
        change.kdf_passes = way == REKEY_OLD ? 0 : 3;
        change.kdf_lanes = 1;
        change.password = answer;
        change.password_data = passwords;
        change.cancel = cancel;
        return hexz_snapshot_rekey(&change);
    }
}

/* A snapshot whose password costs a gigabyte. */
static void make_costly(void)
{
    struct passwords passwords = password_is(SECRET);
    hexz_build_opts opts = encrypted_build_of(in_folder("disk.raw"), in_folder("gigabyte.hxz"), &passwords);
    opts.kdf_memory_kib = 1 << 20;
    opts.kdf_passes = 1;
    CHECK_OK(hexz_build(&opts));
}

/* In a process of its own, whose memory has had no peak yet: 0 when the call
 * ended before it had filled its gigabyte. */
static int stop_within(enum way way, struct passwords *passwords)
{
    struct rusage before, after;
    hexz_cancel *cancel = NULL;
    pthread_t thread;
    check_afresh();
    CHECK_OK(hexz_cancel_new(&cancel));
    if (pthread_create(&thread, NULL, cancel_meanwhile, cancel) != 0)
        fixture_fail("pthread_create", "a thread");
    (void)getrusage(RUSAGE_SELF, &before);
    CHECK_STATUS(make_key(way, passwords, cancel), HEXZ_ERR_CANCELLED);
    key_is_made = 1;
    (void)getrusage(RUSAGE_SELF, &after);
    (void)pthread_join(thread, NULL);
    hexz_cancel_free(cancel);
    if (check_done() != 0)
        return 2;
    return after.ru_maxrss >= before.ru_maxrss + (900 << 10);
}

/* A key that takes a gigabyte and seconds: cancelled within its first pass, the
 * rest of the memory was not touched, and no file either. */
static void cancelled_in_the_key(void)
{
    static const enum way ways[] = {BUILD, OPEN, REKEY_OLD, REKEY_NEW};
    unsigned char *good, *now;
    size_t w, len, len_now;

    /* The sanitizers' and valgrind's own memory is no measure. */
    if (fixture_small())
        return;
    make_costly();
    good = get_file(in_folder("good.hxz"), &len);
    for (w = 0; w < COUNT(ways); w++) {
        int tries, status = 1;
        check_about("way number %d", (int)w);
        /* Once or twice the thread that cancels may get no turn in time. */
        for (tries = 0; tries < 3 && status == 1; tries++) {
            struct passwords passwords = password_is(SECRET);
            int waited;
            pid_t child = fork();
            if (child < 0)
                fixture_fail("fork", "a child");
            if (child == 0) {
                passwords.thread = pthread_self();
                _exit(stop_within(ways[w], &passwords));
            }
            if (waitpid(child, &waited, 0) != child)
                fixture_fail("waitpid", "a child");
            status = WIFEXITED(waited) ? WEXITSTATUS(waited) : 2;
            CHECK(!file_exists(in_folder("stopped.hxz")));
        }
        CHECK_EQ(status, 0);
        now = get_file(in_folder("good.hxz"), &len_now);
        CHECK_EQ(len_now, len);
        CHECK_BYTES(now, good, len);
        free(now);
    }
    check_about("%s", "");
    free(good);
    (void)unlink(in_folder("gigabyte.hxz"));
}

int main(void)
{
    struct passwords passwords = password_is(SECRET);
    hexz_build_opts opts;

    fill_text(disk, sizeof(disk), 202);
    fill_random(memory, sizeof(memory), 203);
    put_file(in_folder("disk.raw"), disk, sizeof(disk));
    if (mkdir(in_folder("made"), 0700) != 0)
        fixture_fail("mkdir", in_folder("made"));
    opts = encrypted_build_of(in_folder("disk.raw"), in_folder("good.hxz"), &passwords);
    CHECK_OK(hexz_build(&opts));
    nobody_to_ask();
    plain_snapshots();
    what_it_is_told();
    answers_that_are_none();
    wrong_then_right();
    passwords_are_bytes();
    before_anything_else();
    costs_out_of_bounds();
    costs_as_asked();
    costs_that_are_refused();
    cancelled_in_the_key();
    calls_within();
    cancelled_while_asked();
    asked_on_the_calling_thread();
    CHECK_EQ(entries_in(in_folder("made")), 0);
    return check_done();
}
