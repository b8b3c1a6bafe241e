/* Damage to snapshots, and that it is noticed: hostile.c and
 * hostile_encrypted.c say to which. */
#ifndef DAMAGE_H
#define DAMAGE_H

#include "passwords.h"

#define PAGE ((size_t)4096)
/* Streams are no longer. */
#define STREAM_MOST ((size_t)1 << 20)

struct original {
    const char *name;
    const char *profile;
    uint32_t block_size; /* 0: the profile's */
    uint64_t flags;
    const char *password; /* NULL: plain */
    /* Damage at every so many bytes, and every so many sectors of 512; primes,
     * so that no field of a structure that repeats is always missed. */
    size_t stride, sector_stride;
    int clear; /* every byte of what lies in the clear in an encrypted file besides */
    int masks; /* 2: some bits of each byte, then all of them; 1: by turns */
    unsigned char *stream[2];
    size_t len[2];
    unsigned char *file; /* the snapshot, undamaged */
    size_t file_len;
};

/* Memory for both streams. */
void damage_streams(struct original *of, size_t disk_len, size_t memory_len);
/* Lines out of a set of sixty: short blocks of them hold each line once or
 * twice, so that a dictionary which holds them all pays even in a small file. */
void damage_fill_lines(unsigned char *out, size_t len);
/* Builds the snapshot from both streams, at the path that it returns, and reads it. */
const char *damage_build(struct original *of);
/* All of it, by several processes. */
void damage_all(const struct original *of);
void damage_free(struct original *of);

#endif
