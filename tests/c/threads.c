/* One snapshot, many threads: random reads against the source while others
 * verify, extract, walk extents and fail; with a roomy cache and with one that
 * holds next to nothing, plain and encrypted. */
#include "passwords.h"

#define READERS 4

static unsigned char *disk;
static size_t disk_len;
static unsigned char *memory;
static size_t memory_len;
static long rounds;

struct job {
    const hexz_snapshot *snapshot;
    unsigned number;
};

static void *read_at_random(void *argument)
{
    const struct job *job = argument;
    uint64_t state = 1000 + job->number;
    const size_t most = 200000;
    unsigned char *buf = bytes_new(most);
    long i;
    for (i = 0; i < rounds; i++) {
        uint32_t stream = random_next(&state) & 1;
        const unsigned char *want = stream ? memory : disk;
        size_t len = stream ? memory_len : disk_len;
        size_t at = random_next(&state) % len;
        /* Mostly pages, as a machine reads; now and then a long run. */
        size_t n = random_next(&state) % 16 == 0 ? random_next(&state) % most : 4096;
        if (n > len - at)
            n = len - at;
        CHECK_OK(hexz_snapshot_read(job->snapshot, stream, at, buf, n));
        CHECK_BYTES(buf, want + at, n);
    }
    free(buf);
    return NULL;
}

static void *fail_at_random(void *argument)
{
    const struct job *job = argument;
    char buf[16], name[32];
    uint32_t index;
    long i;
    for (i = 0; i < rounds; i++) {
        CHECK_STATUS(hexz_snapshot_read(job->snapshot, 0, disk_len, buf, 1), HEXZ_ERR_OUT_OF_RANGE);
        (void)snprintf(name, sizeof(name), "stream-%ld.", i);
        CHECK_STATUS(hexz_snapshot_find(job->snapshot, name, &index), HEXZ_ERR_NO_STREAM);
        CHECK(strstr(hexz_last_error(), name) != NULL);
    }
    return NULL;
}

static void *walk_extents(void *argument)
{
    const struct job *job = argument;
    hexz_extent extent = HEXZ_INIT(hexz_extent);
    hexz_info info = HEXZ_INIT(hexz_info);
    long i;
    for (i = 0; i < rounds / 50 + 1; i++) {
        uint64_t at = 0;
        while (at < disk_len && CHECK_OK(hexz_snapshot_extent(job->snapshot, 0, at, &extent)) &&
               CHECK(extent.len > 0))
            at += extent.len;
        CHECK_EQ(at, disk_len);
        CHECK_OK(hexz_snapshot_info(job->snapshot, &info));
        CHECK_EQ(info.logical_size, disk_len + memory_len);
    }
    return NULL;
}

static void *verify(void *argument)
{
    const struct job *job = argument;
    hexz_verify_opts opts = HEXZ_INIT(hexz_verify_opts);
    long i;
    opts.threads = 2;
    for (i = 0; i < 3; i++)
        CHECK_OK(hexz_snapshot_verify(job->snapshot, &opts));
    return NULL;
}

static void *extract(void *argument)
{
    const struct job *job = argument;
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    char name[32];
    (void)snprintf(name, sizeof(name), "back-%u.raw", job->number);
    opts.output = in_folder(name);
    opts.threads = 2;
    opts.stream = 1;
    opts.flags = HEXZ_EXTRACT_OVERWRITE | HEXZ_EXTRACT_NO_SYNC;
    CHECK_OK(hexz_snapshot_extract(job->snapshot, &opts));
    CHECK(file_holds(opts.output, memory, memory_len));
    return NULL;
}

/* Changes the password of the file that others read and check, there and back:
 * they see nothing of it. */
static void *change_password(void *argument)
{
    static const char *const words[] = {"secret", "other"};
    long i;
    (void)argument;
    for (i = 0; i < (fixture_small() ? 4 : 40); i++) {
        struct passwords passwords = no_passwords();
        hexz_rekey_opts opts = rekey_of(in_folder("secret.hxz"), HEXZ_REKEY_REPLACE, &passwords);
        add_answer(&passwords, 0, words[i % 2], strlen(words[i % 2]));
        add_answer(&passwords, 0, words[1 - i % 2], strlen(words[1 - i % 2]));
        CHECK_OK(hexz_snapshot_rekey(&opts));
    }
    return NULL;
}

