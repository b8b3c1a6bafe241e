/* hexz extents: a map of a stream, what is data and what is zeros. */
#include "tool.h"

#include <inttypes.h>

enum { STREAM, JSON, OPEN, OPTION_COUNT = OPEN + OPEN_OPTION_COUNT };

static const struct option_spec options[OPTION_COUNT] = {
    [STREAM] = {"stream", 's', "NAME", "which stream ('disk', or the only one there is)"},
    [JSON] = {"json", 0, NULL, "print JSON"},
    OPEN_OPTIONS(OPEN),
};

static const char notes[] = "FILE - is standard input.\n\n" PASSWORD_NOTES;

static const char *kind_name(uint32_t kind)
{
    switch (kind) {
    case HEXZ_EXTENT_DATA:
        return "data";
    case HEXZ_EXTENT_ZERO:
        return "zero";
    case HEXZ_EXTENT_PARENT:
        return "parent";
    default:
        return "unknown";
    }
}

/* The whole run of one kind at `offset`: the library's neighbours may share a kind. */
static hexz_status whole_extent(const hexz_snapshot *snapshot, uint32_t stream, uint64_t size,
                                uint64_t offset, hexz_extent *out)
{
    hexz_extent next = HEXZ_INIT(hexz_extent);
    hexz_status status = hexz_snapshot_extent(snapshot, stream, offset, out);
    while (status == HEXZ_OK && out->offset + out->len < size) {
        status = hexz_snapshot_extent(snapshot, stream, out->offset + out->len, &next);
        if (status != HEXZ_OK || next.kind != out->kind)
            break;
        out->len += next.len;
    }
    return status;
}

static hexz_status put_extents(const hexz_snapshot *snapshot, uint32_t stream, uint64_t size,
                               struct json *json)
{
    hexz_extent extent = HEXZ_INIT(hexz_extent);
    /* With nobody left to read it, a map of a large disk is not worth finishing. */
    for (uint64_t offset = 0; offset < size && !ferror(stdout); offset += extent.len) {
        hexz_status status = whole_extent(snapshot, stream, size, offset, &extent);
        if (status != HEXZ_OK)
            return status;
        if (json == NULL) {
            printf("%20" PRIu64 " %20" PRIu64 "  %s\n", extent.offset, extent.len,
                   kind_name(extent.kind));
            continue;
        }
        json_begin(json, NULL, '{');
        json_uint(json, "start", extent.offset);
        json_uint(json, "length", extent.len);
        json_text(json, "kind", kind_name(extent.kind));
        json_end(json, '}');
    }
    return HEXZ_OK;
}

static int run(const struct command *command, const struct arguments *args)
{
    struct meter meter;
    struct opening opening;
    meter_init(&meter);
    int exit_status = read_opening(command, args, OPEN, &meter, &opening);
    if (exit_status != EXIT_DONE)
        return exit_status;
    hexz_snapshot *snapshot;
    exit_status = open_snapshot(&opening, NULL, &snapshot);
    if (exit_status != EXIT_DONE)
        return exit_status;
    uint32_t stream;
    hexz_stream_info info = HEXZ_INIT(hexz_stream_info);
    exit_status = choose_stream(command->name, snapshot, args->values[STREAM], &stream, &info);
    if (exit_status == EXIT_DONE) {
        struct json json = {.out = stdout};
        hexz_status status;
        if (args->values[JSON] != NULL) {
            json_begin(&json, NULL, '[');
            status = put_extents(snapshot, stream, info.size, &json);
            json_end(&json, ']');
        } else {
            printf("%20s %20s  %s\n", "START", "LENGTH", "KIND");
            status = put_extents(snapshot, stream, info.size, NULL);
        }
        if (status != HEXZ_OK)
            exit_status = report_failure(command->name, status);
    }
    hexz_snapshot_close(snapshot);
    return exit_status;
}

const struct command extents_command = {
    .name = "extents",
    .summary = "map a stream: what is data, what is zeros",
    .operands = "FILE",
    .operand_count = 1,
    .notes = notes,
    .options = options,
    .option_count = OPTION_COUNT,
    .run = run,
};
