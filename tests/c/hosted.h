/* A host program that has no files: a storage and a sink in memory. They write
 * down each call, check it against the contract, and fail, lie, cancel or do
 * something else at the call that they were told. */
#ifndef HOSTED_H
#define HOSTED_H

#include "fixture.h"

#include <pthread.h>

/* What a callback does at one of its calls, counted from 1; 0 is none. */
struct trouble {
    long at;
    int32_t code;              /* what it returns then */
    hexz_cancel *cancel;       /* triggered then, or NULL */
    void (*during)(void *data); /* called then, or NULL */
    void *during_data;
};

enum lie { HONEST, HALF_FILLED, NOT_FILLED, ONE_BIT };

struct hosted_storage {
    const unsigned char *bytes;
    size_t len;
    struct trouble trouble;
    enum lie lie;
    long lie_from;      /* the first call that lies, counted from 1 */
    pthread_t thread;   /* the one that made this */
    int one_thread;     /* set: any other is a failure */
    long calls;
    uint64_t read;      /* bytes asked for */
    int inside, most_inside;
    int meet;           /* set: each call waits until two are inside at once, the first time */
    long released;
};

struct hosted_storage stored(const void *bytes, size_t len);
hexz_storage storage_in(struct hosted_storage *hosted);
/* Opens it, without a password if that is NULL. */
hexz_status open_storage(struct hosted_storage *hosted, uint64_t flags, const char *password, hexz_snapshot **out);

struct hosted_sink {
    unsigned char *bytes;
    size_t len, room;
    struct trouble trouble;
    pthread_t thread;
    long calls;         /* of all but abort */
    long writes, zero_runs, commits, aborts;
    size_t largest;     /* bytes of the largest write */
    size_t least;       /* and of the smallest one but the last */
    size_t last;
    uint64_t zeros;     /* bytes through write_zeroes */
};

struct hosted_sink sunk(void);
void sink_free(struct hosted_sink *hosted);
/* All four callbacks. */
hexz_sink sink_in(struct hosted_sink *hosted);
/* It was written and committed, once, and nothing else. */
void check_committed(const struct hosted_sink *hosted);
/* It was aborted, once, and nothing came after. */
void check_aborted(const struct hosted_sink *hosted);
/* Neither: nothing was called at all. */
void check_untouched(const struct hosted_sink *hosted);

#endif
