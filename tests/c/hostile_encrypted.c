/* As hostile.c, for encrypted snapshots: of 1 MiB, every byte changed and every
 * truncation when HEXZ_SOAK is set (an hour or so), every so many bytes
 * otherwise; and of smaller ones with chunks and with a dictionary. The password
 * is right: what is refused is refused for the damage. */
#include "damage.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int soak(void)
{
    const char *value = getenv("HEXZ_SOAK");
    return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}

int main(void)
{
    enum { LARGE, CDC, DICTIONARY, ORIGINALS };
    static const struct {
        const char *name;
        const char *profile;
        uint32_t block_size;
        uint64_t flags;
        size_t disk, memory; /* their lengths */
        size_t least, most;  /* bytes of the file */
        size_t stride, sector_stride;
    } kinds[ORIGINALS] = {
        {"1 MiB", "generic", 0, 0, 250 * PAGE + 100, 64 * PAGE + 50, 1 << 20, 5 << 18, 1511, 151},
        {"content-defined", "ml", 1 << 17, HEXZ_BUILD_CDC, 70 * PAGE + 77, PAGE, 60 << 10, 200 << 10, 199, 11},
        {"zstd with a dictionary", "embedded", 4096, 0, 100 * PAGE, 100, 60 << 10, 200 << 10, 199, 11},
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
        of.password = "a password";
        of.stride = soak() ? 1 : kinds[i].stride;
        of.sector_stride = soak() ? 1 : kinds[i].sector_stride;
        of.clear = i == CDC;
        of.masks = 1;
        damage_streams(&of, kinds[i].disk, kinds[i].memory);
        if (i == DICTIONARY) {
            damage_fill_lines(of.stream[0], of.len[0]);
        } else {
            fill_text(of.stream[0], of.len[0], 291 + i);
            fill_random(of.stream[0], i == LARGE ? 200 * PAGE : 10 * PAGE, 293 + i);
        }
        memset(of.stream[0] + 5 * PAGE, 0, 3 * PAGE);
        fill_random(of.stream[1], kinds[i].memory, 295 + i);
        path = damage_build(&of);
        check_about("%s, %lu bytes", of.name, (unsigned long)of.file_len);
        CHECK(of.file_len >= kinds[i].least && of.file_len <= kinds[i].most);
        snapshot = must_open_with(path, of.password);
        CHECK_OK(hexz_snapshot_info(snapshot, &info));
        CHECK_EQ(info.encrypted, 1);
        CHECK((info.dictionary_size > 0) == (i == DICTIONARY));
        hexz_snapshot_close(snapshot);
        damage_all(&of);
        damage_free(&of);
    }
    return check_done();
}
