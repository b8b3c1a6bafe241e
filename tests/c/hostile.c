/* Every byte of a small snapshot changed, every truncation and many
 * lengthenings: open refuses, or verify reports damage, and a read that
 * succeeds gives the right bytes. Never a crash, never wrong data. */
#include "fixture.h"

#include <fcntl.h>
#include <sys/wait.h>

#define PAGE ((size_t)4096)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* Under HEXZ_TEST_SMALL only every so many bytes: a prime, so that no field of
 * a structure that repeats is always missed. */
#define SMALL_STRIDE 211
/* Extracting on top for every so many mutations. */
#define EXTRACT_STRIDE 1009
#define WORKERS 2

struct original {
    const char *name;
    const char *profile;
    uint32_t block_size; /* 0: the profile's */
    uint64_t flags;
    unsigned char *stream[2];
    size_t len[2];
    unsigned char *file; /* the snapshot, undamaged */
    size_t file_len;
};

static size_t stride;

/* Lines out of a set of sixty: short blocks of them hold each line once or
 * twice, so that a dictionary which holds them all pays even in a small file. */
static void fill_lines(unsigned char *out, size_t len)
{
    unsigned char lines[60][64];
    uint64_t state = 139;
    size_t at, n;
    fill_random(&lines[0][0], sizeof(lines), 138);
    for (at = 0; at < len; at += n) {
        n = len - at < sizeof(lines[0]) ? len - at : sizeof(lines[0]);
        memcpy(out + at, lines[random_next(&state) % 60], n);
    }
}

static void make_original(struct original *of)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("good.hxz"));
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    put_file(in_folder("disk.raw"), of->stream[0], of->len[0]);
    put_file(in_folder("mem.raw"), of->stream[1], of->len[1]);
    opts.memory = in_folder("mem.raw");
    CHECK_OK(hexz_profile_resolve(of->profile, &profile));
    if (of->block_size != 0)
        profile.block_size = of->block_size;
    opts.custom = &profile;
    opts.flags |= of->flags | HEXZ_BUILD_OVERWRITE;
    CHECK_OK(hexz_build(&opts));
    of->file = get_file(in_folder("good.hxz"), &of->file_len);
}

/* A read may fail as damaged; if it does not, the bytes are right, and if it
 * does, no wrong byte is in the buffer. */
static void check_read(const hexz_snapshot *snapshot, const struct original *of, uint32_t stream, size_t at, size_t len)
{
    static unsigned char buf[1 << 20];
    const unsigned char *want = of->stream[stream] + at;
    hexz_status status;
    size_t i;
    memset(buf, 0xA5, len);
    status = hexz_snapshot_read(snapshot, stream, at, buf, len);
    if (status == HEXZ_OK) {
        CHECK_BYTES(buf, want, len);
        return;
    }
    CHECK_STATUS(status, HEXZ_ERR_CORRUPT);
    for (i = 0; i < len; i++)
        if (buf[i] != want[i] && buf[i] != 0xA5 && buf[i] != 0)
            break;
    CHECK_EQ(i, len);
}

static void check_extents(const hexz_snapshot *snapshot, const struct original *of, uint32_t stream)
{
    hexz_extent extent = HEXZ_INIT(hexz_extent);
    hexz_status status;
    uint64_t at = 0, i;
    while (at < of->len[stream]) {
        status = hexz_snapshot_extent(snapshot, stream, at, &extent);
        if (status != HEXZ_OK) {
            CHECK_STATUS(status, HEXZ_ERR_CORRUPT);
            return;
        }
        if (!CHECK(extent.len > 0 && extent.len <= of->len[stream] - at))
            return;
        if (extent.kind == HEXZ_EXTENT_ZERO) {
            for (i = at; i < at + extent.len && of->stream[stream][i] == 0; i++)
                ;
            CHECK_EQ(i, at + extent.len);
        }
        at += extent.len;
    }
}