static void all_at_once(const char *name, uint64_t cache_size, const uint8_t *expect_root)
{
    static void *(*const tasks[])(void *) = {verify, verify, extract, extract, walk_extents, fail_at_random,
                                             change_password};
    enum { ALL = sizeof(tasks) / sizeof(tasks[0]) };
    const unsigned started = READERS + (strcmp(name, "secret.hxz") == 0 ? ALL : ALL - 1);
    pthread_t threads[READERS + ALL];
    struct job jobs[READERS + ALL];
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    struct passwords passwords = password_is("secret");
    hexz_snapshot *snapshot = NULL;
    unsigned i;

    check_about("%s, cache of %lu bytes", name, (unsigned long)cache_size);
    opts.path = in_folder(name);
    opts.flags = HEXZ_OPEN_ALLOW_PLAIN;
    opts.password = answer;
    opts.password_data = &passwords;
    opts.cache_size = cache_size;
    opts.expect_root = expect_root;
    if (!CHECK_OK(hexz_snapshot_open(&opts, &snapshot)))
        return;
    for (i = 0; i < started; i++) {
        jobs[i].snapshot = snapshot;
        jobs[i].number = i;
        if (pthread_create(&threads[i], NULL, i < READERS ? read_at_random : tasks[i - READERS], &jobs[i]) != 0)
            fixture_fail("pthread_create", "a thread");
    }
    for (i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    hexz_snapshot_close(snapshot);
    check_about("%s", "");
}

/* Builds beside each other know nothing of each other. */
static void *build_alone(void *argument)
{
    const struct job *job = argument;
    hexz_build_opts opts;
    hexz_snapshot *snapshot;
    unsigned char *back = bytes_new(disk_len);
    char name[32];
    (void)snprintf(name, sizeof(name), "alone-%u.hxz", job->number);
    opts = build_of(in_folder("disk.raw"), in_folder(name));
    opts.profile = hexz_profile_name(job->number);
    opts.threads = 2;
    CHECK_OK(hexz_build(&opts));
    if (CHECK_OK(open_path(in_folder(name), &snapshot))) {
        CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, disk_len));
        CHECK_BYTES(back, disk, disk_len);
        hexz_snapshot_close(snapshot);
    }
    free(back);
    return NULL;
}

static void builds_side_by_side(void)
{
    pthread_t threads[4];
    struct job jobs[4];
    unsigned i;
    for (i = 0; i < 4; i++) {
        jobs[i].snapshot = NULL;
        jobs[i].number = i;
        if (pthread_create(&threads[i], NULL, build_alone, &jobs[i]) != 0)
            fixture_fail("pthread_create", "a thread");
    }
    for (i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
}

/* What several builds to one name came to. */
struct race {
    unsigned number;
    uint64_t flags;
    hexz_status status;
};

static void *build_to_one_name(void *argument)
{
    struct race *race = argument;
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("race/one.hxz"));
    /* So that it shows whose it is. */
    opts.profile = hexz_profile_name(race->number);
    opts.flags |= race->flags;
    opts.threads = 1;
    race->status = hexz_build(&opts);
    return NULL;
}

/* Builds to one name at once: without OVERWRITE one has it, with it all had it
 * and one has it last; and what is there is whole, and alone. */
