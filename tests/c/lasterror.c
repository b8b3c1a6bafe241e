/* The last error belongs to its thread: text, errno and callback code of what
 * failed here, whatever other threads do; it outlives calls that succeed and
 * ends with the next one that fails. */
#include "fixture.h"

#include <pthread.h>

#define THREADS 4
#define ROUNDS 200

static pthread_barrier_t barrier;

static void outlives_success(void)
{
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    hexz_snapshot *snapshot = NULL;
    const char *text;
    char *copy;
    int i;

    CHECK_STATUS(open_path(in_folder("absent.hxz"), &snapshot), HEXZ_ERR_IO);
    text = hexz_last_error();
    copy = strdup(text);
    if (copy == NULL)
        fixture_fail("memory for", "a text");
    CHECK(strstr(copy, in_folder("absent.hxz")) != NULL);
    CHECK_EQ(hexz_last_errno(), ENOENT);
    CHECK_EQ(hexz_last_callback_code(), 0);
    for (i = 0; i < 20; i++) {
        CHECK_OK(hexz_profile_resolve("eda", &profile));
        (void)hexz_version();
        (void)hexz_status_name(HEXZ_ERR_IO);
        CHECK(strcmp(text, copy) == 0);
        CHECK(strcmp(hexz_last_error(), copy) == 0);
    }
    CHECK_EQ(hexz_last_errno(), ENOENT);

    /* The next failure has its own, all three of it. */
    CHECK_STATUS(hexz_profile_resolve("no such", &profile), HEXZ_ERR_UNKNOWN_PROFILE);
    CHECK(strstr(hexz_last_error(), "no such") != NULL);
    CHECK(strstr(hexz_last_error(), "absent.hxz") == NULL);
    CHECK_EQ(hexz_last_errno(), 0);
    free(copy);
}

static int32_t stop(void *user_data, const hexz_progress *progress)
{
    (void)progress;
    return *(const int32_t *)user_data;
}

static void callback_codes(void)
{
    int32_t codes[] = {1, -1, 42, INT32_MIN, INT32_MAX};
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    size_t i;
    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("disk.hxz"));
        opts.progress = stop;
        opts.progress_data = &codes[i];
        CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_CANCELLED);
        CHECK(hexz_last_callback_code() == codes[i]);
        CHECK_EQ(hexz_last_errno(), 0);
    }
    CHECK_STATUS(hexz_profile_resolve("no such", &profile), HEXZ_ERR_UNKNOWN_PROFILE);
    CHECK_EQ(hexz_last_callback_code(), 0);
}

static void *fails_in_its_own_way(void *argument)
{
    long number = (long)(intptr_t)argument;
    char name[64], path_name[64];
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    hexz_snapshot *snapshot;
    const char *path;
    int i;

    /* A new thread has not failed yet. */
    CHECK(hexz_last_error() != NULL);
    CHECK(strstr(hexz_last_error(), "no such") == NULL);
    CHECK_EQ(hexz_last_errno(), 0);
    CHECK_EQ(hexz_last_callback_code(), 0);
    (void)snprintf(name, sizeof(name), "profile-of-thread-%ld.", number);
    (void)snprintf(path_name, sizeof(path_name), "file-of-thread-%ld.", number);
    path = in_folder(path_name);
    for (i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&barrier);
        if ((i + number) % 2 == 0) {
            CHECK_STATUS(hexz_profile_resolve(name, &profile), HEXZ_ERR_UNKNOWN_PROFILE);
            pthread_barrier_wait(&barrier);
            CHECK(strstr(hexz_last_error(), name) != NULL);
            CHECK_EQ(hexz_last_errno(), 0);
        } else {
            CHECK_STATUS(open_path(path, &snapshot), HEXZ_ERR_IO);
            pthread_barrier_wait(&barrier);
            CHECK(strstr(hexz_last_error(), path) != NULL);
            CHECK_EQ(hexz_last_errno(), ENOENT);
        }
    }
    return NULL;
}

static void threads_apart(void)
{
    pthread_t threads[THREADS];
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    long i;
    if (pthread_barrier_init(&barrier, NULL, THREADS) != 0)
        fixture_fail("barrier for", "threads");
    CHECK_STATUS(hexz_profile_resolve("no such", &profile), HEXZ_ERR_UNKNOWN_PROFILE);
    for (i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, fails_in_its_own_way, (void *)(intptr_t)i) != 0)
            fixture_fail("pthread_create", "a thread");
    for (i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_barrier_destroy(&barrier);
    CHECK(strstr(hexz_last_error(), "no such") != NULL);
}

int main(void)
{
    put_file(in_folder("disk.raw"), "some data", 9);
    outlives_success();
    callback_codes();
    threads_apart();
    return check_done();
}
