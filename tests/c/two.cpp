// One program, two translation units with the header in both: compiled once as
// it is and once with SECOND, linked together, and both use HEXZ_INIT.
#include "hexz.h"

#include <cstdio>

#ifdef SECOND

uint32_t second_block_size()
{
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    return hexz_profile_resolve("ml", &profile) == HEXZ_OK ? profile.block_size : 0;
}

#else

uint32_t second_block_size();

int main()
{
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    if (hexz_profile_resolve("generic", &profile) != HEXZ_OK || profile.block_size != 65536)
        return std::fprintf(stderr, "generic: %s\n", hexz_last_error()), 1;
    if (second_block_size() != 1048576)
        return std::fprintf(stderr, "ml: %s\n", hexz_last_error()), 1;
    if (hexz_build(&opts) != HEXZ_ERR_INVALID_ARGUMENT)
        return std::fprintf(stderr, "empty options were accepted\n"), 1;
    return 0;
}

#endif
