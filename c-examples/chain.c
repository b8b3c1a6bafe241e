/* A snapshot a day, each of which stores only what changed; and one made of all of them that stands alone.
 *
 *     cc -std=c99 chain.c -lhexz -o chain
 *     ./chain day disk.img monday.hxz
 *     ./chain day disk.img tuesday.hxz monday.hxz     (Tuesday is read with Monday beside it)
 *     ./chain flatten tuesday.hxz alone.hxz
 */
#include <hexz.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what)
{
    fprintf(stderr, "chain: %s: %s\n", what, hexz_last_error());
    return 1;
}

static int say(const char *path, const hexz_build_report *report)
{
    printf("%s: %" PRIu64 " bytes, %" PRIu64 " of the disk from elsewhere\n", path, report->file_size,
           report->bytes_inherited);
    return 0;
}

/* `parent` is the snapshot of the day before, or NULL: what it has, or one that it leans on, is not stored
 * again. The whole disk is read and hashed; who knows what was written says so by a source (nbd.c). */
static int day(const char *disk, const char *output, const char *parent)
{
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    opts.source = disk;
    opts.output = output;
    opts.parent = parent;
    opts.flags = HEXZ_BUILD_FOLD; /* past 64 days the chain goes on */
    opts.report = &report;
    if (hexz_build(&opts) != HEXZ_OK)
        return fail("build");
    return say(output, &report);
}

/* A stream of an open snapshot is a source: its disk, wherever the bytes lie, goes into a new file. */
static int flatten(const char *path, const char *output)
{
    hexz_open_opts open = HEXZ_INIT(hexz_open_opts);
    hexz_stream disk = HEXZ_INIT(hexz_stream);
    const hexz_stream *streams[1] = {&disk};
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    hexz_snapshot *snapshot;
    int status = 0;
    open.path = path; /* what it leans on is found beside it, under the names that it records */
    if (hexz_snapshot_open(&open, &snapshot) != HEXZ_OK)
        return fail("open");
    disk.name = "disk";
    disk.kind = HEXZ_STREAM_DISK;
    disk.snapshot = snapshot;
    if (hexz_snapshot_find(snapshot, "disk", &disk.snapshot_stream) != HEXZ_OK) {
        status = fail("find");
    } else {
        opts.streams = streams;
        opts.stream_count = 1;
        opts.output = output;
        opts.report = &report;
        status = hexz_build(&opts) == HEXZ_OK ? say(output, &report) : fail("build");
    }
    hexz_snapshot_close(snapshot);
    return status;
}

int main(int argc, char **argv)
{
    if (argc >= 4 && argc <= 5 && strcmp(argv[1], "day") == 0)
        return day(argv[2], argv[3], argv[4]);
    if (argc == 4 && strcmp(argv[1], "flatten") == 0)
        return flatten(argv[2], argv[3]);
    fprintf(stderr, "usage: chain day DISK OUTPUT [PARENT]\n       chain flatten SNAPSHOT OUTPUT\n");
    return 2;
}
