/* A program of somebody else's: packs a file, reads it back, compares.
 *
 *     consumer VERSION OUTPUT
 *
 * VERSION is what the library has to say that it is. */
#include <hexz.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 300001

static unsigned char before[SIZE], after[SIZE];

static int fails(hexz_status status, const char *what)
{
    if (status == HEXZ_OK)
        return 0;
    fprintf(stderr, "consumer: %s: %s: %s\n", what, hexz_status_name(status), hexz_last_error());
    return 1;
}

static int write_source(const char *path)
{
    /* Compresses, but not to nothing: bytes that repeat with a drift. */
    for (size_t i = 0; i < SIZE; i++)
        before[i] = (unsigned char)((i * i >> 11) + i % 7);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(before, 1, SIZE, file) != SIZE || fclose(file) != 0) {
        perror(path);
        return 1;
    }
    return 0;
}

static int build(const char *source, const char *output)
{
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    opts.source = source;
    opts.output = output;
    opts.profile = "eda"; /* zstd */
    opts.threads = 2;
    return fails(hexz_build(&opts), "build");
}

static int read_back(const char *path)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    hexz_snapshot *snapshot;
    opts.path = path;
    if (fails(hexz_snapshot_open(&opts, &snapshot), "open"))
        return 1;
    int failed = fails(hexz_snapshot_read(snapshot, 0, 0, after, SIZE), "read");
    hexz_snapshot_close(snapshot);
    if (!failed && memcmp(before, after, SIZE) != 0) {
        fprintf(stderr, "consumer: other bytes came back\n");
        failed = 1;
    }
    return failed;
}

int main(int argc, char **argv)
{
    char source[4096];
    char compiled[32];
    if (argc != 3 || snprintf(source, sizeof source, "%s.source", argv[2]) >= (int)sizeof source)
        return 2;
    snprintf(compiled, sizeof compiled, "%d.%d.%d", HEXZ_VERSION_MAJOR, HEXZ_VERSION_MINOR,
             HEXZ_VERSION_PATCH);
    if (strcmp(argv[1], compiled) != 0 || strcmp(argv[1], hexz_version_string()) != 0) {
        fprintf(stderr, "consumer: wanted %s, the header is %s, the library %s\n", argv[1],
                compiled, hexz_version_string());
        return 1;
    }
    return write_source(source) || build(source, argv[2]) || read_back(argv[2]);
}
