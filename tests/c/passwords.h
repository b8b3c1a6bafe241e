/* A password callback that gives the answers it was told to give, writes down
 * what it was asked, and checks each asking against the contract: its struct,
 * the room in the buffer, the thread. And calls that use one, at the least cost
 * of a key, so that a test may ask often. */
#ifndef PASSWORDS_H
#define PASSWORDS_H

#include "fixture.h"

#include <pthread.h>

#define ASKINGS_MAX 8
#define PASSWORD_MOST ((size_t)1024)
/* As the length of an answer: *len stays as it came. */
#define LEN_UNTOUCHED (SIZE_MAX - 1)

/* The least that a key may cost. */
#define KDF_LEAST_KIB 1024

struct passwords {
    struct {
        int32_t code;      /* what the callback returns */
        const void *bytes; /* what it puts into the buffer, as far as it has room; NULL: nothing */
        size_t len;        /* what it sets *len to */
    } answers[ASKINGS_MAX]; /* by turn; the last one holds for all that follow */
    size_t answer_count;
    /* Called in each asking before it is answered, or NULL. */
    void (*during)(void *data);
    void *during_data;
    /* The thread that makes the call: the one that made this. */
    pthread_t thread;
    /* Askings so far, and the first of them. */
    size_t count;
    struct {
        uint32_t purpose;
        uint32_t attempt;
        char path[512]; /* empty for NULL */
    } asked[ASKINGS_MAX];
};

/* No answer yet: add_answer() gives them. */
struct passwords no_passwords(void);
void add_answer(struct passwords *passwords, int32_t code, const void *bytes, size_t len);
/* One password, a text, whenever asked. */
struct passwords password_is(const char *text);

/* The callback; user_data is a struct passwords. */
int32_t answer(void *user_data, const hexz_password_request *request, char *buf, size_t capacity, size_t *len);

/* Options for an encrypted build at the least cost, without fsync. */
hexz_build_opts encrypted_build_of(const char *source, const char *output, struct passwords *passwords);
hexz_status open_with(const char *path, struct passwords *passwords, hexz_snapshot **out);
/* Opens with a password, given once, and closes again: only the status is of
 * interest. */
hexz_status try_password(const char *path, const char *text);
hexz_status try_bytes(const char *path, const void *bytes, size_t len);
/* A handle, or the end of the program. */
hexz_snapshot *must_open_with(const char *path, const char *text);
hexz_rekey_opts rekey_of(const char *path, uint32_t operation, struct passwords *passwords);

#endif
