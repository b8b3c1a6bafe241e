/* Memory that cannot be had, one request at a time. While switched on, requests
 * for at least NOMEM_LEAST bytes are counted, from 1, on whatever thread: by
 * malloc and its kin, and anonymous mappings. The chosen one gets nothing. */
#ifndef NOMEM_SHIM_H
#define NOMEM_SHIM_H

#include <stddef.h>
#include <stdint.h>

#define NOMEM_LEAST ((size_t)4096)
#define NOMEM_DEPTH 24
#define NOMEM_COUNTED 65536

/* What came of it: in memory that a forked child shares with its parent, so
 * that it is there when the child is not. */
struct nomem_seen {
    long count;
    /* What failed first: its size, and who asked for it. Depth 0: nothing did. */
    size_t size;
    int depth;
    void *stack[NOMEM_DEPTH];
    /* Who asked, by a number for each way through the code; of the first so many. */
    uint64_t sites[NOMEM_COUNTED];
};

/* Before anything else. */
struct nomem_seen *nomem_start(void);
/* The request number `nth` fails; with `stays`, those behind it too. 0 for `nth`
 * counts and writes down who asks. Switched off at first. */
void nomem_arm(long nth, int stays);
/* Nothing is counted any more, and what was seen stays. */
void nomem_disarm(void);
/* Around the library's calls, so that what the test itself needs is not counted. */
void nomem_on(void);
void nomem_off(void);

#endif
