/* hexz extract: a stream of a snapshot back into a file. */
#include "tool.h"

enum {
    STREAM,
    THREADS,
    OVERWRITE,
    NO_SYNC,
    IN_PLACE,
    FORCE_SHARE,
    JSON,
    PROGRESS,
    QUIET = PROGRESS + PROGRESS_OPTION_COUNT - 1,
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
    [FORCE_SHARE] = {"force-share", 0, NULL, "--in-place although a machine may use OUTPUT"},
    [JSON] = {"json", 0, NULL, "report as JSON"},
    PROGRESS_OPTIONS(PROGRESS),
    OPEN_OPTIONS(OPEN),
};

static const char notes[] =
    "Zeros become holes. But for --in-place, OUTPUT appears when it is complete, or not\n"
    "at all.\n"
    "\n"
    "FILE - is standard input. OUTPUT - is standard output: damage is then found when the\n"
    "bytes before it are sent already; the exit status tells.\n\n" PASSWORD_NOTES;

static void put_report(FILE *out, const char *output, const hexz_stream_info *info, double seconds)
{
    char size[SIZE_TEXT];
    put_text(out, is_standard(output) ? "standard output" : output);
    fprintf(out, ": %s of stream '", size_text(info->size, size));
    put_text(out, info->name);
    fprintf(out, "' in %.2f s", seconds);
    if (seconds > 0)
        fprintf(out, " (%.0f MB/s)", (double)info->size / 1e6 / seconds);
    fprintf(out, "\n");
}

static void put_json_report(FILE *out, const char *file, const char *output,
                            const hexz_stream_info *info, double seconds)
{
    struct json json = {.out = out};
    json_begin(&json, NULL, '{');
    json_path(&json, "file", "file_path_bytes_hex", file);
    json_path(&json, "output", "output_path_bytes_hex", output);
    json_text(&json, "stream", info->name);
    json_uint(&json, "size", info->size);
    json_uint(&json, "total_ns", (uint64_t)(seconds * 1e9));
    json_end(&json, '}');
}

static hexz_extract_opts read_flags(const struct arguments *args)
{
    hexz_extract_opts opts = HEXZ_INIT(hexz_extract_opts);
    opts.output = args->operands[1];
    if (args->values[OVERWRITE] != NULL)
        opts.flags |= HEXZ_EXTRACT_OVERWRITE;
    if (args->values[NO_SYNC] != NULL)
        opts.flags |= HEXZ_EXTRACT_NO_SYNC;
    if (args->values[IN_PLACE] != NULL)
        opts.flags |= HEXZ_EXTRACT_IN_PLACE;
    if (args->values[FORCE_SHARE] != NULL)
        opts.flags |= HEXZ_EXTRACT_FORCE_SHARE;
    return opts;
}

static int check_flags(const struct command *command, const struct arguments *args)
{
    bool in_place = args->values[IN_PLACE] != NULL;
    if (args->values[FORCE_SHARE] != NULL && !in_place)
        return usage_error(command->name, "--%s means nothing without --%s",
                           command->options[FORCE_SHARE].name, command->options[IN_PLACE].name);
    if (!is_standard(args->operands[1]))
        return EXIT_DONE;
    if (in_place)
        return usage_error(command->name, "--%s means nothing with standard output",
                           command->options[IN_PLACE].name);
    return check_output(command->name, "the bytes of a stream");
}

static int extract(const struct command *command, const hexz_snapshot *snapshot,
                   hexz_extract_opts *opts, struct meter *meter)
{
    struct outlet outlet;
    opts->progress = meter_callback(meter);
    opts->progress_data = meter;
    if (is_standard(opts->output)) {
        outlet_begin(&outlet, command->name, meter);
        opts->output = NULL;
        opts->sink = &outlet.sink;
        opts->progress = outlet_progress;
        opts->progress_data = &outlet;
    }
    hexz_status status = hexz_snapshot_extract(snapshot, opts);
    int exit_status = EXIT_DONE;
    meter_clear(meter);
    if (status == HEXZ_OK || (opts->sink != NULL && outlet_failed(&outlet, &exit_status)))
        return exit_status;
    return report_failure(command->name, status);
}

static int run(const struct command *command, const struct arguments *args)
{
    struct timespec start;
    struct meter meter;
    struct opening opening;
    hexz_extract_opts opts = read_flags(args);
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (!option_u32(command, args, THREADS, &opts.threads) ||
        !meter_options(command, args, PROGRESS, &meter))
        return EXIT_USAGE;
    int exit_status = check_flags(command, args);
    if (exit_status == EXIT_DONE)
        exit_status = read_opening(command, args, OPEN, &meter, &opening);
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
        if (exit_status == EXIT_DONE)
            exit_status = extract(command, snapshot, &opts, &meter);
        hexz_snapshot_close(snapshot);
    }
    cancel_end();
    const char *output = args->operands[1];
    FILE *out = is_standard(output) ? stderr : stdout;
    if (exit_status == EXIT_DONE && args->values[JSON] != NULL)
        put_json_report(out, opening.name, output, &info, seconds_since(&start));
    else if (exit_status == EXIT_DONE && args->values[QUIET] == NULL && !(out == stdout && output_closed))
        put_report(out, output, &info, seconds_since(&start));
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
