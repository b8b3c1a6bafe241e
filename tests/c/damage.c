#include "damage.h"

#include <fcntl.h>
#include <sys/wait.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* Extracting on top for every so many mutations. */
#define EXTRACT_STRIDE 1009
#define WORKERS 2
#define SECTOR ((size_t)512)

void damage_streams(struct original *of, size_t disk_len, size_t memory_len)
{
    of->len[0] = disk_len;
    of->len[1] = memory_len;
    of->stream[0] = bytes_new(disk_len);
    of->stream[1] = bytes_new(memory_len);
}

void damage_free(struct original *of)
{
    free(of->stream[0]);
    free(of->stream[1]);
    free(of->file);
}

void damage_fill_lines(unsigned char *out, size_t len)
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

const char *damage_build(struct original *of)
{
    struct passwords passwords = password_is(of->password != NULL ? of->password : "");
    hexz_build_opts opts = of->password != NULL
                               ? encrypted_build_of(in_folder("disk.raw"), in_folder("good.hxz"), &passwords)
                               : build_of(in_folder("disk.raw"), in_folder("good.hxz"));
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
    of->file = get_file(opts.output, &of->file_len);
    return opts.output;
}

static hexz_status open_as(const char *path, const struct original *of, hexz_snapshot **out)
{
    struct passwords passwords;
    if (of->password == NULL)
        return open_path(path, out);
    passwords = password_is(of->password);
    return open_with(path, &passwords, out);
}

/* Where the first byte is that is neither the right one, nor what lay there
 * before the read, nor zero; `len` if none is. By pages where they are alike:
 * this is asked a million times. */
static size_t first_wrong(const unsigned char *got, const unsigned char *want, size_t len, const unsigned char *before)
{
    static const unsigned char zeros[PAGE];
    size_t at, n, i;
    for (at = 0; at < len; at += n) {
        n = len - at < PAGE ? len - at : PAGE;
        if (memcmp(got + at, want + at, n) == 0 || memcmp(got + at, before, n) == 0 || memcmp(got + at, zeros, n) == 0)
            continue;
        for (i = at; i < at + n; i++)
            if (got[i] != want[i] && got[i] != before[0] && got[i] != 0)
                return i;
    }
    return len;
}

/* A read may fail as damaged; if it does not, the bytes are right, and if it
 * does, no wrong byte is in the buffer. */
static void check_read(const hexz_snapshot *snapshot, const struct original *of, uint32_t stream, size_t at, size_t len)
{
    static unsigned char buf[STREAM_MOST];
    const unsigned char *want = of->stream[stream] + at;
    unsigned char before[PAGE];
    hexz_status status;
    memset(before, 0xA5, sizeof(before));
    memset(buf, 0xA5, len);
    status = hexz_snapshot_read(snapshot, stream, at, buf, len);
    if (status == HEXZ_OK) {
        CHECK_BYTES(buf, want, len);
        return;
    }
    CHECK_STATUS(status, HEXZ_ERR_CORRUPT);
    CHECK_EQ(first_wrong(buf, want, len, before), len);
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
    hexz_status status = open_as(path, of, &snapshot);
    char back[4096]; /* the workers share a folder, and each has a file of its own to damage */
    uint32_t s;

    (void)snprintf(back, sizeof(back), "%s.back", path);
    if (status != HEXZ_OK) {
        /* Nobody is told that his password is wrong, or not needed. */
        if (status != HEXZ_ERR_NOT_SNAPSHOT && status != HEXZ_ERR_UNSUPPORTED)
            CHECK_STATUS(status, HEXZ_ERR_CORRUPT);
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

/* What lies in the clear in an encrypted file is where one bit may do most:
 * header, key slots and footer, where they say something. */
static int is_in_the_clear(const struct original *of, size_t at)
{
    size_t footer = of->file_len - PAGE, within = at < footer ? at % PAGE : at - footer;
    return of->clear && (at < 3 * PAGE || at >= footer) && (within < 400 || within >= PAGE - 4);
}

static void every_byte_changed(const struct original *of, const char *path, int fd, size_t worker)
{
    static const unsigned char masks[] = {0x01, 0xFF};
    size_t at, turn = 0;
    int m;
    long refused = 0, reported = 0;
    for (at = 0; at < of->file_len; at++) {
        if ((at % of->stride != 0 && !is_in_the_clear(of, at)) || turn++ % WORKERS != worker)
            continue;
        for (m = 0; m < of->masks; m++) {
            unsigned char mask = masks[of->masks == 1 ? turn / WORKERS % COUNT(masks) : (size_t)m];
            unsigned char byte = of->file[at] ^ mask;
            check_about("%s: byte %lu xor %02x", of->name, (unsigned long)at, mask);
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
    static const unsigned char zeros[SECTOR];
    size_t at, other, len;
    for (at = worker * SECTOR; at < of->file_len; at += WORKERS * SECTOR) {
        if (at / SECTOR / WORKERS % of->sector_stride != 0)
            continue;
        len = of->file_len - at < SECTOR ? of->file_len - at : SECTOR;
        other = (at + of->file_len / 2 / SECTOR * SECTOR) % (of->file_len - (SECTOR - 1));
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
    size_t len, written = 0;
    cut_to(path, fd, 0);
    for (len = 0; len < of->file_len; len++) {
        if (len % WORKERS != worker || len / WORKERS % of->stride != 0)
            continue;
        write_at(path, fd, of->file + written, len - written, written);
        written = len;
        check_about("%s: cut to %lu of %lu", of->name, (unsigned long)len, (unsigned long)of->file_len);
        CHECK(check_damaged(path, of, 0));
    }
    write_at(path, fd, of->file + written, of->file_len - written, written);
}

static void lengthened(const struct original *of, const char *path, int fd)
{
    size_t more, step = of->stride > 1 ? of->stride : 7;
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
    if (CHECK_OK(open_as(path, of, &snapshot))) {
        hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
        CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
        hexz_snapshot_close(snapshot);
    }
    return check_done();
}

void damage_all(const struct original *of)
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
