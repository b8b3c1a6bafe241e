/* Every byte of a small snapshot changed, every truncation and many
 * lengthenings: open refuses, or verify reports damage, and a read that
 * succeeds gives the right bytes. Never a crash, never wrong data. */
#include "damage.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* Under HEXZ_TEST_SMALL. */
#define SMALL_STRIDE 211

int main(void)
{
    enum { LZ4, DICTIONARY, CDC, STORED, ORIGINALS };
    static const struct {
        const char *name;
        const char *profile;
        uint32_t block_size;
        uint64_t flags;
        size_t len; /* of the disk; chosen so that each file is some 40 to 64 KiB */
    } kinds[ORIGINALS] = {
        {"lz4", "generic", 0, 0, 27 * PAGE + 123},
        {"zstd with a dictionary", "embedded", 4096, 0, 100 * PAGE},
        {"content-defined", "ml", 0, HEXZ_BUILD_CDC, 60 * PAGE + 77},
        {"stored", "generic", 0, 0, 16 * PAGE},
    };
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_snapshot *snapshot;
    size_t i;

    for (i = 0; i < COUNT(kinds); i++) {
        struct original of;
        const char *path;
        memset(&of, 0, sizeof(of));
        of.name = kinds[i].name;
        of.profile = kinds[i].profile;
        of.block_size = kinds[i].block_size;
        of.flags = kinds[i].flags;
        of.stride = fixture_small() ? SMALL_STRIDE : 1;
        of.sector_stride = 1;
        of.masks = 2;
        damage_streams(&of, kinds[i].len, kinds[i].len / 4 + 55);
        if (i == DICTIONARY)
            damage_fill_lines(of.stream[0], of.len[0]);
        else if (i == STORED)
            fill_random(of.stream[0], of.len[0] / 2, 131);
        else
            fill_text(of.stream[0], of.len[0], 132 + i);
        memset(of.stream[0] + 5 * PAGE, 0, 7 * PAGE);
        /* Memory: pages that the disk has, a hole, and something of its own. */
        memcpy(of.stream[1], of.stream[0] + PAGE, of.len[1] / 2);
        fill_random(of.stream[1] + of.len[1] - 700, 700, 133);
        path = damage_build(&of);
        check_about("%s, %lu bytes", of.name, (unsigned long)of.file_len);
        CHECK(of.file_len >= 16 * 1024 && of.file_len <= 80 * 1024);
        if (i == DICTIONARY) {
            snapshot = must_open(path);
            CHECK_OK(hexz_snapshot_info(snapshot, &info));
            CHECK(info.dictionary_size > 0);
            hexz_snapshot_close(snapshot);
        }
        damage_all(&of);
        damage_free(&of);
    }
    return check_done();
}
