#include "hosted.h"

#include "passwords.h"

#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t met = PTHREAD_COND_INITIALIZER;

/* What the callback returns at this call. */
static int32_t make_trouble(const struct trouble *trouble, long call)
{
    if (trouble->at != call)
        return 0;
    if (trouble->cancel != NULL)
        hexz_cancel_trigger(trouble->cancel);
    if (trouble->during != NULL)
        trouble->during(trouble->during_data);
    return trouble->code;
}

struct hosted_storage stored(const void *bytes, size_t len)
{
    struct hosted_storage hosted;
    memset(&hosted, 0, sizeof(hosted));
    hosted.bytes = bytes;
    hosted.len = len;
    hosted.thread = pthread_self();
    return hosted;
}

/* Waits for a second thread; the time is only there to end a test that fails. */
static void meet_another(struct hosted_storage *hosted)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 120;
    while (hosted->meet && hosted->most_inside < 2)
        if (pthread_cond_timedwait(&met, &lock, &until) != 0)
            hosted->meet = 0;
}

static int32_t read_storage(void *user_data, uint64_t offset, void *buf, size_t len)
{
    struct hosted_storage *hosted = user_data;
    size_t n = len;
    long call;
    int32_t code;

    CHECK(len > 0 && offset <= hosted->len && len <= hosted->len - offset);
    CHECK(!hosted->one_thread || pthread_equal(pthread_self(), hosted->thread));
    pthread_mutex_lock(&lock);
    CHECK_EQ(hosted->released, 0);
    call = ++hosted->calls;
    hosted->read += len;
    if (++hosted->inside > hosted->most_inside)
        hosted->most_inside = hosted->inside;
    if (hosted->meet) {
        (void)pthread_cond_broadcast(&met);
        meet_another(hosted);
    }
    pthread_mutex_unlock(&lock);

    code = make_trouble(&hosted->trouble, call);
    if (hosted->lie != HONEST && call >= hosted->lie_from)
        n = hosted->lie == NOT_FILLED ? 0 : hosted->lie == HALF_FILLED ? len / 2 : len;
    /* Never more than there is, or a call that is wrong would end the program. */
    if (offset <= hosted->len && n <= hosted->len - offset)
        memcpy(buf, hosted->bytes + offset, n);
    if (hosted->lie == ONE_BIT && call >= hosted->lie_from)
        ((unsigned char *)buf)[len / 2] ^= 1;

    pthread_mutex_lock(&lock);
    hosted->inside--;
    pthread_mutex_unlock(&lock);
    return code;
}

static void release_storage(void *user_data)
{
    struct hosted_storage *hosted = user_data;
    CHECK(pthread_equal(pthread_self(), hosted->thread));
    CHECK_EQ(hosted->inside, 0);
    hosted->released++;
}

hexz_storage storage_in(struct hosted_storage *hosted)
{
    hexz_storage storage = HEXZ_INIT(hexz_storage);
    storage.user_data = hosted;
    storage.size = hosted->len;
    storage.read_at = read_storage;
    storage.release = release_storage;
    return storage;
}

hexz_status open_storage(struct hosted_storage *hosted, uint64_t flags, const char *password, hexz_snapshot **out)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_storage storage = storage_in(hosted);
    struct passwords passwords = no_passwords();
    hexz_status status;
    storage.flags = flags;
    opts.storage = &storage;
    if (password != NULL) {
        passwords = password_is(password);
        opts.password = answer;
        opts.password_data = &passwords;
    }
    status = hexz_snapshot_open(&opts, out);
    /* There is no path to tell. */
    if (passwords.count > 0)
        CHECK_EQ(passwords.asked[0].path[0], '\0');
    return status;
}

struct hosted_sink sunk(void)
{
    struct hosted_sink hosted;
    memset(&hosted, 0, sizeof(hosted));
    hosted.thread = pthread_self();
    hosted.least = SIZE_MAX;
    return hosted;
}

void sink_free(struct hosted_sink *hosted)
{
    free(hosted->bytes);
    hosted->bytes = NULL;
    hosted->len = hosted->room = 0;
}

/* Each call before the end, on the thread that makes the call. */
static int32_t begin(struct hosted_sink *hosted)
{
    CHECK(pthread_equal(pthread_self(), hosted->thread));
    CHECK_EQ(hosted->commits + hosted->aborts, 0);
    return make_trouble(&hosted->trouble, ++hosted->calls);
}

static unsigned char *room_for(struct hosted_sink *hosted, size_t len)
{
    if (hosted->room - hosted->len < len) {
        hosted->room = 2 * hosted->room + len;
        hosted->bytes = realloc(hosted->bytes, hosted->room);
        if (hosted->bytes == NULL)
            fixture_fail("memory for", "what a sink takes");
    }
    hosted->len += len;
    return hosted->bytes + hosted->len - len;
}

static int32_t write_sink(void *user_data, const void *buf, size_t len)
{
    struct hosted_sink *hosted = user_data;
    CHECK(len > 0);
    hosted->writes++;
    if (hosted->last > 0 && hosted->last < hosted->least)
        hosted->least = hosted->last;
    hosted->last = len;
    if (len > hosted->largest)
        hosted->largest = len;
    memcpy(room_for(hosted, len), buf, len);
    return begin(hosted);
}

static int32_t zero_sink(void *user_data, uint64_t len)
{
    struct hosted_sink *hosted = user_data;
    CHECK(len > 0);
    hosted->zero_runs++;
    hosted->zeros += len;
    memset(room_for(hosted, (size_t)len), 0, (size_t)len);
    return begin(hosted);
}

static int32_t commit_sink(void *user_data)
{
    struct hosted_sink *hosted = user_data;
    int32_t code = begin(hosted);
    hosted->commits++;
    return code;
}

static void abort_sink(void *user_data)
{
    struct hosted_sink *hosted = user_data;
    CHECK(pthread_equal(pthread_self(), hosted->thread));
    CHECK_EQ(hosted->aborts, 0);
    hosted->aborts++;
}

hexz_sink sink_in(struct hosted_sink *hosted)
{
    hexz_sink sink = HEXZ_INIT(hexz_sink);
    sink.user_data = hosted;
    sink.write = write_sink;
    sink.write_zeroes = zero_sink;
    sink.commit = commit_sink;
    sink.abort = abort_sink;
    return sink;
}

void check_committed(const struct hosted_sink *hosted)
{
    CHECK_EQ(hosted->commits, 1);
    CHECK_EQ(hosted->aborts, 0);
}

void check_aborted(const struct hosted_sink *hosted)
{
    CHECK_EQ(hosted->aborts, 1);
    /* What failed was the last call. */
    CHECK(hosted->trouble.code == 0 || hosted->calls == hosted->trouble.at);
}

void check_untouched(const struct hosted_sink *hosted)
{
    CHECK_EQ(hosted->calls, 0);
    CHECK_EQ(hosted->aborts, 0);
}
