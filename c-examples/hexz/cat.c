/* hexz cat: bytes of a stream to standard output. */
#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

enum { STREAM, OFFSET, LENGTH, OPEN, OPTION_COUNT = OPEN + OPEN_OPTION_COUNT };

static const struct option_spec options[OPTION_COUNT] = {
    [STREAM] = {"stream", 's', "NAME", "which stream ('disk', or the only one there is)"},
    [OFFSET] = {"offset", 'o', "SIZE", "the first byte (0)"},
    [LENGTH] = {"length", 'n', "SIZE", "how many bytes (all that follow)"},
    OPEN_OPTIONS(OPEN),
};

static const char notes[] =
    "Sizes take K, M, G and T, powers of 1024. A range that ends beyond the stream is\n"
    "refused before anything is written.\n\n" PASSWORD_NOTES;

/* As large as the largest default block, and read in aligned steps: no block is unpacked twice. */
#define STEP ((size_t)1 << 20)
static unsigned char buffer[STEP];

static bool write_all(const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

static int copy_out(const struct command *command, const hexz_snapshot *snapshot, uint32_t stream,
                    uint64_t offset, uint64_t length)
{
    while (length > 0) {
        size_t step = STEP - (size_t)(offset % STEP);
        if (step > length)
            step = (size_t)length;
        hexz_status status = hexz_snapshot_read(snapshot, stream, offset, buffer, step);
        if (status != HEXZ_OK)
            return report_failure(command->name, status);
        if (!write_all(buffer, step))
            return output_failure(command->name, errno);
        offset += step;
        length -= step;
    }
    return EXIT_DONE;
}

static int run(const struct command *command, const struct arguments *args)
{
    uint64_t offset = 0, length = 0;
    if (!option_size(command, args, OFFSET, &offset) ||
        !option_size(command, args, LENGTH, &length))
        return EXIT_USAGE;
    struct opening opening;
    int exit_status = read_opening(command, args, OPEN, &opening);
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
        if (offset > info.size || length > left)
            exit_status = report_error(command->name, HEXZ_ERR_OUT_OF_RANGE,
                                       "stream '%s' ends at byte %" PRIu64 ": no %" PRIu64
                                       " bytes can be read from byte %" PRIu64,
                                       info.name, info.size, length, offset);
        else
            exit_status = copy_out(command, snapshot, stream, offset, length);
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
