/* What stays in memory: after a call no trace of a password, wherever the
 * library, its crates or the C library may have put it; while it is there, it
 * is kept out of core dumps and of forked children, and so are keys: a child
 * cannot read through a handle of its parent.
 *
 * The password never lies in this program: it is made, byte by byte, where the
 * library wants it, and what is looked for are numbers that do not give it away. */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define PASSWORD_LEN 32
#define RUN 8 /* as many bytes of it in a row are a trace */
#define RUNS (PASSWORD_LEN - RUN + 1)
#define CHUNK ((size_t)1 << 20)
#define MAPS_MOST ((size_t)1 << 20)
#define PAGE ((size_t)4096)

static unsigned char disk[400000];

/* Room to search in, which is not searched itself. */
static struct room {
    unsigned char chunk[CHUNK];
    char maps[MAPS_MOST];
} *room;

/* Runs of a password that can be recognised and not read. */
struct trace {
    uint64_t runs[RUNS];
    unsigned char starts[8192]; /* a bit for each pair of bytes that a run begins with */
};

static uint64_t run_at(const unsigned char *bytes)
{
    uint64_t run;
    memcpy(&run, bytes, sizeof(run));
    return run * UINT64_C(0x9E3779B97F4A7C15);
}

static unsigned pair_at(const unsigned char *bytes)
{
    return bytes[0] | (unsigned)bytes[1] << 8;
}

/* The trace of what fill_random() makes of this seed. */
static struct trace trace_of(uint64_t seed)
{
    volatile unsigned char *wiped = room->chunk;
    struct trace trace;
    size_t i;
    memset(&trace, 0, sizeof(trace));
    fill_random(room->chunk, PASSWORD_LEN, seed);
    for (i = 0; i < RUNS; i++) {
        unsigned pair = pair_at(room->chunk + i);
        trace.runs[i] = run_at(room->chunk + i);
        trace.starts[pair / 8] |= (unsigned char)(1 << pair % 8);
    }
    for (i = 0; i < PASSWORD_LEN; i++)
        wiped[i] = 0;
    return trace;
}

static long traces_in(const unsigned char *bytes, size_t len, const struct trace *trace)
{
    long found = 0;
    size_t at, i;
    for (at = 0; at + RUN <= len; at++) {
        unsigned pair = pair_at(bytes + at);
        if (!(trace->starts[pair / 8] & 1 << pair % 8))
            continue;
        for (i = 0; i < RUNS; i++)
            found += run_at(bytes + at) == trace->runs[i];
    }
    return found;
}

static void read_text(const char *path, char *out, size_t most)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n;
    if (fd < 0)
        fixture_fail("open", path);
    while ((n = read(fd, out + len, most - 1 - len)) > 0)
        len += (size_t)n;
    if (n < 0 || len == most - 1)
        fixture_fail("read", path);
    out[len] = '\0';
    (void)close(fd);
}

static uintptr_t lower(uintptr_t a, uintptr_t b)
{
    return a < b ? a : b;
}

static uintptr_t higher(uintptr_t a, uintptr_t b)
{
    return a > b ? a : b;
}

static long traces_between(int memory, uintptr_t begin, uintptr_t end, const struct trace *trace)
{
    long found = 0;
    uintptr_t at = begin;
    while (at < end) {
        size_t len = end - at < CHUNK ? end - at : CHUNK;
        ssize_t n = pread(memory, room->chunk, len, (off_t)at);
        if (n <= 0)
            break;
        found += traces_in(room->chunk, (size_t)n, trace);
        /* Chunks overlap, so that nothing lies across an edge unseen. */
        at += at + (uintptr_t)n < end && n > RUN ? (size_t)n - RUN + 1 : (size_t)n;
    }
    return found;
}

/* All that is mapped and can be read, but the room and what is the kernel's.
 * Where something is that should not be, `tell` prints. */
