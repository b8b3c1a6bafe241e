#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>

#define NAMES_MAX 512
#define PAGE 4096

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static char *names[NAMES_MAX];
static size_t name_count;
static char *folder;
static pid_t owner;

void fixture_fail(const char *what, const char *operand)
{
    fprintf(stderr, "set-up failed: %s '%s': %s\n", what, operand, strerror(errno));
    exit(2);
}

int fixture_small(void)
{
    const char *value = getenv("HEXZ_TEST_SMALL");
    return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    (void)remove(path);
    return 0;
}

/* A forked child leaves the folder to its parent. */
static void remove_folder(void)
{
    size_t i;
    if (folder != NULL && getpid() == owner)
        (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    for (i = 0; i < name_count; i++)
        free(names[i]);
    free(folder);
    folder = NULL;
    name_count = 0;
}

static void make_folder(void)
{
    const char *parent = getenv("TMPDIR");
    size_t room;
    if (parent == NULL || parent[0] == '\0')
        parent = P_tmpdir;
    room = strlen(parent) + sizeof("/hexz-c-XXXXXX");
    folder = malloc(room);
    if (folder == NULL)
        fixture_fail("memory for", "the folder's name");
    (void)snprintf(folder, room, "%s/hexz-c-XXXXXX", parent);
    if (mkdtemp(folder) == NULL)
        fixture_fail("mkdtemp", folder);
    owner = getpid();
    (void)atexit(remove_folder);
}

const char *in_folder(const char *name)
{
    char *path;
    size_t i, room;
    pthread_mutex_lock(&names_lock);
    if (folder == NULL)
        make_folder();
    room = strlen(folder) + 1 + strlen(name) + 1;
    path = malloc(room);
    if (path == NULL)
        fixture_fail("memory for", name);
    (void)snprintf(path, room, "%s/%s", folder, name);
    for (i = 0; i < name_count && strcmp(names[i], path) != 0; i++)
        ;
    if (i < name_count) {
        free(path);
    } else {
        if (i == NAMES_MAX)
            fixture_fail("too many names at", name);
        names[name_count++] = path;
    }
    path = names[i];
    pthread_mutex_unlock(&names_lock);
    return path;
}

long entries_in(const char *path)
{
    long count = 0;
    struct dirent *entry;
    DIR *dir = opendir(path);
    if (dir == NULL)
        fixture_fail("opendir", path);
    while ((entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            count++;
    (void)closedir(dir);
    return count;
}

long entries_here(void)
{
    return entries_in(in_folder("."));
}

static int create(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        fixture_fail("create", path);
    return fd;
}

static void write_at(int fd, const char *path, const unsigned char *bytes, size_t len, uint64_t offset)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, bytes, len, (off_t)offset);
        if (n <= 0)
            fixture_fail("write", path);
        bytes += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
}

void put_file(const char *path, const void *bytes, size_t len)
{
    int fd = create(path);
    write_at(fd, path, bytes, len, 0);
    (void)close(fd);
}

void put_sparse(const char *path, const void *bytes, size_t len)
{
    static const unsigned char zeros[PAGE];
    const unsigned char *from = bytes;
    size_t at, n;
    int fd = create(path);
    for (at = 0; at < len; at += n) {
        n = len - at < PAGE ? len - at : PAGE;
        if (memcmp(from + at, zeros, n) != 0)
            write_at(fd, path, from + at, n, at);
    }
    if (ftruncate(fd, (off_t)len) != 0)
        fixture_fail("ftruncate", path);
    (void)close(fd);
}

unsigned char *get_file(const char *path, size_t *len)
{
    struct stat info;
    unsigned char *bytes;
    size_t have = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0)
        fixture_fail("open", path);
    *len = (size_t)info.st_size;
    bytes = bytes_new(*len);
    while (have < *len) {
        ssize_t n = read(fd, bytes + have, *len - have);
        if (n <= 0)
            fixture_fail("read", path);
        have += (size_t)n;
    }
    (void)close(fd);
    return bytes;
}

int file_holds(const char *path, const void *bytes, size_t len)
{
    size_t have;
    int same;
    unsigned char *found;
    if (!file_exists(path))
        return 0;
    found = get_file(path, &have);
    same = have == len && (len == 0 || memcmp(found, bytes, len) == 0);
    free(found);
    return same;
}

int file_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

uint64_t file_size_of(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        fixture_fail("stat", path);
    return (uint64_t)info.st_size;
}

void flip_byte(const char *path, uint64_t offset, unsigned char mask)
{
    unsigned char byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || pread(fd, &byte, 1, (off_t)offset) != 1)
        fixture_fail("read a byte of", path);
    byte ^= mask;
    if (pwrite(fd, &byte, 1, (off_t)offset) != 1)
        fixture_fail("write a byte of", path);
    (void)close(fd);
}

unsigned char *bytes_new(size_t len)
{
    unsigned char *bytes = calloc(len > 0 ? len : 1, 1);
    if (bytes == NULL)
        fixture_fail("memory for", "test data");
    return bytes;
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift
 * generators, scrambled" (2016). */
uint32_t random_next(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return (uint32_t)((x * UINT64_C(2685821657736338717)) >> 32);
}

void fill_random(unsigned char *out, size_t len, uint64_t seed)
{
    uint64_t state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    size_t i;
    for (i = 0; i < len; i++)
        out[i] = (unsigned char)(random_next(&state) >> 24);
}

/* Lines of a made-up netlist: repetitive, never the same twice. */
void fill_text(unsigned char *out, size_t len, uint64_t seed)
{
    static const char *const cells[] = {"NAND2_X1", "NOR2_X1", "DFF_X2", "INV_X4", "MUX2_X1", "AOI21_X1", "BUF_X8"};
    uint64_t state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    size_t at = 0;
    while (at < len) {
        char line[96];
        size_t n;
        const char *cell = cells[random_next(&state) % (sizeof(cells) / sizeof(cells[0]))];
        (void)snprintf(line, sizeof(line), "  %s u%u (.A(n%u), .B(n%u), .Z(n%u));\n", cell,
                       (unsigned)(random_next(&state) % 100000), (unsigned)(random_next(&state) % 10000),
                       (unsigned)(random_next(&state) % 10000), (unsigned)(random_next(&state) % 10000));
        n = strlen(line);
        if (n > len - at)
            n = len - at;
        memcpy(out + at, line, n);
        at += n;
    }
}

hexz_build_opts build_of(const char *source, const char *output)
{
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    opts.source = source;
    opts.output = output;
    opts.flags = HEXZ_BUILD_NO_SYNC;
    return opts;
}

hexz_status open_path(const char *path, hexz_snapshot **out)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    opts.path = path;
    return hexz_snapshot_open(&opts, out);
}

hexz_snapshot *must_open(const char *path)
{
    hexz_snapshot *snapshot = NULL;
    if (open_path(path, &snapshot) != HEXZ_OK) {
        fprintf(stderr, "set-up failed: open snapshot: %s\n", hexz_last_error());
        exit(2);
    }
    return snapshot;
}
