/* What a progress callback is told: phases in order, done rising from 0 to the
 * total, all on the thread that made the call. And what it must not do: use
 * the handle whose call it is part of. */
#include "fixture.h"

#include <pthread.h>

#define CALLS_MAX 4096
#define DISK ((size_t)5 * 1024 * 1024)

struct record {
    hexz_progress calls[CALLS_MAX];
    size_t count;
    pthread_t caller;
    int on_caller;
};

static struct record record;
static unsigned char *disk;

static int32_t note(void *user_data, const hexz_progress *progress)
{
    struct record *to = user_data;
    to->on_caller = to->on_caller && pthread_equal(to->caller, pthread_self());
    if (to->count < CALLS_MAX) {
        memset(&to->calls[to->count], 0xFF, sizeof(hexz_progress));
        memcpy(&to->calls[to->count], progress,
               progress->struct_size < sizeof(hexz_progress) ? progress->struct_size : sizeof(hexz_progress));
    }
    to->count++;
    return 0;
}

static void start(void)
{
    memset(&record, 0, sizeof(record));
    record.caller = pthread_self();
    record.on_caller = 1;
}

/* One phase that is always there, from 0 to the total. */
static void check_phase(uint32_t phase, uint64_t total)
{
    size_t i, first = record.count, last = record.count;
    for (i = 0; i < record.count; i++) {
        if (record.calls[i].phase != phase)
            continue;
        if (first == record.count)
            first = i;
        last = i;
    }
    if (!CHECK(first < record.count))
        return;
    CHECK_EQ(record.calls[first].done, 0);
    CHECK_EQ(record.calls[last].done, total);
    CHECK_EQ(record.calls[last].total, total);
}

static void check_record(uint32_t least, uint32_t most, uint64_t total)
{
    size_t i;
    CHECK(record.on_caller);
    if (!CHECK(record.count >= 2 && record.count <= CALLS_MAX))
        return;
    for (i = 0; i < record.count; i++) {
        const hexz_progress *now = &record.calls[i], *before = &record.calls[i > 0 ? i - 1 : 0];
        CHECK(now->struct_size >= sizeof(hexz_progress));
        CHECK_EQ(now->reserved, 0);
        CHECK_EQ(now->total, total);
        CHECK(now->done <= now->total);
        CHECK(now->phase >= least && now->phase <= most);
        CHECK(now->phase >= before->phase);
        if (now->phase == before->phase)
            CHECK(now->done >= before->done);
    }
    CHECK_EQ(record.calls[0].done, 0);
    CHECK_EQ(record.calls[record.count - 1].done, total);
}

static int with_dictionary(const char *profile)
{
    return strcmp(profile, "eda") == 0 || strcmp(profile, "embedded") == 0;
}

static void building(const char *profile, uint64_t flags)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("disk.hxz"));
    check_about("build %s, flags %llu", profile, (unsigned long long)flags);
    (void)unlink(in_folder("disk.hxz"));
    opts.profile = profile;
    opts.memory = in_folder("mem.raw");
    opts.flags = flags;
    opts.threads = 2;
    opts.progress = note;
    opts.progress_data = &record;
    start();
    CHECK_OK(hexz_build(&opts));
    check_record(HEXZ_PHASE_TRAIN, HEXZ_PHASE_SYNC, DISK + 1000);
    check_phase(HEXZ_PHASE_PACK, DISK + 1000);
    check_phase(HEXZ_PHASE_SYNC, DISK + 1000);
    if (with_dictionary(profile))
        check_phase(HEXZ_PHASE_TRAIN, DISK + 1000);
    check_about("%s", "");
}

/* Holes count: the last call is at the total all the same. */
static void building_holes(void)
{
    hexz_build_opts opts = build_of(in_folder("holes.raw"), in_folder("holes.hxz"));
    const off_t len = (off_t)1 << 34;
    put_file(in_folder("holes.raw"), "x", 1);
    if (truncate(in_folder("holes.raw"), len) != 0)
        fixture_fail("truncate", "holes.raw");
    opts.progress = note;
    opts.progress_data = &record;
    start();
    CHECK_OK(hexz_build(&opts));
    check_record(HEXZ_PHASE_TRAIN, HEXZ_PHASE_SYNC, (uint64_t)len);
    check_phase(HEXZ_PHASE_PACK, (uint64_t)len);
    check_phase(HEXZ_PHASE_SYNC, (uint64_t)len);
}

