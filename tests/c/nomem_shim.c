/* Stands between libhexz and the C library's allocator, as fault_shim.c does for
 * system calls. The functions behind it are glibc's own names for them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "nomem_shim.h"

#include <errno.h>
#include <execinfo.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static struct nomem_seen *seen;
static long chosen;
static int armed, stays_so, on;
/* Writing down who asked may ask for memory itself. */
static __thread int within;

struct nomem_seen *nomem_start(void)
{
    void *stack[NOMEM_DEPTH];
    (void)backtrace(stack, NOMEM_DEPTH); /* loads what it needs */
    seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return seen == MAP_FAILED ? NULL : seen;
}

void nomem_arm(long nth, int stays)
{
    chosen = nth;
    stays_so = stays;
    seen->count = 0;
    seen->size = 0;
    seen->depth = 0;
    armed = 1;
}

void nomem_disarm(void)
{
    armed = 0;
}

void nomem_on(void)
{
    __atomic_store_n(&on, 1, __ATOMIC_SEQ_CST);
}

void nomem_off(void)
{
    __atomic_store_n(&on, 0, __ATOMIC_SEQ_CST);
}

/* FNV-1a (Fowler, Noll, Vo), by words. */
static uint64_t site_of(void *const *stack, int depth)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    while (depth-- > 0)
        hash = (hash ^ (uint64_t)(uintptr_t)*stack++) * UINT64_C(0x100000001b3);
    return hash;
}

/* Whether this request is one that fails. */
static int hit(size_t size)
{
    void *stack[NOMEM_DEPTH];
    long number;
    int depth;
    if (size < NOMEM_LEAST || !armed || !__atomic_load_n(&on, __ATOMIC_SEQ_CST) || within)
        return 0;
    number = __atomic_add_fetch(&seen->count, 1, __ATOMIC_SEQ_CST);
    if (chosen != 0 && number != chosen)
        return stays_so && number > chosen;
    if (chosen == 0 && number > NOMEM_COUNTED)
        return 0;
    within = 1;
    depth = backtrace(stack, NOMEM_DEPTH);
    within = 0;
    if (chosen == 0) {
        seen->sites[number - 1] = site_of(stack, depth);
        return 0;
    }
    seen->size = size;
    for (seen->depth = 0; seen->depth < depth; seen->depth++)
        seen->stack[seen->depth] = stack[seen->depth];
    return 1;
}

static void *nothing(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t size)
{
    return hit(size) ? nothing() : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    size_t all;
    if (__builtin_mul_overflow(count, size, &all))
        return nothing();
    return hit(all) ? nothing() : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return hit(size) ? nothing() : __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
    return hit(size) ? nothing() : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *found = memalign(alignment, size);
    if (found == NULL)
        return ENOMEM;
    *out = found;
    return 0;
}

void *mmap64(void *at, size_t len, int protection, int flags, int fd, off64_t offset)
{
    if ((flags & MAP_ANONYMOUS) && hit(len)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    /* A long holds what mmap gives, on the systems that this is for. */
    return (void *)(intptr_t)syscall(SYS_mmap, at, len, protection, flags, fd, offset); /* NOLINT */
}

void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    return mmap64(at, len, protection, flags, fd, offset);
}
