/* Names that a host's own zstd has, and some of Rust's. Were those inside libhexz.a
 * global, this would not link, or the library would end up here. */
#include <stdio.h>
#include <stdlib.h>

#define TRAP(name)                                     \
    void name(void);                                   \
    void name(void)                                    \
    {                                                  \
        fputs("the library called " #name "\n", stderr); \
        abort();                                       \
    }

TRAP(ZSTD_versionNumber)
TRAP(ZSTD_compressCCtx)
TRAP(ZSTD_compress2)
TRAP(ZSTD_createCCtx)
TRAP(ZSTD_createDCtx)
TRAP(ZSTD_decompressDCtx)
TRAP(ZSTD_isError)
TRAP(ZSTD_getErrorName)
TRAP(ZDICT_trainFromBuffer)
TRAP(rust_eh_personality)
