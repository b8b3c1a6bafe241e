/* Checks that count: a check that fails prints its place and the test goes on;
 * check_done() turns the count into the exit code of the program.
 *
 * Include this header (or fixture.h) before anything else: it switches on the
 * parts of the C library that -std=c99 hides. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A loop that is wrong in one place is wrong a thousand times: past this many
 * failures are counted and no longer printed. */
#define CHECK_PRINT_LIMIT 40

/* Weak, so that all files of a program count together: a check in a callback
 * that another file has is as good as one here. */
#define CHECK_SHARED __attribute__((weak))
CHECK_SHARED long check_count_;
CHECK_SHARED long check_failed_;
/* Where failures are printed; NULL is stderr. A program that watches its own
 * stderr sets another one. */
CHECK_SHARED FILE *check_stream_;
/* What the checks that follow speak of, printed with each failure. */
CHECK_SHARED char check_context_[256];

static inline void check_about(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(check_context_, sizeof(check_context_), format, args);
    va_end(args);
}

/* Counts one check; true when it holds. Any thread may call it. */
static inline int check_that(int holds, const char *file, int line, const char *what, const char *detail)
{
    long failed;
    (void)__atomic_add_fetch(&check_count_, 1, __ATOMIC_RELAXED);
    if (holds)
        return 1;
    failed = __atomic_add_fetch(&check_failed_, 1, __ATOMIC_RELAXED);
    if (failed <= CHECK_PRINT_LIMIT)
        fprintf(check_stream_ ? check_stream_ : stderr, "%s:%d: %s%s%s%s%s\n", file, line, what,
                detail[0] ? ": " : "", detail, check_context_[0] ? " | about " : "", check_context_);
    return 0;
}

static inline int check_same(uint64_t got, uint64_t want, const char *file, int line, const char *what)
{
    char detail[96];
    (void)snprintf(detail, sizeof(detail), "got %llu, want %llu", (unsigned long long)got, (unsigned long long)want);
    return check_that(got == want, file, line, what, got == want ? "" : detail);
}

static inline int check_bytes(const void *got, const void *want, size_t len, const char *file, int line,
                              const char *what)
{
    const unsigned char *a = got, *b = want;
    char detail[96];
    size_t i;
    if (len == 0 || memcmp(a, b, len) == 0)
        return check_that(1, file, line, what, "");
    for (i = 0; a[i] == b[i]; i++)
        ;
    (void)snprintf(detail, sizeof(detail), "byte %llu is %02x, want %02x", (unsigned long long)i, a[i], b[i]);
    return check_that(0, file, line, what, detail);
}

/* For a forked child: its own checks alone make its exit code. */
static inline void check_afresh(void)
{
    check_count_ = 0;
    check_failed_ = 0;
}

static inline int check_done(void)
{
    if (check_failed_ > CHECK_PRINT_LIMIT)
        fprintf(check_stream_ ? check_stream_ : stderr, "... %ld failures in all\n", check_failed_);
    if (check_count_ == 0)
        fprintf(check_stream_ ? check_stream_ : stderr, "no check was made\n");
    return check_failed_ != 0 || check_count_ == 0;
}

#define CHECK(condition) check_that((condition) ? 1 : 0, __FILE__, __LINE__, #condition, "")
#define CHECK_EQ(got, want) check_same((uint64_t)(got), (uint64_t)(want), __FILE__, __LINE__, #got " == " #want)
#define CHECK_BYTES(got, want, len) check_bytes((got), (want), (len), __FILE__, __LINE__, #got " holds " #want)

#endif
