/* Streams of a build beside disk and memory. */
#include "tool.h"

#include <string.h>

/* The library's arrays of what it is given. */
static hexz_stream streams[MAX_REPEATED];
static const hexz_stream *list[MAX_REPEATED];
static char names[MAX_REPEATED][64];

static hexz_stream *next_stream(hexz_build_opts *opts)
{
    const hexz_stream blank = HEXZ_INIT(hexz_stream);
    size_t at = opts->stream_count++;
    streams[at] = blank;
    streams[at].name = names[at];
    list[at] = &streams[at];
    opts->streams = list;
    return &streams[at];
}

static void put_name(hexz_stream *stream, const char *name, uint32_t kind)
{
    snprintf(names[stream - streams], sizeof names[0], "%s", name);
    stream->kind = kind;
}

void sourced_streams(const hexz_source *source, hexz_build_opts *opts)
{
    hexz_stream *disk = NULL, *memory = NULL;
    if (is_standard(opts->source)) {
        disk = next_stream(opts);
        put_name(disk, "disk", HEXZ_STREAM_DISK);
        disk->source = source;
        opts->source = NULL;
        opts->source_format = 0;
    }
    /* Behind the disk, whichever of them is a path. */
    if (opts->memory != NULL && (disk != NULL || is_standard(opts->memory))) {
        memory = next_stream(opts);
        put_name(memory, "memory", HEXZ_STREAM_MEMORY);
        if (disk == NULL)
            memory->source = source;
        else
            memory->path = opts->memory;
        opts->memory = NULL;
    }
}

int named_streams(const struct command *command, const struct arguments *args, int disk, int blob,
                  hexz_build_opts *opts)
{
    for (size_t i = 0; i < args->repeated_count; i++) {
        int option = args->repeated[i].option;
        const char *value = args->repeated[i].value, *equals = strchr(value, '=');
        const char *name = command->options[option].name;
        if (option != disk && option != blob)
            continue;
        if (equals == NULL || equals == value || equals[1] == '\0')
            return usage_error(command->name, "--%s '%s' is not NAME=FILE", name, value);
        if ((size_t)(equals - value) >= sizeof names[0])
            return usage_error(command->name, "--%s '%s': a name has at most 63 bytes", name, value);
        if (is_standard(equals + 1))
            return usage_error(command->name, "--%s '%s': standard input is for SOURCE and --memory",
                               name, value);
        memcpy(names[opts->stream_count], value, (size_t)(equals - value));
        hexz_stream *stream = next_stream(opts);
        stream->kind = option == disk ? HEXZ_STREAM_DISK : HEXZ_STREAM_BLOB;
        stream->path = equals + 1;
    }
    return EXIT_DONE;
}

int streams_of(const char *command, const hexz_snapshot *snapshot, hexz_build_opts *opts)
{
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_status status = hexz_snapshot_info(snapshot, &info);
    for (uint32_t i = 0; status == HEXZ_OK && i < info.stream_count && i < MAX_REPEATED; i++) {
        hexz_stream_info about = HEXZ_INIT(hexz_stream_info);
        status = hexz_snapshot_stream(snapshot, i, &about);
        memcpy(names[opts->stream_count], about.name, sizeof names[0]);
        hexz_stream *stream = next_stream(opts);
        stream->kind = about.kind;
        stream->snapshot = snapshot;
        stream->snapshot_stream = i;
    }
    return status == HEXZ_OK ? EXIT_DONE : report_failure(command, status);
}
