/* hexz convert: a snapshot into one with other parameters, another password, or none. hexz flatten: the same
 * with those that it has, so that it leans on nothing. */
#include "tool.h"

enum {
    THREADS,
    MEMORY_LIMIT,
    OVERWRITE,
    NO_SYNC,
    JSON,
    PROGRESS,
    QUIET = PROGRESS + PROGRESS_OPTION_COUNT - 1,
    OPEN,
    ENCRYPT = OPEN + OPEN_OPTION_COUNT,
    DECRYPT,
    CREATED,
    KDF = CREATED + PASSWORD_OPTION_COUNT,
    /* What flatten does not have. */
    PROFILE = KDF + KDF_OPTION_COUNT,
    CDC,
    OPTION_COUNT
};

static const struct option_spec options[OPTION_COUNT] = {
    [THREADS] = {"threads", 'j', "N", "threads that use CPU (as many as there are CPUs)"},
    [MEMORY_LIMIT] = {"memory-limit", 0, "SIZE", "memory to work in (256M)"},
    [OVERWRITE] = {"overwrite", 0, NULL, "replace OUTPUT if it exists"},
    [NO_SYNC] = {"no-sync", 0, NULL, "do not wait for the disk: after a power failure\n"
                                     "OUTPUT may be damaged"},
    [JSON] = {"json", 0, NULL, "report as JSON"},
    PROGRESS_OPTIONS(PROGRESS),
    OPEN_OPTIONS(OPEN),
    [ENCRYPT] = {"encrypt", 0, NULL, "encrypt OUTPUT under a new password, which is asked for\n"
                                     "on the terminal unless one of these gives it"},
    [DECRYPT] = {"decrypt", 0, NULL, "leave OUTPUT plain although FILE is encrypted"},
    [CREATED] = {"new-password-file", 0, "PATH", "the new password, as --password-file"},
    [CREATED + 1] = {"new-password-fd", 0, "N", "the same from file descriptor N, to its end"},
    KDF_OPTIONS(KDF),
    [PROFILE] = {"profile", 'p', "generic|eda|embedded|ml", "the parameters of OUTPUT (generic)"},
    [CDC] = {"cdc", 0, NULL, "cut at places that the content chooses"},
};

#define NOTES                                                                                      \
    "All streams of FILE, with their names, go into OUTPUT, which is built as hexz build does:\n"   \
    "with a key of its own, so that what is leaked of FILE's opens no more. Every byte is\n"        \
    "checked on the way; zeros are not read. OUTPUT - is standard output.\n"                        \
    "\n" SIZE_NOTES                                                                                \
    "\n" PASSWORD_NOTES

static const char notes[] = NOTES;
static const char flatten_notes[] =
    "OUTPUT leans on nothing: what FILE has of other snapshots, its parent among them, is in it.\n"
    "It is packed with FILE's compression, level and block size, in chunks if FILE is, and with\n"
    "a dictionary if FILE has one.\n"
    "\n" NOTES;

/* What cannot work, before anything is asked or read. */
static int check_words(const struct command *command, const struct arguments *args)
{
    static const int uses[] = {OPEN, OPEN + 1, CREATED, CREATED + 1};
    if (args->values[ENCRYPT] != NULL && args->values[DECRYPT] != NULL)
        return usage_error(command->name, "--%s and --%s exclude each other",
                           command->options[ENCRYPT].name, command->options[DECRYPT].name);
    for (int option = CREATED; option < PROFILE && args->values[ENCRYPT] == NULL; option++)
        if (args->values[option] != NULL)
            return usage_error(command->name, "--%s means nothing without --%s",
                               command->options[option].name, command->options[ENCRYPT].name);
    return check_input_uses(command, args, 0, uses, sizeof uses / sizeof uses[0]);
}

static bool read_options(const struct command *command, const struct arguments *args,
                         hexz_build_opts *opts)
{
    opts->profile = args->values[PROFILE];
    opts->flags = (args->values[CDC] != NULL ? HEXZ_BUILD_CDC : 0) |
                  (args->values[OVERWRITE] != NULL ? HEXZ_BUILD_OVERWRITE : 0) |
                  (args->values[NO_SYNC] != NULL ? HEXZ_BUILD_NO_SYNC : 0) |
                  (args->values[ENCRYPT] != NULL ? HEXZ_BUILD_ENCRYPT : 0);
    return option_u32(command, args, THREADS, &opts->threads) &&
           option_size(command, args, MEMORY_LIMIT, &opts->memory_limit) &&
           option_kdf(command, args, KDF, &opts->kdf_memory_kib, &opts->kdf_passes,
                      &opts->kdf_lanes);
}