static void builds_to_one_name(void)
{
    static const uint64_t flags[] = {0, HEXZ_BUILD_OVERWRITE};
    unsigned char *back = bytes_new(disk_len);
    pthread_t threads[4];
    struct race races[4];
    unsigned i, round;

    if (mkdir(in_folder("race"), 0700) != 0)
        fixture_fail("mkdir", in_folder("race"));
    for (round = 0; round < (fixture_small() ? 2 : 12); round++) {
        hexz_snapshot *snapshot;
        unsigned had = 0;
        for (i = 0; i < 4; i++) {
            races[i].number = i;
            races[i].flags = flags[round % 2];
            if (pthread_create(&threads[i], NULL, build_to_one_name, &races[i]) != 0)
                fixture_fail("pthread_create", "a thread");
        }
        for (i = 0; i < 4; i++) {
            (void)pthread_join(threads[i], NULL);
            CHECK(races[i].status == HEXZ_OK || races[i].status == HEXZ_ERR_EXISTS);
            had += races[i].status == HEXZ_OK;
        }
        CHECK_EQ(had, round % 2 == 0 ? 1 : 4);
        CHECK_EQ(entries_in(in_folder("race")), 1);
        snapshot = must_open(in_folder("race/one.hxz"));
        CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, disk_len));
        CHECK_BYTES(back, disk, disk_len);
        hexz_snapshot_close(snapshot);
        (void)unlink(in_folder("race/one.hxz"));
    }
    free(back);
}

/* Adds a password, unless somebody else is changing the file just then. */
static void *add_password(void *argument)
{
    struct race *race = argument;
    struct passwords passwords = no_passwords();
    hexz_rekey_opts opts = rekey_of(in_folder("secret.hxz"), HEXZ_REKEY_ADD, &passwords);
    char word[16];
    (void)snprintf(word, sizeof(word), "word-%u", race->number);
    add_answer(&passwords, 0, "secret", 6);
    add_answer(&passwords, 0, word, strlen(word));
    race->status = hexz_snapshot_rekey(&opts);
    if (race->status != HEXZ_OK) {
        CHECK_EQ(race->status, HEXZ_ERR_IO);
        CHECK_EQ(hexz_last_errno(), EWOULDBLOCK);
        CHECK_TEXT("another process");
    }
    return NULL;
}

static void changes_of_one_file(void)
{
    pthread_t threads[5];
    struct race races[5];
    unsigned i, done = 0;
    for (i = 0; i < 5; i++) {
        races[i].number = i;
        if (pthread_create(&threads[i], NULL, add_password, &races[i]) != 0)
            fixture_fail("pthread_create", "a thread");
    }
    for (i = 0; i < 5; i++) {
        (void)pthread_join(threads[i], NULL);
        done += races[i].status == HEXZ_OK;
    }
    CHECK(done >= 1);
    /* None took another's away. */
    for (i = 0; i < 5; i++) {
        char word[16];
        (void)snprintf(word, sizeof(word), "word-%u", i);
        CHECK_STATUS(try_password(in_folder("secret.hxz"), word),
                     races[i].status == HEXZ_OK ? HEXZ_OK : HEXZ_ERR_WRONG_PASSWORD);
    }
    CHECK_OK(try_password(in_folder("secret.hxz"), "secret"));
}

int main(void)
{
    struct passwords passwords = password_is("secret");
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("snap.hxz"));
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    int small = fixture_small();

    rounds = small ? 40 : 2000;
    disk_len = (size_t)(small ? 1 : 8) << 20;
    memory_len = disk_len / 2 + 777;
    disk = bytes_new(disk_len);
    memory = bytes_new(memory_len);
    fill_text(disk, disk_len / 3, 101);
    fill_random(disk + disk_len / 2, disk_len / 4, 102);
    memcpy(memory, disk + 4096 * 5, disk_len / 4);
    fill_random(memory + disk_len / 4 + 5000, disk_len / 8, 103);
    put_sparse(in_folder("disk.raw"), disk, disk_len);
    put_file(in_folder("mem.raw"), memory, memory_len);
    opts.memory = in_folder("mem.raw");
    opts.profile = "embedded";
    opts.report = &report;
    CHECK_OK(hexz_build(&opts));

    all_at_once("snap.hxz", 0, NULL);
    all_at_once("snap.hxz", 1, NULL);
    all_at_once("snap.hxz", (uint64_t)64 << 10, report.root);
    opts = encrypted_build_of(in_folder("disk.raw"), in_folder("secret.hxz"), &passwords);
    opts.memory = in_folder("mem.raw");
    opts.profile = "embedded";
    CHECK_OK(hexz_build(&opts));
    all_at_once("secret.hxz", 1, NULL);
    changes_of_one_file();
    builds_side_by_side();
    builds_to_one_name();
    free(disk);
    free(memory);
    return check_done();
}
