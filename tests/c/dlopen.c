/* Loaded as a plugin is: opened by name on a thread, used, made to fail,
 * closed, and the thread ends after that. Over and over, and on two threads at
 * once. The path of the library is the program's argument. */
#include "check.h"
#include "hexz.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#define ROUNDS 10
#define SIDE_BY_SIDE 2
#define LEN ((size_t)1 << 20)

static const char *library;
static char folder[4096];

/* The functions under their own types. */
struct hexz {
    void *handle;
    const char *(*last_error)(void);
    hexz_status (*build)(const hexz_build_opts *opts);
    hexz_status (*open)(const hexz_open_opts *opts, hexz_snapshot **out);
    hexz_status (*read)(const hexz_snapshot *snapshot, uint32_t stream, uint64_t offset, void *buf, size_t len);
    hexz_status (*verify)(const hexz_snapshot *snapshot, const hexz_verify_opts *opts);
    void (*close)(hexz_snapshot *snapshot);
};

/* POSIX, dlsym: a function comes as an object pointer; copied, not cast. */
static int resolve(void *handle, const char *name, void *function, size_t size)
{
    void *symbol = dlsym(handle, name);
    if (!CHECK(symbol != NULL && size == sizeof(symbol)))
        return 0;
    memcpy(function, &symbol, size);
    return 1;
}

static int load(struct hexz *hexz)
{
    hexz->handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!CHECK(hexz->handle != NULL)) {
        fprintf(stderr, "%s\n", dlerror());
        return 0;
    }
    return resolve(hexz->handle, "hexz_last_error", &hexz->last_error, sizeof(hexz->last_error)) &&
           resolve(hexz->handle, "hexz_build", &hexz->build, sizeof(hexz->build)) &&
           resolve(hexz->handle, "hexz_snapshot_open", &hexz->open, sizeof(hexz->open)) &&
           resolve(hexz->handle, "hexz_snapshot_read", &hexz->read, sizeof(hexz->read)) &&
           resolve(hexz->handle, "hexz_snapshot_verify", &hexz->verify, sizeof(hexz->verify)) &&
           resolve(hexz->handle, "hexz_snapshot_close", &hexz->close, sizeof(hexz->close));
}

static void put(const char *path, const unsigned char *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes, 1, len, file) == len);
    if (file != NULL)
        CHECK(fclose(file) == 0);
}

static void *plugin(void *argument)
{
    int number = *(const int *)argument;
    char source[5000], output[5000];
    unsigned char *data = calloc(LEN, 1), *back = calloc(LEN, 1);
    hexz_build_opts build = HEXZ_INIT(hexz_build_opts);
    hexz_open_opts opening = HEXZ_INIT(hexz_open_opts);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_snapshot *snapshot = NULL;
    struct hexz hexz;
    size_t i;

    if (!CHECK(data != NULL && back != NULL) || !load(&hexz)) {
        free(data);
        free(back);
        return NULL;
    }
    for (i = 0; i < LEN / 2; i++)
        data[i] = (unsigned char)(i * 31 + (i >> 8) * (size_t)(number + 1));
    (void)snprintf(source, sizeof(source), "%s/disk-%d.raw", folder, number);
    (void)snprintf(output, sizeof(output), "%s/disk-%d.hxz", folder, number);
    put(source, data, LEN);

    build.source = source;
    build.output = output;
    build.profile = "eda";
    build.threads = 2;
    build.flags = HEXZ_BUILD_NO_SYNC;
    CHECK(hexz.build(&build) == HEXZ_OK);
    opening.path = output;
    if (CHECK(hexz.open(&opening, &snapshot) == HEXZ_OK)) {
        CHECK(hexz.read(snapshot, 0, 0, back, LEN) == HEXZ_OK);
        CHECK_BYTES(back, data, LEN);
        verify.threads = 2;
        CHECK(hexz.verify(snapshot, &verify) == HEXZ_OK);
        hexz.close(snapshot);
    }
    /* The text of a failure lives in this thread, and has to go with it. */
    CHECK(hexz.build(&build) == HEXZ_ERR_EXISTS);
    CHECK(strstr(hexz.last_error(), output) != NULL);
    CHECK(hexz.build(NULL) == HEXZ_ERR_INVALID_ARGUMENT);
    CHECK(dlclose(hexz.handle) == 0);
    (void)unlink(source);
    (void)unlink(output);
    free(data);
    free(back);
    return NULL;
}

int main(int argc, char **argv)
{
    const char *parent = getenv("TMPDIR");
    pthread_t threads[SIDE_BY_SIDE];
    int numbers[SIDE_BY_SIDE];
    int round, i;

    if (argc != 2) {
        fprintf(stderr, "usage: dlopen LIBRARY\n");
        return 2;
    }
    library = argv[1];
    (void)snprintf(folder, sizeof(folder), "%s/hexz-c-XXXXXX", parent && parent[0] ? parent : P_tmpdir);
    if (mkdtemp(folder) == NULL) {
        perror("mkdtemp");
        return 2;
    }
    for (round = 0; round < ROUNDS; round++) {
        for (i = 0; i < SIDE_BY_SIDE; i++) {
            numbers[i] = i;
            if (!CHECK(pthread_create(&threads[i], NULL, plugin, &numbers[i]) == 0))
                return 2;
        }
        for (i = 0; i < SIDE_BY_SIDE; i++)
            (void)pthread_join(threads[i], NULL);
    }
    CHECK(rmdir(folder) == 0);
    return check_done();
}
