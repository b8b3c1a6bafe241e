/* Stopping: before the call, from the progress callback, from another thread,
 * from a signal handler. The call answers HEXZ_ERR_CANCELLED, nothing is left
 * behind, and a triggered handle stays triggered. The moment of the trigger is
 * fixed by the callback, not by a clock. */
#include "fixture.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

enum way { RETURN_NON_ZERO, TRIGGER_HERE, TRIGGER_FROM_THREAD, TRIGGER_FROM_SIGNAL, WAYS };

/* Where in the call the stop comes from: its first report, or the first one of
 * its main phase after that began. */
enum moment { FIRST_REPORT, LATER_REPORT, MOMENTS };

struct stop {
    enum way way;
    enum moment moment;
    hexz_cancel *cancel;
    sem_t please, done;
    int reports, stopped;
    int too_late; /* stopped when all was done: the call may have succeeded */
};

static hexz_cancel *signal_cancel;
static hexz_snapshot *snapshot;

static void on_signal(int number)
{
    (void)number;
    hexz_cancel_trigger(signal_cancel);
}

static void *trigger_when_asked(void *user_data)
{
    struct stop *stop = user_data;
    while (sem_wait(&stop->please) != 0)
        ;
    hexz_cancel_trigger(stop->cancel);
    (void)sem_post(&stop->done);
    return NULL;
}

static int32_t on_progress(void *user_data, const hexz_progress *progress)
{
    struct stop *stop = user_data;
    stop->reports++;
    if (stop->stopped || (stop->moment == LATER_REPORT && stop->reports < 2))
        return 0;
    stop->stopped = 1;
    stop->too_late = progress->phase != HEXZ_PHASE_TRAIN && progress->done == progress->total;
    switch (stop->way) {
    case RETURN_NON_ZERO:
        return 4711;
    case TRIGGER_HERE:
        hexz_cancel_trigger(stop->cancel);
        break;
    case TRIGGER_FROM_THREAD:
        (void)sem_post(&stop->please);
        while (sem_wait(&stop->done) != 0)
            ;
        break;
    default:
        (void)raise(SIGUSR1);
        break;
    }
    return 0;
}

/* The calls that can be cancelled. */

static hexz_status build(const hexz_cancel *cancel, hexz_progress_fn progress, void *data)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("out.hxz"));
    opts.memory = in_folder("disk.raw");
    opts.profile = "eda";
    opts.threads = 2;
    opts.cancel = cancel;
    opts.progress = progress;
    opts.progress_data = data;
    return hexz_build(&opts);
}

static hexz_status verify(const hexz_cancel *cancel, hexz_progress_fn progress, void *data)
{
    hexz_verify_opts opts = HEXZ_INIT(hexz_verify_opts);
    opts.threads = 2;
    opts.cancel = cancel;
    opts.progress = progress;
    opts.progress_data = data;
    return hexz_snapshot_verify(snapshot, &opts);
}

static hexz_status extract(const hexz_cancel *cancel, hexz_progress_fn progress, void *data)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    opts.output = in_folder("out.raw");
    opts.threads = 2;
    opts.cancel = cancel;
    opts.progress = progress;
    opts.progress_data = data;
    return hexz_snapshot_extract(snapshot, &opts);
}

static const struct {
    const char *name;
    hexz_status (*call)(const hexz_cancel *cancel, hexz_progress_fn progress, void *data);
} calls[] = {{"build", build}, {"verify", verify}, {"extract", extract}};

static hexz_cancel *cancel_new(void)
{
    hexz_cancel *cancel = NULL;
    CHECK_OK(hexz_cancel_new(&cancel));
    if (cancel == NULL)
        fixture_fail("hexz_cancel_new for", "a test");
    return cancel;
}

static int32_t count_reports(void *user_data, const hexz_progress *progress)
{
    (void)progress;
    ++*(int *)user_data;
    return 0;
}

static void before_the_call(void)
{
    hexz_cancel *cancel = cancel_new();
    hexz_open_opts opening = HEXZ_INIT(hexz_open_opts);
    hexz_snapshot *opened = NULL;
    long entries = entries_here();
    size_t i;
    int round, reports = 0;

    hexz_cancel_trigger(cancel);
    hexz_cancel_trigger(cancel);
    for (round = 0; round < 2; round++)
        for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
            check_about("%s, cancelled before the call", calls[i].name);
            CHECK_STATUS(calls[i].call(cancel, count_reports, &reports), HEXZ_ERR_CANCELLED);
            CHECK_EQ(hexz_last_callback_code(), 0);
            CHECK_EQ(entries_here(), entries);
        }
    CHECK_EQ(reports, 0);
    check_about("%s", "open, cancelled before the call");
    opening.path = in_folder("disk.hxz");
    opening.cancel = cancel;
    CHECK_STATUS(hexz_snapshot_open(&opening, &opened), HEXZ_ERR_CANCELLED);
    CHECK(opened == NULL);
    check_about("%s", "");
    hexz_cancel_free(cancel);
}

