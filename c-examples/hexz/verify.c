/* hexz verify: reads every block of a snapshot and checks every hash. */
#include "tool.h"

#include <inttypes.h>

enum {
    THREADS,
    JSON,
    PROGRESS,
    QUIET = PROGRESS + PROGRESS_OPTION_COUNT - 1,
    OPEN,
    OPTION_COUNT = OPEN + OPEN_OPTION_COUNT
};

static const struct option_spec options[OPTION_COUNT] = {
    [THREADS] = {"threads", 'j', "N", "threads that use CPU (as many as there are CPUs)"},
    [JSON] = {"json", 0, NULL, "report as JSON, on damage too"},
    PROGRESS_OPTIONS(PROGRESS),
    OPEN_OPTIONS(OPEN),
};

static const char notes[] =
    "The exit status is 3 if anything is damaged. FILE - is standard input.\n\n" PASSWORD_NOTES;

static void put_damage(const hexz_snapshot *snapshot, const hexz_verify_report *report)
{
    hexz_stream_info stream = HEXZ_INIT(hexz_stream_info);
    if (report->blocks_bad == 0)
        return;
    fprintf(stderr, "hexz: verify: %" PRIu64 " of %" PRIu64 " blocks are damaged",
            report->blocks_bad, report->blocks_checked);
    if (hexz_snapshot_stream(snapshot, report->bad_stream, &stream) == HEXZ_OK) {
        fputs(", the first at byte ", stderr);
        fprintf(stderr, "%" PRIu64 " of stream '", report->bad_offset);
        put_text(stderr, stream.name);
        fputs("'", stderr);
    }
    fputs("\n", stderr);
}

static void put_json_report(const char *path, const hexz_snapshot *snapshot, hexz_status status,
                            const hexz_verify_report *report)
{
    hexz_stream_info stream = HEXZ_INIT(hexz_stream_info);
    bool placed = report->blocks_bad > 0 &&
                  hexz_snapshot_stream(snapshot, report->bad_stream, &stream) == HEXZ_OK;
    struct json json = {.out = stdout};
    json_begin(&json, NULL, '{');
    json_path(&json, "file", "path_bytes_hex", path);
    json_bool(&json, "sound", status == HEXZ_OK);
    json_uint(&json, "blocks_checked", report->blocks_checked);
    json_uint(&json, "blocks_bad", report->blocks_bad);
    json_text(&json, "bad_stream", placed ? stream.name : NULL);
    if (placed)
        json_uint(&json, "bad_offset", report->bad_offset);
    else
        json_text(&json, "bad_offset", NULL);
    json_end(&json, '}');
}

static void put_report(const char *path, const hexz_verify_report *report)
{
    put_text(stdout, is_standard(path) ? "standard input" : path);
    printf(": %" PRIu64 " blocks are sound\n", report->blocks_checked);
}

static int run(const struct command *command, const struct arguments *args)
{
    hexz_verify_report report = HEXZ_INIT(hexz_verify_report);
    hexz_verify_opts opts = HEXZ_INIT(hexz_verify_opts);
    struct meter meter;
    struct opening opening;
    if (!option_u32(command, args, THREADS, &opts.threads) ||
        !meter_options(command, args, PROGRESS, &meter))
        return EXIT_USAGE;
    int exit_status = read_opening(command, args, OPEN, &meter, &opening);
    if (exit_status != EXIT_DONE)
        return exit_status;
    opts.cancel = cancel_on_signals(command->name);
    if (opts.cancel == NULL)
        return EXIT_FAILED;
    hexz_snapshot *snapshot;
    exit_status = open_snapshot(&opening, opts.cancel, &snapshot);
    if (exit_status == EXIT_DONE) {
        opts.progress = meter_callback(&meter);
        opts.progress_data = &meter;
        opts.report = &report;
        hexz_status status = hexz_snapshot_verify(snapshot, &opts);
        meter_clear(&meter);
        if (status != HEXZ_OK)
            exit_status = report_failure(command->name, status);
        if (status == HEXZ_ERR_CORRUPT)
            put_damage(snapshot, &report);
        if ((status == HEXZ_OK || status == HEXZ_ERR_CORRUPT) && args->values[JSON] != NULL)
            put_json_report(opening.name, snapshot, status, &report);
        else if (status == HEXZ_OK && args->values[QUIET] == NULL && !output_closed)
            put_report(opening.name, &report);
        hexz_snapshot_close(snapshot);
    }
    cancel_end();
    return exit_status;
}

const struct command verify_command = {
    .name = "verify",
    .summary = "check every block and every hash of a snapshot",
    .operands = "FILE",
    .operand_count = 1,
    .notes = notes,
    .options = options,
    .option_count = OPTION_COUNT,
    .run = run,
};
