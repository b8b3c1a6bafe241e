/* The header stands alone: included first and twice, in every dialect of C and
 * C++, with every struct initialised by HEXZ_INIT. Compiled as both languages
 * by header.sh and run without any library, so it is written in what they share
 * and calls nothing. */
#include "hexz.h"
#include "hexz.h"

#define CLEAR(type, name)                   \
    type name = HEXZ_INIT(type);            \
    sum += name.struct_size == sizeof(type)

int main(void)
{
    int sum = 0;
    CLEAR(hexz_profile, profile);
    CLEAR(hexz_progress, progress);
    CLEAR(hexz_password_request, request);
    CLEAR(hexz_source, source);
    CLEAR(hexz_stream, stream);
    CLEAR(hexz_sink, sink);
    CLEAR(hexz_storage, storage);
    CLEAR(hexz_build_report, report);
    CLEAR(hexz_build_opts, build);
    CLEAR(hexz_open_opts, opening);
    CLEAR(hexz_info, info);
    CLEAR(hexz_stream_info, stream_info);
    CLEAR(hexz_extent, extent);
    CLEAR(hexz_verify_report, verify_report);
    CLEAR(hexz_verify_opts, verify);
    CLEAR(hexz_extract_opts, extract);
    CLEAR(hexz_rekey_opts, rekey);

    /* The rest is zero. */
    sum += profile.block_size == 0 && build.source == 0 && build.reserved2 == 0 && info.blocks == 0;
    sum += stream_info.name[63] == 0 && report.root[31] == 0 && rekey.password == 0 && sink.abort == 0;
    /* Declarations are seen, whether or not a library is there to link. */
    sum += sizeof(hexz_build(&build)) == sizeof(hexz_status);
    sum += sizeof(hexz_last_error()) == sizeof(const char *);
    return sum == 17 + 4 ? 0 : 1;
}