/* The file at `path` is damaged somewhere. True when open itself refused it. */
static int check_damaged(const char *path, const struct original *of, int extract)
{
    hexz_snapshot *snapshot = NULL;
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    hexz_status status = open_path(path, &snapshot);
    char back[4096]; /* the workers share a folder, and each has a file of its own to damage */
    uint32_t s;

    (void)snprintf(back, sizeof(back), "%s.back", path);
    if (status != HEXZ_OK) {
        CHECK(status == HEXZ_ERR_NOT_SNAPSHOT || status == HEXZ_ERR_UNSUPPORTED || status == HEXZ_ERR_CORRUPT ||
              status == HEXZ_ERR_PASSWORD_REQUIRED || status == HEXZ_ERR_PARENT);
        CHECK(snapshot == NULL);
        CHECK(hexz_last_error()[0] != '\0');
        return 1;
    }
    for (s = 0; s < 2; s++) {
        check_read(snapshot, of, s, 0, of->len[s]);
        check_read(snapshot, of, s, of->len[s] / 2, PAGE < of->len[s] / 2 ? PAGE : of->len[s] / 2);
        check_read(snapshot, of, s, of->len[s] - 1, 1);
        check_extents(snapshot, of, s);
        if (extract) {
            opts.stream = s;
            opts.output = back;
            opts.flags = HEXZ_EXTRACT_NO_SYNC;
            status = hexz_snapshot_extract(snapshot, &opts);
            if (status == HEXZ_OK)
                CHECK(file_holds(opts.output, of->stream[s], of->len[s]));
            else
                CHECK(!file_exists(opts.output));
            (void)unlink(opts.output);
        }
    }
    verify.threads = 1;
    CHECK_STATUS(hexz_snapshot_verify(snapshot, &verify), HEXZ_ERR_CORRUPT);
    hexz_snapshot_close(snapshot);
    return 0;
}

static void write_at(const char *path, int fd, const void *bytes, size_t len, size_t at)
{
    if (pwrite(fd, bytes, len, (off_t)at) != (ssize_t)len)
        fixture_fail("write", path);
}

static void cut_to(const char *path, int fd, size_t len)
{
    if (ftruncate(fd, (off_t)len) != 0)
        fixture_fail("ftruncate", path);
}

static void every_byte_changed(const struct original *of, const char *path, int fd, size_t worker)
{
    static const unsigned char masks[] = {0x01, 0xFF};
    size_t at, m;
    long refused = 0, reported = 0;
    for (at = worker * stride; at < of->file_len; at += WORKERS * stride) {
        for (m = 0; m < COUNT(masks); m++) {
            unsigned char byte = of->file[at] ^ masks[m];
            check_about("%s: byte %lu xor %02x", of->name, (unsigned long)at, masks[m]);
            write_at(path, fd, &byte, 1, at);
            if (check_damaged(path, of, at % EXTRACT_STRIDE == 0))
                refused++;
            else
                reported++;
        }
        write_at(path, fd, &of->file[at], 1, at);
    }
    /* Both ways of being noticed were met. */
    CHECK(refused > 0 && reported > 0);
}

/* A sector that was never written, or written with what belongs elsewhere. */
static void sectors_lost(const struct original *of, const char *path, int fd, size_t worker)
{
    static const unsigned char zeros[512];
    size_t at, other, len;
    for (at = worker * sizeof(zeros); at < of->file_len; at += WORKERS * sizeof(zeros)) {
        len = of->file_len - at < sizeof(zeros) ? of->file_len - at : sizeof(zeros);
        other = (at + of->file_len / 2 / 512 * 512) % (of->file_len - 511);
        check_about("%s: sector at %lu", of->name, (unsigned long)at);
        if (memcmp(of->file + at, zeros, len) != 0) {
            write_at(path, fd, zeros, len, at);
            (void)check_damaged(path, of, 0);
        }
        if (memcmp(of->file + at, of->file + other, len) != 0) {
            write_at(path, fd, of->file + other, len, at);
            (void)check_damaged(path, of, 0);
        }
        write_at(path, fd, of->file + at, len, at);
    }
}

static void every_truncation(const struct original *of, const char *path, int fd, size_t worker)
{
    size_t len;
    cut_to(path, fd, 0);
    for (len = 0; len < of->file_len; len++) {
        if (len > 0)
            write_at(path, fd, of->file + len - 1, 1, len - 1);
        if (len % WORKERS != worker || len / WORKERS % stride != 0)
            continue;
        check_about("%s: cut to %lu of %lu", of->name, (unsigned long)len, (unsigned long)of->file_len);
        CHECK(check_damaged(path, of, 0));
    }
    write_at(path, fd, of->file + len - 1, 1, len - 1);
}