static long search_memory(const struct trace *trace, int tell)
{
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    const char *line;
    long found = 0, searched = 0, here;
    if (memory < 0)
        fixture_fail("open", "/proc/self/mem");
    read_text("/proc/self/maps", room->maps, MAPS_MOST);
    for (line = room->maps; *line != '\0'; line += strcspn(line, "\n") + 1) {
        unsigned long begin, end;
        char modes[5];
        if (sscanf(line, "%lx-%lx %4s", &begin, &end, modes) != 3)
            fixture_fail("parse", "/proc/self/maps");
        if (modes[0] != 'r' || memmem(line, strcspn(line, "\n"), "[v", 2) != NULL)
            continue;
        /* The kernel may have joined the room with what is beside it. */
        here = traces_between(memory, begin, lower(end, (uintptr_t)room), trace);
        here += traces_between(memory, higher(begin, (uintptr_t)(room + 1)), end, trace);
        if (tell && here > 0)
            printf("secrets: %ld traces in %.*s\n", here, (int)strcspn(line, "\n"), line);
        found += here;
        searched++;
    }
    (void)close(memory);
    CHECK(searched > 5);
    memset(room, 0, sizeof(*room));
    return found;
}

/* The search has a thread of its own, the main one: on the thread that makes the
 * calls it would write over what they leave on the stack, before it looks. */
static struct {
    sem_t asked, answered;
    uint64_t seed;
    int tell, over;
    long found;
} search;

static void serve_searches(void)
{
    static struct trace trace;
    while (sem_wait(&search.asked) == 0 && !search.over) {
        trace = trace_of(search.seed);
        search.found = search_memory(&trace, search.tell);
        (void)sem_post(&search.answered);
    }
}

/* Traces of what fill_random() makes of this seed, in all memory. */
static long traces_of(uint64_t seed, int tell)
{
    search.seed = seed;
    search.tell = tell;
    (void)sem_post(&search.asked);
    (void)sem_wait(&search.answered);
    return search.found;
}

/* Whether the mapping that holds this address is kept out of core dumps ("dd")
 * and wiped in a forked child ("wf"): proc(5), VmFlags. */
static int kept_apart(const void *address)
{
    const char *line;
    int inside = 0, apart = 0;
    read_text("/proc/self/smaps", room->maps, MAPS_MOST);
    for (line = room->maps; *line != '\0'; line += strcspn(line, "\n") + 1) {
        unsigned long begin, end;
        size_t len = strcspn(line, "\n");
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            inside = (uintptr_t)address >= begin && (uintptr_t)address < end;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            apart = memmem(line, len, " dd", 3) != NULL && memmem(line, len, " wf", 3) != NULL;
    }
    return apart;
}

/* What the callback is to do, and the password as a seed. */
struct asker {
    uint64_t seed, new_seed;
    int32_t code;
    size_t len;
    int search; /* looks whether the search finds what lies in the buffer */
    long asked;
};

static int32_t give(void *user_data, const hexz_password_request *request, char *buf, size_t capacity, size_t *len)
{
    struct asker *asker = user_data;
    (void)capacity;
    asker->asked++;
    fill_random((unsigned char *)buf, PASSWORD_LEN,
                request->purpose == HEXZ_PASSWORD_CREATE && asker->new_seed != 0 ? asker->new_seed : asker->seed);
    if (asker->search) {
        CHECK(traces_of(asker->seed, 0) >= RUNS);
        CHECK(kept_apart(buf));
        CHECK(kept_apart(buf + capacity - 1));
    }
    *len = asker->len;
    return asker->code;
}

static struct asker asker_of(uint64_t seed)
{
    struct asker asker;
    memset(&asker, 0, sizeof(asker));
    asker.seed = seed;
    asker.len = PASSWORD_LEN;
    return asker;
}

static hexz_build_opts build_with(struct asker *asker)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("snap.hxz"));
    opts.flags |= HEXZ_BUILD_ENCRYPT | HEXZ_BUILD_OVERWRITE;
    opts.password = give;
    opts.password_data = asker;
    opts.kdf_memory_kib = 1024;
    opts.kdf_passes = 1;
    opts.kdf_lanes = 1;
    opts.threads = 3;
    return opts;
}

static hexz_open_opts open_opts_of(struct asker *asker)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    opts.path = in_folder("snap.hxz");
    opts.password = give;
    opts.password_data = asker;
    return opts;
}

static void check_no_trace(uint64_t seed)
{
    CHECK_EQ(traces_of(seed, 1), 0);
}