/* Nobody shall find out later that what was secret lies there for all to read. */
static int check_secret(const struct command *command, const struct arguments *args,
                        const hexz_snapshot *snapshot)
{
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_status status = hexz_snapshot_info(snapshot, &info);
    if (status != HEXZ_OK)
        return report_failure(command->name, status);
    if (info.encrypted != 0 && args->values[ENCRYPT] == NULL && args->values[DECRYPT] == NULL)
        return usage_error(command->name, "'%s' is encrypted: say --%s or --%s", args->operands[0],
                           command->options[ENCRYPT].name, command->options[DECRYPT].name);
    return EXIT_DONE;
}

/* The parameters that a snapshot was packed with. Returns an exit status. */
static int parameters_of(const struct command *command, const hexz_snapshot *snapshot,
                         hexz_profile *profile, hexz_build_opts *opts)
{
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_status status = hexz_profile_resolve(NULL, profile);
    if (status == HEXZ_OK)
        status = hexz_snapshot_info(snapshot, &info);
    if (status != HEXZ_OK)
        return report_failure(command->name, status);
    profile->compression = info.compression;
    profile->level = info.level;
    profile->block_size = info.block_size;
    profile->dictionary = info.dictionary_size > 0;
    opts->custom = profile;
    opts->flags |= info.cdc != 0 ? HEXZ_BUILD_CDC : 0;
    return EXIT_DONE;
}

static int run(const struct command *command, const struct arguments *args)
{
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    const struct build_paths paths = {.source = args->operands[0], .output = args->operands[1]};
    struct passwords passwords = {.command = command->name};
    hexz_snapshot *snapshot = NULL;
    struct opening opening;
    struct meter meter;
    struct outlet outlet;

    if (!read_options(command, args, &opts) || !meter_options(command, args, PROGRESS, &meter))
        return EXIT_USAGE;
    int exit_status = check_words(command, args);
    if (exit_status == EXIT_DONE && is_standard(paths.output))
        exit_status = check_output(command->name, "a snapshot");
    if (exit_status == EXIT_DONE)
        exit_status = read_password(command, args, CREATED, true, &passwords.created);
    if (exit_status == EXIT_DONE)
        exit_status = read_opening(command, args, OPEN, &meter, &opening);
    if (exit_status == EXIT_DONE) {
        opts.cancel = cancel_on_signals(command->name);
        if (opts.cancel != NULL)
            exit_status = open_snapshot(&opening, opts.cancel, &snapshot);
        else
            exit_status = EXIT_FAILED;
    }
    if (exit_status == EXIT_DONE)
        exit_status = check_secret(command, args, snapshot);
    if (exit_status == EXIT_DONE)
        exit_status = streams_of(command->name, snapshot, &opts);
    if (exit_status == EXIT_DONE && command == &flatten_command)
        exit_status = parameters_of(command, snapshot, &profile, &opts);
    if (exit_status == EXIT_DONE) {
        opts.report = &report;
        opts.progress = meter_callback(&meter);
        opts.progress_data = &meter;
        if (opts.flags & HEXZ_BUILD_ENCRYPT) {
            opts.password = supply_password;
            opts.password_data = &passwords;
        }
        if (is_standard(paths.output)) {
            outlet_begin(&outlet, command->name, &meter);
            opts.sink = &outlet.sink;
            opts.progress = outlet_progress;
            opts.progress_data = &outlet;
        } else {
            opts.output = paths.output;
        }
        hexz_status status = hexz_build(&opts);
        meter_clear(&meter);
        bool told = opts.sink != NULL && outlet_failed(&outlet, &exit_status);
        int asked = end_passwords(&passwords, told ? HEXZ_OK : status);
        exit_status = told ? exit_status : asked;
    } else {
        end_passwords(&passwords, HEXZ_OK);
    }
    hexz_snapshot_close(snapshot);
    cancel_end();
    FILE *out = is_standard(paths.output) ? stderr : stdout;
    if (exit_status == EXIT_DONE && args->values[JSON] != NULL)
        put_json_build_report(out, &paths, &report);
    else if (exit_status == EXIT_DONE && args->values[QUIET] == NULL && !(out == stdout && output_closed))
        put_build_report(out, paths.output, &report);
    return exit_status;
}

const struct command convert_command = {
    .name = "convert",
    .summary = "pack a snapshot anew: other parameters, another password, or none",
    .operands = "FILE OUTPUT",
    .operand_count = 2,
    .notes = notes,
    .options = options,
    .option_count = OPTION_COUNT,
    .run = run,
};

const struct command flatten_command = {
    .name = "flatten",
    .summary = "pack a snapshot with all that it leans on into one that stands alone",
    .operands = "FILE OUTPUT",
    .operand_count = 2,
    .notes = flatten_notes,
    .options = options,
    .option_count = PROFILE,
    .run = run,
};
