/* hexz cat: bytes of a stream to standard output. */
#include "tool.h"

#include <inttypes.h>

enum { STREAM, OFFSET, LENGTH, OPEN, OPTION_COUNT = OPEN + OPEN_OPTION_COUNT };

static const struct option_spec options[OPTION_COUNT] = {
    [STREAM] = {"stream", 's', "NAME", "which stream ('disk', or the only one there is)"},
    [OFFSET] = {"offset", 'o', "SIZE", "the first byte (0)"},
    [LENGTH] = {"length", 'n', "SIZE", "how many bytes (all that follow)"},
    OPEN_OPTIONS(OPEN),
};

static const char notes[] =
    "A range that ends beyond the stream is refused before anything is written. FILE - is\n"
    "standard input.\n\n" SIZE_NOTES "\n" PASSWORD_NOTES;

static int run(const struct command *command, const struct arguments *args)
{
    uint64_t offset = 0, length = 0;
    if (!option_size(command, args, OFFSET, &offset) ||
        !option_size(command, args, LENGTH, &length))
        return EXIT_USAGE;
    int exit_status = check_output(command->name, "the bytes of a stream");
    if (exit_status != EXIT_DONE)
        return exit_status;
    struct meter meter;
    struct opening opening;
    meter_init(&meter);
    exit_status = read_opening(command, args, OPEN, &meter, &opening);
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
        uint64_t left = offset <= info.size ? info.size - offset : 0;
        if (args->values[LENGTH] == NULL)
            length = left;
        if (offset > info.size)
            exit_status = report_error(command->name, HEXZ_ERR_OUT_OF_RANGE,
                                       "stream '%s' ends at byte %" PRIu64 ", before byte %" PRIu64,
                                       info.name, info.size, offset);
        else if (length > left)
            exit_status = report_error(command->name, HEXZ_ERR_OUT_OF_RANGE,
                                       "stream '%s' ends at byte %" PRIu64 ": no %" PRIu64
                                       " bytes can be read from byte %" PRIu64,
                                       info.name, info.size, length, offset);
        else
            exit_status = send_stream(command->name, snapshot, stream, offset, length);
    }
    hexz_snapshot_close(snapshot);
    return exit_status;
}

const struct command cat_command = {
    .name = "cat",
    .summary = "write bytes of a stream to standard output",
    .operands = "FILE",
    .operand_count = 1,
    .notes = notes,
    .options = options,
    .option_count = OPTION_COUNT,
    .run = run,
};