static void the_search_finds(void)
{
    unsigned char *planted = bytes_new(PASSWORD_LEN);
    unsigned char local[PASSWORD_LEN];
    volatile unsigned char *kept = local;
    size_t i;
    CHECK_EQ(traces_of(240, 0), 0);
    fill_random(planted, PASSWORD_LEN, 240);
    CHECK_EQ(traces_of(240, 0), RUNS);
    for (i = 0; i < PASSWORD_LEN; i++)
        kept[i] = planted[i];
    CHECK_EQ(traces_of(240, 0), 2 * RUNS);
    for (i = 0; i < PASSWORD_LEN; i++)
        kept[i] = 0;
    /* Eight bytes of it are a trace too. */
    memset(planted, 0, 5);
    memset(planted + 13, 0, PASSWORD_LEN - 13);
    CHECK_EQ(traces_of(240, 0), 1);
    free(planted);
}

static void after_builds(void)
{
    static const uint32_t costs[][3] = {{1024, 1, 1}, {8192, 2, 4}};
    hexz_build_opts opts;
    struct asker asker;
    uint64_t i;

    for (i = 0; i < 2; i++) {
        check_about("build, cost number %d", (int)i);
        asker = asker_of(250 + i);
        asker.search = 1;
        opts = build_with(&asker);
        opts.kdf_memory_kib = costs[i][0];
        opts.kdf_passes = costs[i][1];
        opts.kdf_lanes = costs[i][2];
        CHECK_OK(hexz_build(&opts));
        CHECK_EQ(asker.asked, 1);
        check_no_trace(250 + i);
    }
    /* Builds that fail after they were given it, or while. */
    check_about("%s", "builds that fail");
    asker = asker_of(252);
    opts = build_with(&asker);
    opts.source = in_folder("absent.raw");
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_SOURCE);
    opts = build_with(&asker);
    opts.output = in_folder("absent/snap.hxz");
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_OUTPUT);
    asker.code = -1;
    opts = build_with(&asker);
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_CALLBACK);
    asker.code = 1;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_PASSWORD_REQUIRED);
    asker.code = 0;
    asker.len = 2000;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_INVALID_PASSWORD);
    CHECK(asker.asked >= 3);
    check_no_trace(252);
    check_about("%s", "");
}

static void after_opening(void)
{
    struct asker asker = asker_of(260), wrong = asker_of(261);
    hexz_build_opts build = build_with(&asker);
    hexz_open_opts opts = open_opts_of(&asker);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    static unsigned char back[sizeof(disk)];
    hexz_snapshot *snapshot = NULL;

    CHECK_OK(hexz_build(&build));
    asker.search = 1;
    if (!CHECK_OK(hexz_snapshot_open(&opts, &snapshot)))
        return;
    /* It is not needed any more, though the keys are. */
    check_no_trace(260);
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, sizeof(back)));
    CHECK_BYTES(back, disk, sizeof(back));
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    hexz_snapshot_close(snapshot);
    check_no_trace(260);

    opts = open_opts_of(&wrong);
    CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), HEXZ_ERR_WRONG_PASSWORD);
    CHECK_EQ(wrong.asked, 3);
    check_no_trace(261);
    wrong.code = -1;
    CHECK_STATUS(hexz_snapshot_open(&opts, &snapshot), HEXZ_ERR_CALLBACK);
    check_no_trace(261);
}

static void after_rekeying(void)
{
    static const uint32_t operations[] = {HEXZ_REKEY_ADD, HEXZ_REKEY_REPLACE, HEXZ_REKEY_REMOVE};
    struct asker asker = asker_of(270);
    hexz_build_opts build = build_with(&asker);
    hexz_rekey_opts opts = HEXZ_INIT(hexz_rekey_opts);
    size_t i;

    CHECK_OK(hexz_build(&build));
    asker.search = 1;
    opts.path = in_folder("snap.hxz");
    opts.password = give;
    opts.password_data = &asker;
    opts.kdf_memory_kib = 1024;
    opts.kdf_passes = 1;
    opts.kdf_lanes = 1;
    /* 271 is added, 270 becomes 272, 272 is removed. */
    for (i = 0; i < 3; i++) {
        check_about("rekey, operation %d", (int)operations[i]);
        asker.new_seed = 271 + i;
        asker.seed = i == 2 ? 272 : 270;
        /* The one that is searched for is not in the buffer when the new one is. */
        asker.search = i == 2;
        opts.operation = operations[i];
        CHECK_OK(hexz_snapshot_rekey(&opts));
        check_no_trace(270);
        check_no_trace(271);
        check_no_trace(272);
    }
    check_about("%s", "");
}

