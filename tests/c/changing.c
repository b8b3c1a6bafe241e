/* A source that changes while it is read is an error, not a snapshot of two
 * moments; HEXZ_BUILD_ALLOW_CHANGE and HEXZ_BUILD_FORCE_SHARE take what they find.
 * What leaves the contents alone is no change. All is done from the first progress
 * call of the packing, so no clock decides. */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#define LEN ((size_t)2 << 20)

enum change { GROW, SHRINK, REWRITE, NONE, MODE, LINK, RENAME };

struct event {
    const char *path;
    enum change change;
    int done;
};

static void grow(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0 || write(fd, "more", 4) != 4)
        fixture_fail("append to", path);
    (void)close(fd);
}

/* New contents under the old size, with a time that is surely another. */
static void rewrite(const char *path)
{
    struct timespec times[2];
    flip_byte(path, LEN - 1, 0xFF);
    memset(times, 0, sizeof(times));
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_sec = 12345;
    if (utimensat(AT_FDCWD, path, times, 0) != 0)
        fixture_fail("utimensat", path);
}

static int32_t meddle(void *user_data, const hexz_progress *progress)
{
    struct event *event = user_data;
    if (event->done || progress->phase != HEXZ_PHASE_PACK)
        return 0;
    event->done = 1;
    switch (event->change) {
    case GROW:
        grow(event->path);
        break;
    case SHRINK:
        if (truncate(event->path, (off_t)(LEN / 2)) != 0)
            fixture_fail("truncate", event->path);
        break;
    case REWRITE:
        rewrite(event->path);
        break;
    case MODE:
        if (chmod(event->path, 0640) != 0)
            fixture_fail("chmod", event->path);
        break;
    case LINK:
        if (link(event->path, in_folder("other.raw")) != 0 || unlink(in_folder("other.raw")) != 0)
            fixture_fail("link", event->path);
        break;
    case RENAME:
        if (rename(event->path, in_folder("other.raw")) != 0 ||
            rename(in_folder("other.raw"), event->path) != 0)
            fixture_fail("rename", event->path);
        break;
    default:
        break;
    }
    return 0;
}

static hexz_status build_while(const char *changed, enum change change, uint64_t flags)
{
    struct event event = {changed, change, 0};
    hexz_build_opts opts = build_of(in_folder("disk.raw"), in_folder("disk.hxz"));
    unsigned char *data = bytes_new(LEN);
    hexz_status status;

    fill_random(data, LEN, 71);
    put_file(in_folder("disk.raw"), data, LEN);
    put_file(in_folder("mem.raw"), data, LEN);
    free(data);
    (void)unlink(in_folder("disk.hxz"));
    opts.memory = in_folder("mem.raw");
    opts.flags |= flags;
    opts.progress = meddle;
    opts.progress_data = &event;
    status = hexz_build(&opts);
    CHECK(event.done);
    CHECK(file_exists(in_folder("disk.hxz")) == (status == HEXZ_OK));
    CHECK_EQ(entries_here(), status == HEXZ_OK ? 3 : 2);
    return status;
}

int main(void)
{
    static const enum change changes[] = {GROW, SHRINK, REWRITE};
    static const enum change no_changes[] = {NONE, MODE, LINK, RENAME};
    size_t i;
    for (i = 0; i < sizeof(no_changes) / sizeof(no_changes[0]); i++) {
        check_about("no change %d", (int)no_changes[i]);
        CHECK_OK(build_while(in_folder("disk.raw"), no_changes[i], 0));
        CHECK_OK(build_while(in_folder("mem.raw"), no_changes[i], 0));
    }
    for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        check_about("change %d", (int)changes[i]);
        CHECK_STATUS(build_while(in_folder("disk.raw"), changes[i], 0), HEXZ_ERR_SOURCE);
        CHECK_TEXT(in_folder("disk.raw"));
        CHECK_STATUS(build_while(in_folder("mem.raw"), changes[i], 0), HEXZ_ERR_SOURCE);
        CHECK_TEXT(in_folder("mem.raw"));
        CHECK_TEXT("HEXZ_BUILD_ALLOW_CHANGE");
    }
    check_about("%s", "");
    CHECK_OK(build_while(in_folder("disk.raw"), GROW, HEXZ_BUILD_FORCE_SHARE));
    CHECK_OK(build_while(in_folder("disk.raw"), REWRITE, HEXZ_BUILD_FORCE_SHARE));
    CHECK_OK(build_while(in_folder("disk.raw"), GROW, HEXZ_BUILD_ALLOW_CHANGE));
    CHECK_OK(build_while(in_folder("mem.raw"), REWRITE, HEXZ_BUILD_ALLOW_CHANGE));
    /* What was cut off cannot be taken as it comes: it is no hole. */
    CHECK_STATUS(build_while(in_folder("mem.raw"), SHRINK, HEXZ_BUILD_ALLOW_CHANGE), HEXZ_ERR_SOURCE);
    CHECK_TEXT("ends at");
    CHECK_STATUS(build_while(in_folder("mem.raw"), SHRINK, HEXZ_BUILD_FORCE_SHARE), HEXZ_ERR_SOURCE);
    CHECK_TEXT("ends at");
    return check_done();
}