static void lengthened(const struct original *of, const char *path, int fd)
{
    size_t more, step = stride > 1 ? stride : 7;
    for (more = 1; more <= 2 * PAGE; more += more < 16 ? 1 : step) {
        check_about("%s: %lu zeros longer", of->name, (unsigned long)more);
        cut_to(path, fd, of->file_len + more);
        CHECK(check_damaged(path, of, 0));
    }
    cut_to(path, fd, of->file_len);
    /* The last page once more, then the whole file once more: what is at the
     * end looks right and speaks of another length. */
    check_about("%s: the footer twice", of->name);
    write_at(path, fd, of->file + of->file_len - PAGE, PAGE, of->file_len);
    CHECK(check_damaged(path, of, 0));
    check_about("%s: the file twice", of->name);
    write_at(path, fd, of->file, of->file_len, of->file_len);
    CHECK(check_damaged(path, of, 0));
    cut_to(path, fd, of->file_len);
}

static int work(const struct original *of, size_t worker)
{
    char name[32];
    const char *path;
    hexz_snapshot *snapshot;
    int fd;

    check_afresh();
    (void)snprintf(name, sizeof(name), "bad-%d.hxz", (int)worker);
    path = in_folder(name);
    put_file(path, of->file, of->file_len);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        fixture_fail("open", path);
    every_byte_changed(of, path, fd, worker);
    sectors_lost(of, path, fd, worker);
    every_truncation(of, path, fd, worker);
    if (worker == 0)
        lengthened(of, path, fd);
    (void)close(fd);
    /* All damage was taken back: or the checks above meant nothing. */
    check_about("%s: repaired", of->name);
    if (CHECK_OK(open_path(path, &snapshot))) {
        hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
        CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
        hexz_snapshot_close(snapshot);
    }
    return check_done();
}

static void attack(const struct original *of)
{
    pid_t children[WORKERS];
    size_t i;
    int status;
    for (i = 0; i < WORKERS; i++) {
        children[i] = fork();
        if (children[i] < 0)
            fixture_fail("fork", "a worker");
        if (children[i] == 0)
            _exit(work(of, i));
    }
    for (i = 0; i < WORKERS; i++) {
        check_about("%s: worker %d", of->name, (int)i);
        CHECK(waitpid(children[i], &status, 0) == children[i]);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    check_about("%s", "");
}

int main(void)
{
    enum { LZ4, DICTIONARY, CDC, STORED };
    struct original all[] = {
        {"lz4", "generic", 0, 0, {NULL, NULL}, {0, 0}, NULL, 0},
        {"zstd with a dictionary", "embedded", 4096, 0, {NULL, NULL}, {0, 0}, NULL, 0},
        {"content-defined", "ml", 0, HEXZ_BUILD_CDC, {NULL, NULL}, {0, 0}, NULL, 0},
        {"stored", "generic", 0, 0, {NULL, NULL}, {0, 0}, NULL, 0},
    };
    /* Sizes chosen so that each file is some 40 to 64 KiB. */
    static const size_t lengths[COUNT(all)] = {27 * PAGE + 123, 100 * PAGE, 60 * PAGE + 77, 16 * PAGE};
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_snapshot *snapshot;
    size_t i;

    stride = fixture_small() ? SMALL_STRIDE : 1;
    for (i = 0; i < COUNT(all); i++) {
        struct original *of = &all[i];
        of->len[0] = lengths[i];
        of->len[1] = lengths[i] / 4 + 55;
        of->stream[0] = bytes_new(of->len[0]);
        of->stream[1] = bytes_new(of->len[1]);
        if (i == DICTIONARY)
            fill_lines(of->stream[0], of->len[0]);
        else if (i == STORED)
            fill_random(of->stream[0], of->len[0] / 2, 131);
        else
            fill_text(of->stream[0], of->len[0], 132 + i);
        memset(of->stream[0] + 5 * PAGE, 0, 7 * PAGE);
        /* Memory: pages that the disk has, a hole, and something of its own. */
        memcpy(of->stream[1], of->stream[0] + PAGE, of->len[1] / 2);
        fill_random(of->stream[1] + of->len[1] - 700, 700, 133);
        make_original(of);
        check_about("%s, %lu bytes", of->name, (unsigned long)of->file_len);
        CHECK(of->file_len >= 16 * 1024 && of->file_len <= 80 * 1024);
        if (i == DICTIONARY) {
            snapshot = must_open(in_folder("good.hxz"));
            CHECK_OK(hexz_snapshot_info(snapshot, &info));
            CHECK(info.dictionary_size > 0);
            hexz_snapshot_close(snapshot);
        }
        attack(of);
        free(of->stream[0]);
        free(of->stream[1]);
        free(of->file);
    }
    return check_done();
}
