/* A snapshot whose passwords change, and what must be true of it: rekey.c and
 * rekey_torn.c change them. */
#ifndef REKEYED_H
#define REKEYED_H

#include "passwords.h"

#define DISK_LEN 300000
#define PAGE ((size_t)4096)
/* Two copies of the key slots, behind the header: docs/FORMAT.md, section 7.1. */
#define FIRST_COPY PAGE
#define SECOND_COPY (2 * PAGE)
#define BODY (3 * PAGE)

/* What the snapshot holds. */
extern unsigned char disk[DISK_LEN];
/* Its file, as it was when remember() was called. */
extern unsigned char *before;
extern size_t before_len;

void make_disk(void);
const char *snap(void);
/* Builds it, for one password, and remembers it. */
void build_afresh(const char *password);
void remember(void);
void forget(void);
/* Answers the old password, then the new one (NULL: none is asked for). */
hexz_status rekey(uint32_t operation, const char *old, const char *new);

/* Opens, with the root that it was built with, and everything is right. */
void check_opens(const char *password);
void check_opens_not(const char *password);
void check_file_as_before(void);
/* Nothing but the key slots has changed, and both copies of them have, alike. */
void check_slots_changed(void);

#endif
