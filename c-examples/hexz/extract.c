/* hexz extract: a stream of a snapshot back into a file. */
#include "tool.h"

enum {
    STREAM,
    THREADS,
    OVERWRITE,
    NO_SYNC,
    IN_PLACE,
    QUIET,
    OPEN,
    OPTION_COUNT = OPEN + OPEN_OPTION_COUNT
};

static const struct option_spec options[OPTION_COUNT] = {
    [STREAM] = {"stream", 's', "NAME", "which stream ('disk', or the only one there is)"},
    [THREADS] = {"threads", 'j', "N", "threads that use CPU (as many as there are CPUs)"},
    [OVERWRITE] = {"overwrite", 0, NULL, "replace OUTPUT if it exists"},
    [NO_SYNC] = {"no-sync", 0, NULL, "do not wait for the disk: after a power failure\n"
                                     "OUTPUT may be damaged"},
    [IN_PLACE] = {"in-place", 0, NULL, "write into OUTPUT, a file or block device that is\n"
                                       "there: if this fails midway it is half written"},
    [QUIET] = {"quiet", 'q', NULL, "no progress bar, and nothing said when all is well"},
    OPEN_OPTIONS(OPEN),
};

static const char notes[] =
    "Zeros become holes. But for --in-place, OUTPUT appears when it is complete, or not\n"
    "at all.\n\n" PASSWORD_NOTES;

static hexz_status extract(const hexz_snapshot *snapshot, hexz_extract_opts *opts, bool quiet)
{
    struct meter meter;
    meter_init(&meter, quiet);
    opts->progress = meter_callback(&meter);
    opts->progress_data = &meter;
    hexz_status status = hexz_snapshot_extract(snapshot, opts);
    meter_clear(&meter);
    return status;
}

static void put_report(const char *output, const hexz_stream_info *info, double seconds)
{
    char size[SIZE_TEXT];
    put_text(stdout, output);
    printf(": %s of stream '", size_text(info->size, size));
    put_text(stdout, info->name);
    printf("' in %.2f s", seconds);
    if (seconds > 0)
        printf(" (%.0f MB/s)", (double)info->size / 1e6 / seconds);
    printf("\n");
}

static int run(const struct command *command, const struct arguments *args)
{
    bool quiet = args->values[QUIET] != NULL;
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    opts.output = args->operands[1];
    if (args->values[OVERWRITE] != NULL)
        opts.flags |= HEXZ_EXTRACT_OVERWRITE;
    if (args->values[NO_SYNC] != NULL)
        opts.flags |= HEXZ_EXTRACT_NO_SYNC;
    if (args->values[IN_PLACE] != NULL)
        opts.flags |= HEXZ_EXTRACT_IN_PLACE;
    if (!option_u32(command, args, THREADS, &opts.threads))
        return EXIT_USAGE;
    struct opening opening;
    int exit_status = read_opening(command, args, OPEN, &opening);
    if (exit_status != EXIT_DONE)
        return exit_status;
    opts.cancel = cancel_on_signals(command->name);
    if (opts.cancel == NULL)
        return EXIT_FAILED;

    hexz_snapshot *snapshot;
    hexz_stream_info info = HEXZ_INIT(hexz_stream_info);
    exit_status = open_snapshot(&opening, opts.cancel, &snapshot);
    if (exit_status == EXIT_DONE) {
        exit_status = choose_stream(command->name, snapshot, args->values[STREAM], &opts.stream,
                                    &info);
        if (exit_status == EXIT_DONE) {
            hexz_status status = extract(snapshot, &opts, quiet);
            if (status != HEXZ_OK)
                exit_status = report_failure(command->name, status);
            else if (!quiet)
                put_report(opts.output, &info, seconds_since(&start));
        }
        hexz_snapshot_close(snapshot);
    }
    cancel_end();
    return exit_status;
}

const struct command extract_command = {
    .name = "extract",
    .summary = "write a stream of a snapshot to a sparse file",
    .operands = "FILE OUTPUT",
    .operand_count = 2,
    .notes = notes,
    .options = options,
    .option_count = OPTION_COUNT,
    .run = run,
};
