/* scan PID PATTERNS: where runs of 16 bytes lie in the memory of another process,
 * all that is mapped and can be read there. One line for each that is found: the
 * number of the pattern, the address, and what is mapped there. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATTERN ((size_t)16)
#define CHUNK ((size_t)1 << 20)
#define BITS 24

/* Of the patterns, by their first eight bytes: those that may begin so. */
static unsigned char maybe[(1 << BITS) / 8];
static unsigned char *patterns;
static size_t count, places;
static uint32_t *table; /* number of a pattern and 1; 0 is free */
static unsigned char chunk[CHUNK];

static void fail(const char *what)
{
    perror(what);
    exit(2);
}

static uint64_t hash_at(const unsigned char *bytes)
{
    uint64_t head;
    memcpy(&head, bytes, sizeof(head));
    return head * UINT64_C(0x9E3779B97F4A7C15);
}

static void read_patterns(const char *path)
{
    FILE *file = fopen(path, "rb");
    long len;
    size_t i, at;
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (len = ftell(file)) < (long)PATTERN)
        fail(path);
    count = (size_t)len / PATTERN;
    for (places = 1024; places < 4 * count; places *= 2)
        ;
    patterns = malloc((size_t)len);
    table = calloc(places, sizeof(*table));
    rewind(file);
    if (patterns == NULL || table == NULL || fread(patterns, PATTERN, count, file) != count)
        fail(path);
    (void)fclose(file);
    for (i = 0; i < count; i++) {
        uint64_t hash = hash_at(patterns + i * PATTERN);
        maybe[(hash >> (64 - BITS)) / 8] |= (unsigned char)(1 << (hash >> (64 - BITS)) % 8);
        for (at = hash & (places - 1); table[at] != 0; at = (at + 1) & (places - 1))
            ;
        table[at] = (uint32_t)i + 1;
    }
}

static void search(size_t len, unsigned long begin, const char *what)
{
    size_t i, at;
    for (i = 0; i + PATTERN <= len; i++) {
        uint64_t hash = hash_at(chunk + i);
        if (!(maybe[(hash >> (64 - BITS)) / 8] & 1 << (hash >> (64 - BITS)) % 8))
            continue;
        for (at = hash & (places - 1); table[at] != 0; at = (at + 1) & (places - 1))
            if (memcmp(patterns + (table[at] - 1) * PATTERN, chunk + i, PATTERN) == 0)
                printf("%u %lx %s\n", table[at] - 1, begin + i, what);
    }
}

int main(int argc, char **argv)
{
    char path[64], line[512];
    unsigned long begin, end, searched = 0;
    int memory;
    FILE *maps;
    if (argc != 3)
        return 2;
    read_patterns(argv[2]);
    (void)snprintf(path, sizeof(path), "/proc/%s/mem", argv[1]);
    memory = open(path, O_RDONLY | O_CLOEXEC);
    if (memory < 0)
        fail(path);
    (void)snprintf(path, sizeof(path), "/proc/%s/maps", argv[1]);
    maps = fopen(path, "r");
    if (maps == NULL)
        fail(path);
    while (fgets(line, sizeof(line), maps) != NULL) {
        char modes[5], name[256] = "anonymous";
        if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %255s", &begin, &end, modes, name) < 3)
            fail("maps");
        if (modes[0] != 'r' || strncmp(name, "[v", 2) == 0)
            continue;
        while (begin < end) {
            ssize_t len = pread(memory, chunk, end - begin < CHUNK ? end - begin : CHUNK, (off_t)begin);
            if (len < (ssize_t)PATTERN)
                break;
            search((size_t)len, begin, name);
            searched += (unsigned long)len;
            /* Chunks overlap, so that nothing lies across an edge unseen. */
            begin += begin + (size_t)len < end ? (size_t)len - PATTERN + 1 : (size_t)len;
        }
    }
    printf("searched %lu\n", searched);
    return 0;
}
