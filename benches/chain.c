/* Random reads of 4 KiB from the last of a chain of 64 snapshots, beside a flat snapshot of the same
 * disk, in turns: with index pages warm and blocks cold, and with pages cold too. Each round reads once
 * from each stretch of a block's length, in random order, so that the cache of blocks gives the flat file no more
 * than the chain. What is compared is the CPU time of the reading thread, the median of so many rounds.
 * tools/bench.py runs it.
 *
 *     chain FOLDER ROUNDS
 *
 * FOLDER should be in memory (tmpfs), have 700 MiB free, and is left with the files of the chain. Prints two
 * lines, `CHAIN FLAT` in microseconds for each read: pages warm, pages cold. */
#define _POSIX_C_SOURCE 200809L
#include "hexz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIB ((size_t)1 << 20)
#define PAGE ((size_t)4096)
#define DISK (256 * MIB)
#define NIGHTS 64
/* What a night changes: runs of pages all over the disk. */
#define RUNS 20
#define RUN (32 * PAGE)
/* Pages of the stretch that each round reads once from. */
#define STRETCH 16
#define READS (DISK / PAGE / STRETCH)
#define ROUNDS_MAX 99

static uint64_t state = 1;

static uint64_t below(uint64_t n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (state >> 33) % n;
}

static void must(hexz_status status, const char *what)
{
    if (status == HEXZ_OK)
        return;
    fprintf(stderr, "chain: %s: %s: %s\n", what, hexz_status_name(status), hexz_last_error());
    exit(1);
}

/* Half of it can be compressed, and no two pages are alike. */
static void fill(unsigned char *out, size_t len)
{
    size_t at;
    memset(out, 'x', len);
    for (at = 0; at + 8 <= len; at += 16) {
        uint64_t word = below(UINT64_C(1) << 31) << 31 | below(UINT64_C(1) << 31);
        memcpy(out + at, &word, 8);
    }
}

static int32_t read_disk(void *user_data, uint64_t offset, void *buf, size_t len)
{
    memcpy(buf, (const unsigned char *)user_data + offset, len);
    return 0;
}

static void build(unsigned char *disk, const char *parent, const char *output)
{
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    hexz_source source = HEXZ_INIT(hexz_source);
    hexz_stream stream = HEXZ_INIT(hexz_stream);
    const hexz_stream *streams[1];
    source.user_data = disk;
    source.size = DISK;
    source.read_at = read_disk;
    stream.name = "disk";
    stream.kind = HEXZ_STREAM_DISK;
    stream.source = &source;
    streams[0] = &stream;
    opts.streams = streams;
    opts.stream_count = 1;
    opts.parent = parent;
    opts.output = output;
    opts.flags = HEXZ_BUILD_OVERWRITE | HEXZ_BUILD_NO_SYNC;
    must(hexz_build(&opts), output);
}

static hexz_snapshot *open_with_cache(const char *path, uint64_t cache_size)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_snapshot *snapshot = NULL;
    opts.path = path;
    opts.cache_size = cache_size;
    must(hexz_snapshot_open(&opts, &snapshot), path);
    return snapshot;
}

/* Microseconds of CPU time for each read; the same places for the same seed. */
static double read_some(const hexz_snapshot *snapshot, const unsigned char *disk, uint64_t seed)
{
    static unsigned char buf[PAGE];
    static uint64_t places[READS];
    struct timespec from, to;
    size_t i;
    state = seed;
    for (i = 0; i < READS; i++)
        places[i] = i * STRETCH + below(STRETCH);
    for (i = READS - 1; i > 0; i--) {
        size_t other = (size_t)below(i + 1);
        uint64_t place = places[i];
        places[i] = places[other];
        places[other] = place;
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (i = 0; i < READS; i++) {
        uint64_t at = places[i] * PAGE;
        must(hexz_snapshot_read(snapshot, 0, at, buf, PAGE), "read");
        if (memcmp(buf, disk + at, PAGE) != 0) {
            fprintf(stderr, "chain: wrong bytes at %llu\n", (unsigned long long)at);
            exit(1);
        }
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / 1e3 / (double)READS;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void compare(const char *chain, const char *flat, const unsigned char *disk, uint64_t cache_size, int rounds)
{
    hexz_snapshot *of_chain = open_with_cache(chain, cache_size), *of_flat = open_with_cache(flat, cache_size);
    double a[ROUNDS_MAX + 1], b[ROUNDS_MAX + 1];
    int round;
    /* The first round warms what is to be warm, and does not count. */
    for (round = 0; round <= rounds; round++) {
        a[round] = read_some(of_chain, disk, (uint64_t)round);
        b[round] = read_some(of_flat, disk, (uint64_t)round);
    }
    qsort(a + 1, (size_t)rounds, sizeof(*a), by_value);
    qsort(b + 1, (size_t)rounds, sizeof(*b), by_value);
    printf("%.2f %.2f\n", a[1 + rounds / 2], b[1 + rounds / 2]);
    hexz_snapshot_close(of_chain);
    hexz_snapshot_close(of_flat);
}

int main(int argc, char **argv)
{
    unsigned char *disk = malloc(DISK);
    char before[512], now[512], flat[512];
    hexz_snapshot *last;
    hexz_info info = HEXZ_INIT(hexz_info);
    int night, run, rounds = argc == 3 ? atoi(argv[2]) : 0;

    if (rounds < 1 || rounds > ROUNDS_MAX || disk == NULL) {
        fprintf(stderr, "usage: chain FOLDER ROUNDS\n");
        return 2;
    }
    fill(disk, DISK);
    (void)snprintf(before, sizeof(before), "%s/night-0.hxz", argv[1]);
    build(disk, NULL, before);
    for (night = 1; night <= NIGHTS; night++) {
        for (run = 0; run < RUNS; run++)
            fill(disk + below((DISK - RUN) / PAGE) * PAGE, RUN);
        (void)snprintf(now, sizeof(now), "%s/night-%d.hxz", argv[1], night);
        build(disk, before, now);
        memcpy(before, now, sizeof(before));
    }
    (void)snprintf(flat, sizeof(flat), "%s/flat.hxz", argv[1]);
    build(disk, NULL, flat);
    last = open_with_cache(before, 0);
    must(hexz_snapshot_info(last, &info), before);
    hexz_snapshot_close(last);
    if (info.ancestor_count != NIGHTS) {
        fprintf(stderr, "chain: it leans on %u snapshots\n", info.ancestor_count);
        return 1;
    }
    compare(before, flat, disk, 64 * MIB, rounds);
    compare(before, flat, disk, 1, rounds);
    free(disk);
    return 0;
}