/* The child of a fork: what needs a key does not come through the parent's
 * handle. A block that the parent had read may, from memory, and is right. */
static int in_the_child(hexz_snapshot *snapshot, struct asker *asker)
{
    static unsigned char back[sizeof(disk)], zeros[sizeof(disk)];
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    hexz_open_opts opts = open_opts_of(asker);
    hexz_snapshot *own = NULL;

    hexz_status status;

    check_afresh();
    status = hexz_snapshot_read(snapshot, 0, 0, back, PAGE);
    if (status == HEXZ_OK)
        CHECK_BYTES(back, disk, PAGE);
    else
        CHECK_STATUS(status, HEXZ_ERR_STATE);
    memset(back, 0, sizeof(back));
    CHECK_STATUS(hexz_snapshot_read(snapshot, 0, 0, back, sizeof(back)), HEXZ_ERR_STATE);
    CHECK_STATUS(hexz_snapshot_read(snapshot, 0, sizeof(back) - PAGE, back, PAGE), HEXZ_ERR_STATE);
    CHECK_BYTES(back, zeros, sizeof(back));
    CHECK_STATUS(hexz_snapshot_verify(snapshot, &verify), HEXZ_ERR_STATE);
    extract.output = in_folder("child.raw");
    CHECK_STATUS(hexz_snapshot_extract(snapshot, &extract), HEXZ_ERR_STATE);
    CHECK(!file_exists(extract.output));
    hexz_snapshot_close(snapshot);

    /* Who knows the password opens it again. */
    if (CHECK_OK(hexz_snapshot_open(&opts, &own))) {
        CHECK_OK(hexz_snapshot_read(own, 0, 0, back, sizeof(back)));
        CHECK_BYTES(back, disk, sizeof(back));
    }
    hexz_snapshot_close(own);
    return check_done();
}

static void after_fork(void)
{
    struct asker asker = asker_of(280);
    hexz_build_opts build = build_with(&asker);
    hexz_open_opts opts = open_opts_of(&asker);
    static unsigned char back[sizeof(disk)];
    hexz_snapshot *snapshot = NULL;
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    int status = 0;
    pid_t child;

    CHECK_OK(hexz_build(&build));
    if (!CHECK_OK(hexz_snapshot_open(&opts, &snapshot)))
        return;
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, PAGE));
    (void)fflush(stdout);
    child = fork();
    if (child < 0)
        fixture_fail("fork", "a child");
    if (child == 0)
        _exit(in_the_child(snapshot, &asker));
    if (waitpid(child, &status, 0) != child)
        fixture_fail("waitpid", "the child");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, sizeof(back)));
    CHECK_BYTES(back, disk, sizeof(back));
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    hexz_snapshot_close(snapshot);
}

static void *make_calls(void *argument)
{
    (void)argument;
    the_search_finds();
    after_builds();
    after_opening();
    after_rekeying();
    after_fork();
    search.over = 1;
    (void)sem_post(&search.asked);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    room = mmap(NULL, sizeof(*room), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        fixture_fail("mmap", "room to search in");
    fill_text(disk, sizeof(disk) / 2, 242);
    fill_random(disk + sizeof(disk) / 2, sizeof(disk) / 2, 243);
    put_file(in_folder("disk.raw"), disk, sizeof(disk));
    if (sem_init(&search.asked, 0, 0) != 0 || sem_init(&search.answered, 0, 0) != 0 ||
        pthread_create(&thread, NULL, make_calls, NULL) != 0)
        fixture_fail("pthread_create", "the thread that makes the calls");
    serve_searches();
    (void)pthread_join(thread, NULL);
    return check_done();
}