static void building_nothing(void)
{
    hexz_build_opts opts = build_of(in_folder("empty.raw"), in_folder("empty.hxz"));
    put_file(in_folder("empty.raw"), "", 0);
    opts.progress = note;
    opts.progress_data = &record;
    start();
    CHECK_OK(hexz_build(&opts));
    CHECK(record.on_caller);
    CHECK(record.count == 0 || record.calls[record.count - 1].done == 0);
}

static void verifying_and_extracting(void)
{
    hexz_snapshot *snapshot = must_open(in_folder("disk.hxz"));
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);

    check_about("%s", "verify");
    verify.progress = note;
    verify.progress_data = &record;
    verify.threads = 2;
    start();
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    check_record(HEXZ_PHASE_VERIFY, HEXZ_PHASE_VERIFY, DISK + 1000);

    check_about("%s", "extract");
    extract.output = in_folder("back.raw");
    extract.progress = note;
    extract.progress_data = &record;
    extract.threads = 2;
    start();
    CHECK_OK(hexz_snapshot_extract(snapshot, &extract));
    check_phase(HEXZ_PHASE_EXTRACT, DISK);
    CHECK(record.on_caller);
    CHECK(file_holds(in_folder("back.raw"), disk, DISK));
    hexz_snapshot_close(snapshot);
    check_about("%s", "");
}

/* The first and the last call of a phase come whatever the clock says: each answers other than 0, or is the
 * moment of a cancel. */
struct refusal {
    uint32_t phase;
    int last; /* the call at the total, and not the one at 0 */
    int32_t code;
    hexz_cancel *cancel;
    int refused, after; /* calls that refused, and that came after one did */
};

static int32_t refuse(void *user_data, const hexz_progress *progress)
{
    struct refusal *refusal = user_data;
    refusal->after += refusal->refused > 0;
    if (progress->phase != refusal->phase || progress->done != (refusal->last ? progress->total : 0))
        return 0;
    refusal->refused++;
    if (refusal->cancel != NULL)
        hexz_cancel_trigger(refusal->cancel);
    return refusal->code;
}

static hexz_status refused_build(struct refusal *refusal)
{
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("refused.hxz"));
    opts.profile = "embedded";
    opts.flags = HEXZ_BUILD_NO_SYNC;
    opts.threads = 2;
    opts.cancel = refusal->cancel;
    opts.progress = refuse;
    opts.progress_data = refusal;
    return hexz_build(&opts);
}

static hexz_status refused_use(struct refusal *refusal)
{
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    hexz_snapshot *snapshot = must_open(in_folder("disk.hxz"));
    hexz_status status;
    verify.cancel = extract.cancel = refusal->cancel;
    verify.progress = extract.progress = refuse;
    verify.progress_data = extract.progress_data = refusal;
    verify.threads = extract.threads = 2;
    extract.output = in_folder("refused.raw");
    status = refusal->phase == HEXZ_PHASE_VERIFY ? hexz_snapshot_verify(snapshot, &verify)
                                                 : hexz_snapshot_extract(snapshot, &extract);
    hexz_snapshot_close(snapshot);
    return status;
}

static void refusing(void)
{
    static const uint32_t phases[] = {HEXZ_PHASE_TRAIN, HEXZ_PHASE_PACK, HEXZ_PHASE_SYNC, HEXZ_PHASE_VERIFY,
                                      HEXZ_PHASE_EXTRACT};
    static const int32_t codes[] = {1, -1, INT32_MAX, INT32_MIN, 0};
    long entries = entries_here();
    size_t phase, i;
    int last;

    for (phase = 0; phase < sizeof(phases) / sizeof(phases[0]); phase++) {
        for (last = 0; last < 2; last++) {
            for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
                struct refusal refusal;
                hexz_status status;
                memset(&refusal, 0, sizeof(refusal));
                refusal.phase = phases[phase];
                refusal.last = last;
                refusal.code = codes[i];
                check_about("phase %u, %s call, code %d", (unsigned)refusal.phase, last ? "last" : "first",
                            (int)codes[i]);
                if (codes[i] == 0)
                    CHECK_OK(hexz_cancel_new(&refusal.cancel));
                status = refusal.phase <= HEXZ_PHASE_SYNC ? refused_build(&refusal) : refused_use(&refusal);
                CHECK_EQ(refusal.refused, 1);
                CHECK_EQ(refusal.after, 0);
                if (refusal.phase == HEXZ_PHASE_SYNC && last) {
                    /* All is done by then. */
                    CHECK_OK(status);
                    CHECK_EQ(unlink(in_folder("refused.hxz")), 0);
                } else {
                    CHECK_STATUS(status, HEXZ_ERR_CANCELLED);
                    CHECK_EQ(hexz_last_callback_code(), codes[i]);
                }
                CHECK_EQ(entries_here(), entries);
                hexz_cancel_free(refusal.cancel);
            }
        }
    }
    check_about("%s", "");
}

