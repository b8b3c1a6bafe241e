/* hexz diff: where a stream of one snapshot differs from that of another, from their indexes alone. */
#include "tool.h"

#include <inttypes.h>

enum { STREAM, JSON, OPEN, OPTION_COUNT = OPEN + OPEN_OPTION_COUNT };

static const struct option_spec options[OPTION_COUNT] = {
    [STREAM] = {"stream", 's', "NAME", "which stream of both ('disk', or the only one there is)"},
    [JSON] = {"json", 0, NULL, "print JSON"},
    OPEN_OPTIONS(OPEN),
};

static const char notes[] =
    "Tells what TO holds against FROM: the same, data that may differ, or zeros that may. No block\n"
    "is read: what lies in different places is compared by hashes, which whoever made a snapshot\n"
    "may have written as he liked; hexz verify tells. FILE in the options is FROM and TO alike,\n"
    "but in --expect-root FROM alone.\n\n"
    PASSWORD_NOTES;

static const char *kind_name(uint32_t kind)
{
    switch (kind) {
    case HEXZ_EXTENT_SAME:
        return "same";
    case HEXZ_EXTENT_DATA:
        return "data";
    case HEXZ_EXTENT_ZERO:
        return "zero";
    default:
        return "unknown";
    }
}

/* Two streams, one in each snapshot. */
struct pair {
    const hexz_snapshot *from, *to;
    uint32_t from_stream, to_stream;
    uint64_t size; /* of the second */
};

/* The whole run of one kind at `offset`. */
static hexz_status whole_run(const struct pair *pair, uint64_t offset, hexz_extent *out)
{
    hexz_extent next = HEXZ_INIT(hexz_extent);
    hexz_status status = hexz_snapshot_diff(pair->from, pair->from_stream, pair->to,
                                            pair->to_stream, offset, out);
    while (status == HEXZ_OK && out->offset + out->len < pair->size) {
        status = hexz_snapshot_diff(pair->from, pair->from_stream, pair->to, pair->to_stream,
                                    out->offset + out->len, &next);
        if (status != HEXZ_OK || next.kind != out->kind)
            break;
        out->len += next.len;
    }
    return status;
}

static hexz_status put_runs(const struct pair *pair, struct json *json)
{
    hexz_extent run = HEXZ_INIT(hexz_extent);
    /* With nobody left to read it, a map of a large disk is not worth finishing. */
    for (uint64_t offset = 0; offset < pair->size && !ferror(stdout); offset += run.len) {
        hexz_status status = whole_run(pair, offset, &run);
        if (status != HEXZ_OK)
            return status;
        if (json == NULL) {
            printf("%20" PRIu64 " %20" PRIu64 "  %s\n", run.offset, run.len, kind_name(run.kind));
            continue;
        }
        json_begin(json, NULL, '{');
        json_uint(json, "start", run.offset);
        json_uint(json, "length", run.len);
        json_text(json, "kind", kind_name(run.kind));
        json_end(json, '}');
    }
    return HEXZ_OK;
}

static int put_pair(const struct command *command, const struct arguments *args, struct pair *pair)
{
    hexz_stream_info info = HEXZ_INIT(hexz_stream_info);
    const char *name = args->values[STREAM];
    int exit_status = choose_stream(command->name, pair->from, name, &pair->from_stream, &info);
    if (exit_status == EXIT_DONE)
        exit_status = choose_stream(command->name, pair->to, name, &pair->to_stream, &info);
    if (exit_status != EXIT_DONE)
        return exit_status;
    pair->size = info.size;
    struct json json = {.out = stdout};
    hexz_status status;
    if (args->values[JSON] != NULL) {
        json_begin(&json, NULL, '[');
        status = put_runs(pair, &json);
        json_end(&json, ']');
    } else {
        printf("%20s %20s  %s\n", "START", "LENGTH", "KIND");
        status = put_runs(pair, NULL);
    }
    return status == HEXZ_OK ? EXIT_DONE : report_failure(command->name, status);
}

static int run(const struct command *command, const struct arguments *args)
{
    struct meter meter;
    struct opening opening;
    hexz_snapshot *from, *to;
    meter_init(&meter);
    if (is_standard(args->operands[1]))
        return usage_error(command->name, "only FROM can be standard input");
    int exit_status = read_opening(command, args, OPEN, &meter, &opening);
    if (exit_status != EXIT_DONE)
        return exit_status;
    /* The second one's root is not asked about, and its password is the same. */
    struct opening second = opening;
    exit_status = open_snapshot(&opening, NULL, &from);
    if (exit_status != EXIT_DONE) {
        end_passwords(&second.passwords, HEXZ_OK);
        return exit_status;
    }
    second.opts.path = second.name = args->operands[1];
    second.opts.expect_root = NULL;
    second.opts.password_data = &second.passwords;
    second.opts.ancestor_data = &second;
    /* What the first one has need not be looked for again. */
    if (second.opts.parent == NULL)
        second.opts.parent_snapshot = from;
    exit_status = open_snapshot(&second, NULL, &to);
    if (exit_status == EXIT_DONE) {
        struct pair pair = {.from = from, .to = to};
        exit_status = put_pair(command, args, &pair);
        hexz_snapshot_close(to);
    }
    hexz_snapshot_close(from);
    return exit_status;
}

const struct command diff_command = {
    .name = "diff",
    .summary = "map where two snapshots differ",
    .operands = "FROM TO",
    .operand_count = 2,
    .notes = notes,
    .options = options,
    .option_count = OPTION_COUNT,
    .run = run,
};
