/* A program that links its own libzstd and libhexz.a statically, and uses both.
 *
 *     own_zstd SOURCE OUTPUT
 *
 * Its zstd has to be the one whose header it was compiled with, and hexz has to work beside it. */
#include <hexz.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

static int round_trip(void)
{
    static char before[100000], packed[100000], after[100000];
    memset(before, 'z', sizeof before);
    size_t size = ZSTD_compress(packed, sizeof packed, before, sizeof before, 3);
    if (ZSTD_isError(size) || size > 1000)
        return 1;
    size = ZSTD_decompress(after, sizeof after, packed, size);
    return size != sizeof after || memcmp(before, after, sizeof after) != 0;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    printf("zstd.h %s, ZSTD_versionString %s, hexz %s\n", ZSTD_VERSION_STRING, ZSTD_versionString(),
           hexz_version_string());
    if (round_trip() != 0) {
        fprintf(stderr, "own_zstd: its own zstd does not work\n");
        return 1;
    }
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    opts.source = argv[1];
    opts.output = argv[2];
    opts.profile = "eda"; /* zstd with a dictionary */
    opts.flags = HEXZ_BUILD_NO_SYNC;
    hexz_open_opts opening = HEXZ_INIT(hexz_open_opts);
    hexz_verify_opts verifying = HEXZ_INIT(hexz_verify_opts);
    hexz_snapshot *snapshot;
    opening.path = argv[2];
    if (hexz_build(&opts) != HEXZ_OK || hexz_snapshot_open(&opening, &snapshot) != HEXZ_OK) {
        fprintf(stderr, "own_zstd: %s\n", hexz_last_error());
        return 1;
    }
    hexz_status status = hexz_snapshot_verify(snapshot, &verifying);
    if (status != HEXZ_OK)
        fprintf(stderr, "own_zstd: %s\n", hexz_last_error());
    hexz_snapshot_close(snapshot);
    /* Last, so that the rest is tried in any case. */
    if (strcmp(ZSTD_VERSION_STRING, ZSTD_versionString()) != 0) {
        fprintf(stderr, "own_zstd: this is somebody else's zstd\n");
        return 3;
    }
    return status != HEXZ_OK;
}
