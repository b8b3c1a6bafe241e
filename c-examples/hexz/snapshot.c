/* What the commands that read a snapshot share. */
#include "tool.h"

int open_snapshot(const char *command, const char *path, const hexz_cancel *cancel,
                  hexz_snapshot **out)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    opts.path = path;
    opts.cancel = cancel;
    hexz_status status = hexz_snapshot_open(&opts, out);
    return status == HEXZ_OK ? EXIT_DONE : report_failure(command, status);
}

int choose_stream(const char *command, const hexz_snapshot *snapshot, const char *name,
                  uint32_t *index, hexz_stream_info *info)
{
    hexz_status status = hexz_snapshot_find(snapshot, name != NULL ? name : "disk", index);
    if (status == HEXZ_ERR_NO_STREAM && name == NULL) {
        hexz_info whole = HEXZ_INIT(hexz_info);
        status = hexz_snapshot_info(snapshot, &whole);
        if (status == HEXZ_OK && whole.stream_count != 1)
            return report_error(command, HEXZ_ERR_NO_STREAM,
                                "no stream is called 'disk' and there are %lu; name one with "
                                "--stream (hexz info lists them)",
                                (unsigned long)whole.stream_count);
        *index = 0;
    }
    if (status == HEXZ_OK)
        status = hexz_snapshot_stream(snapshot, *index, info);
    return status == HEXZ_OK ? EXIT_DONE : report_failure(command, status);
}

const char *compression_name(uint32_t compression)
{
    switch (compression) {
    case HEXZ_COMPRESSION_NONE:
        return "none";
    case HEXZ_COMPRESSION_LZ4:
        return "lz4";
    case HEXZ_COMPRESSION_ZSTD:
        return "zstd";
    default:
        return "unknown";
    }
}

void put_compression(FILE *out, uint32_t compression, int32_t level)
{
    fputs(compression_name(compression), out);
    if (compression == HEXZ_COMPRESSION_ZSTD)
        fprintf(out, " level %ld", (long)level);
}