static void stop_one(size_t call, enum way way, enum moment moment)
{
    struct stop stop;
    pthread_t helper;
    hexz_status status;
    long entries = entries_here();

    check_about("%s, way %d, moment %d", calls[call].name, (int)way, (int)moment);
    memset(&stop, 0, sizeof(stop));
    stop.way = way;
    stop.moment = moment;
    stop.cancel = cancel_new();
    signal_cancel = stop.cancel;
    (void)sem_init(&stop.please, 0, 0);
    (void)sem_init(&stop.done, 0, 0);
    if (way == TRIGGER_FROM_THREAD && pthread_create(&helper, NULL, trigger_when_asked, &stop) != 0)
        fixture_fail("pthread_create", "a thread");

    status = calls[call].call(stop.cancel, on_progress, &stop);
    CHECK(stop.stopped);
    if (status != HEXZ_OK || !stop.too_late) {
        CHECK_STATUS(status, HEXZ_ERR_CANCELLED);
        CHECK_EQ(hexz_last_callback_code(), way == RETURN_NON_ZERO ? 4711 : 0);
        CHECK_EQ(entries_here(), entries);
    }

    if (way == TRIGGER_FROM_THREAD)
        (void)pthread_join(helper, NULL);
    if (way == RETURN_NON_ZERO) {
        /* The handle knows nothing of it: it was not triggered. */
        int reports = 0;
        (void)unlink(in_folder("out.hxz"));
        (void)unlink(in_folder("out.raw"));
        CHECK_OK(calls[call].call(stop.cancel, count_reports, &reports));
        CHECK(reports >= 2);
    } else {
        CHECK_STATUS(calls[call].call(stop.cancel, NULL, NULL), HEXZ_ERR_CANCELLED);
    }
    (void)unlink(in_folder("out.hxz"));
    (void)unlink(in_folder("out.raw"));
    (void)sem_destroy(&stop.please);
    (void)sem_destroy(&stop.done);
    hexz_cancel_free(stop.cancel);
}

/* An old output survives a cancelled overwrite. */
static void old_output_stays(void)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("old.hxz"));
    struct stop stop;
    long entries;
    memset(&stop, 0, sizeof(stop));
    stop.way = RETURN_NON_ZERO;
    stop.moment = LATER_REPORT;
    put_file(in_folder("old.hxz"), "old", 3);
    entries = entries_here();
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    opts.progress = on_progress;
    opts.progress_data = &stop;
    CHECK_STATUS(hexz_build(&opts), HEXZ_ERR_CANCELLED);
    CHECK(file_holds(in_folder("old.hxz"), "old", 3));
    CHECK_EQ(entries_here(), entries);
}

/* Freed untriggered, and freed after it stopped several calls at once. */
static void *verify_until_told(void *cancel)
{
    hexz_status status = HEXZ_OK;
    int rounds;
    /* Bounded, so that a handle without effect is a failure and no hang. */
    for (rounds = 0; status == HEXZ_OK && rounds < 10000; rounds++)
        status = verify(cancel, NULL, NULL);
    CHECK_STATUS(status, HEXZ_ERR_CANCELLED);
    return NULL;
}

static void one_handle_for_many(void)
{
    hexz_cancel *cancel = cancel_new();
    pthread_t threads[3];
    size_t i;
    hexz_cancel_free(cancel_new());
    for (i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, verify_until_told, cancel) != 0)
            fixture_fail("pthread_create", "a thread");
    hexz_cancel_trigger(cancel);
    for (i = 0; i < 3; i++)
        (void)pthread_join(threads[i], NULL);
    hexz_cancel_free(cancel);
}

int main(void)
{
    /* Too much for one block, or one queue full of blocks: there is work left
     * to stop after the first report. */
    size_t len = (size_t)(fixture_small() ? 4 : 16) << 20, i;
    unsigned char *data = bytes_new(len);
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("disk.hxz"));
    struct sigaction action;
    int way, moment;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    if (sigaction(SIGUSR1, &action, NULL) != 0)
        fixture_fail("sigaction", "SIGUSR1");
    fill_random(data, len, 111);
    put_file(in_folder("disk.raw"), data, len);
    free(data);
    CHECK_OK(hexz_build(&opts));
    snapshot = must_open(in_folder("disk.hxz"));

    before_the_call();
    for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        for (way = 0; way < WAYS; way++)
            for (moment = 0; moment < MOMENTS; moment++)
                stop_one(i, (enum way)way, (enum moment)moment);
    check_about("%s", "");
    old_output_stays();
    one_handle_for_many();
    hexz_snapshot_close(snapshot);
    return check_done();
}
