/* What every test needs before its story starts: a folder of its own, files
 * with known bytes, and the library's statuses as checks. Set-up that fails
 * ends the program: without it no check would mean anything. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "check.h"
#include "hexz.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* Checks on statuses. A failure must leave a text. */
static inline int check_status(hexz_status got, hexz_status want, const char *file, int line, const char *what)
{
    char detail[1024];
    (void)snprintf(detail, sizeof(detail), "got %s, want %s (%s)", hexz_status_name(got), hexz_status_name(want),
                   got == HEXZ_OK ? "" : hexz_last_error());
    if (got < 0)
        check_that(hexz_last_error()[0] != '\0', file, line, what, "failed without a text");
    return check_that(got == want, file, line, what, got == want ? "" : detail);
}

/* Refused as an argument: which of the two is the library's choice. */
static inline int check_refused(hexz_status got, const char *file, int line, const char *what)
{
    hexz_status want = got == HEXZ_ERR_UNSUPPORTED ? HEXZ_ERR_UNSUPPORTED : HEXZ_ERR_INVALID_ARGUMENT;
    return check_status(got, want, file, line, what);
}

static inline int check_text(const char *needle, const char *file, int line)
{
    char detail[1024];
    int holds = strstr(hexz_last_error(), needle) != NULL;
    (void)snprintf(detail, sizeof(detail), "\"%s\" is not in \"%s\"", needle, hexz_last_error());
    return check_that(holds, file, line, "the error text names it", holds ? "" : detail);
}

#define CHECK_STATUS(call, want) check_status((call), (want), __FILE__, __LINE__, #call)
#define CHECK_OK(call) check_status((call), HEXZ_OK, __FILE__, __LINE__, #call)
#define CHECK_REFUSED(call) check_refused((call), __FILE__, __LINE__, #call)
#define CHECK_TEXT(needle) check_text((needle), __FILE__, __LINE__)

/* Ends the program: the set-up failed (errno is printed). */
void fixture_fail(const char *what, const char *operand);

/* HEXZ_TEST_SMALL is set: fewer rounds and smaller data, for valgrind and the
 * sanitizers. */
int fixture_small(void);

/* The path of `name` in this program's own folder, which is made under TMPDIR
 * at first use and removed at exit. The text stays valid until exit. */
const char *in_folder(const char *name);
/* Entries in a folder, and in the program's own. */
long entries_in(const char *folder);
long entries_here(void);

void put_file(const char *path, const void *bytes, size_t len);
/* As put_file, but whole 4 KiB pages of zeros become holes. */
void put_sparse(const char *path, const void *bytes, size_t len);
/* The whole file, to be freed by the caller (never NULL). */
unsigned char *get_file(const char *path, size_t *len);
int file_holds(const char *path, const void *bytes, size_t len);
int file_exists(const char *path);
uint64_t file_size_of(const char *path);
/* Changes one byte in place. */
void flip_byte(const char *path, uint64_t offset, unsigned char mask);

/* Memory for `len` bytes, never NULL even for 0. */
unsigned char *bytes_new(size_t len);
/* Deterministic contents: the same seed gives the same bytes. */
uint32_t random_next(uint64_t *state);
void fill_random(unsigned char *out, size_t len, uint64_t seed);
void fill_text(unsigned char *out, size_t len, uint64_t seed);

/* Options for a build from `source` to `output` without fsync. */
hexz_build_opts build_of(const char *source, const char *output);
/* A handle on the snapshot, or the end of the program. */
hexz_snapshot *must_open(const char *path);
hexz_status open_path(const char *path, hexz_snapshot **out);

#endif