struct visit {
    hexz_snapshot *own;
    hexz_snapshot *other;
    const char *nested; /* a build from within the callback goes here */
    int calls;
};

/* One call into everything, from within a call on `own`. */
static int32_t use_handles(void *user_data, const hexz_progress *progress)
{
    struct visit *visit = user_data;
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_build_opts build = build_of(in_folder("disk.raw"), visit->nested);
    char buf[100];

    (void)progress;
    if (visit->calls++ > 0)
        return 0;
    if (visit->own != NULL) {
        CHECK_STATUS(hexz_snapshot_read(visit->own, 0, 0, buf, sizeof(buf)), HEXZ_ERR_STATE);
        CHECK_STATUS(hexz_snapshot_verify(visit->own, &verify), HEXZ_ERR_STATE);
    }
    CHECK_OK(hexz_snapshot_read(visit->other, 0, 5, buf, sizeof(buf)));
    CHECK_BYTES(buf, disk + 5, sizeof(buf));
    CHECK_OK(hexz_snapshot_info(visit->other, &info));
    CHECK_OK(hexz_snapshot_verify(visit->other, &verify));
    CHECK_OK(hexz_build(&build));
    return 0;
}

static void handles_in_callbacks(void)
{
    struct visit visit = {NULL, NULL, NULL, 0};
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    hexz_build_opts build = build_of(in_folder("disk.raw"), in_folder("outer.hxz"));
    char buf[100];

    visit.own = must_open(in_folder("disk.hxz"));
    visit.other = must_open(in_folder("disk.hxz"));
    verify.progress = use_handles;
    verify.progress_data = &visit;
    visit.nested = in_folder("nested-1.hxz");
    CHECK_OK(hexz_snapshot_verify(visit.own, &verify));
    CHECK(visit.calls > 0);
    /* The refusal is over with the call. */
    CHECK_OK(hexz_snapshot_read(visit.own, 0, 0, buf, sizeof(buf)));

    visit.calls = 0;
    visit.nested = in_folder("nested-2.hxz");
    extract.output = in_folder("outer.raw");
    extract.progress = use_handles;
    extract.progress_data = &visit;
    CHECK_OK(hexz_snapshot_extract(visit.own, &extract));
    CHECK(visit.calls > 0);
    hexz_snapshot_close(visit.own);

    visit.own = NULL;
    visit.calls = 0;
    visit.nested = in_folder("nested-3.hxz");
    build.progress = use_handles;
    build.progress_data = &visit;
    CHECK_OK(hexz_build(&build));
    CHECK(visit.calls > 0);
    CHECK(file_exists(in_folder("outer.hxz")) && file_exists(in_folder("nested-3.hxz")));
    hexz_snapshot_close(visit.other);
}

int main(void)
{
    disk = bytes_new(DISK);
    fill_text(disk, DISK / 2, 41);
    fill_random(disk + DISK / 2 + 100000, DISK / 4, 42);
    put_sparse(in_folder("disk.raw"), disk, DISK);
    put_file(in_folder("mem.raw"), disk + 12345, 1000);
    building("generic", 0);
    building("generic", HEXZ_BUILD_NO_SYNC);
    building("eda", HEXZ_BUILD_NO_SYNC);
    building("embedded", HEXZ_BUILD_NO_SYNC | HEXZ_BUILD_CDC);
    building_holes();
    building_nothing();
    verifying_and_extracting();
    refusing();
    handles_in_callbacks();
    free(disk);
    return check_done();
}
