/* hexz build: a disk image, and a memory dump beside it, into a snapshot. */
#include "tool.h"

#include <string.h>
#include <sys/stat.h>

enum {
    MEMORY,
    DISK,
    BLOB,
    PROFILE,
    CDC,
    COMPRESSION,
    LEVEL,
    BLOCK_SIZE,
    CDC_MIN,
    CDC_AVG,
    CDC_MAX,
    FORMAT,
    INPUT_SIZE,
    LEAN,
    THREADS = LEAN + LEAN_OPTION_COUNT,
    MEMORY_LIMIT,
    ALLOW_BACKING,
    ALLOW_CHANGE,
    FORCE_SHARE,
    OVERWRITE,
    NO_SYNC,
    JSON,
    PROGRESS,
    QUIET = PROGRESS + PROGRESS_OPTION_COUNT - 1,
    ENCRYPT,
    PASSWORD,
    KDF = PASSWORD + PASSWORD_OPTION_COUNT,
    OPTION_COUNT = KDF + KDF_OPTION_COUNT
};

static const struct option_spec options[OPTION_COUNT] = {
    [MEMORY] = {"memory", 0, "FILE", "a memory dump, kept as the stream 'memory'"},
    [DISK] = {"disk", 0, "NAME=FILE", "one more disk image, kept as the stream NAME; may be given\n"
                                      "again, as --blob",
              true},
    [BLOB] = {"blob", 0, "NAME=FILE", "any file, kept byte for byte as the stream NAME", true},
    [PROFILE] = {"profile", 'p', "generic|eda|embedded|ml",
                 "where the parameters come from (generic);\n"
                 "hexz profiles lists them"},
    [CDC] = {"cdc", 0, NULL, "cut at places that the content chooses, not in\n"
                             "fixed pages: for data that shifts"},
    [COMPRESSION] = {"compression", 0, "none|lz4|zstd", "how blocks are compressed"},
    [LEVEL] = {"level", 'l', "N", "zstd's level"},
    [BLOCK_SIZE] = {"block-size", 'b', "SIZE", "what is compressed as one: a power of two from\n"
                                               "4K to 16M"},
    [CDC_MIN] = {"cdc-min", 0, "SIZE", "least size of a chunk (16K)"},
    [CDC_AVG] = {"cdc-avg", 0, "SIZE", "average size of a chunk (64K)"},
    [CDC_MAX] = {"cdc-max", 0, "SIZE", "largest size of a chunk (128K)"},
    [FORMAT] = {"format", 'f', "auto|raw|qcow2", "what SOURCE is; auto (the default) looks.\n"
                                                 "raw takes the bytes as they are"},
    [INPUT_SIZE] = {"input-size", 0, "SIZE", "the bytes that come from standard input: they are\n"
                                             "packed as they come, without a copy"},
    LEAN_OPTIONS(LEAN),
    [THREADS] = {"threads", 'j', "N", "threads that use CPU (as many as there are CPUs)"},
    [MEMORY_LIMIT] = {"memory-limit", 0, "SIZE", "memory to work in (256M)"},
    [ALLOW_BACKING] = {"allow-backing", 0, NULL, "let a qcow2 image read the files that it names:\n"
                                                 "only for one from a source that you trust"},
    [ALLOW_CHANGE] = {"allow-change", 0, NULL, "take SOURCE although it changed meanwhile"},
    [FORCE_SHARE] = {"force-share", 0, NULL, "the same, and although a machine may write it"},
    [OVERWRITE] = {"overwrite", 0, NULL, "replace OUTPUT if it exists"},
    [NO_SYNC] = {"no-sync", 0, NULL, "do not wait for the disk: after a power failure\n"
                                     "OUTPUT may be damaged"},
    [JSON] = {"json", 0, NULL, "report as JSON"},
    PROGRESS_OPTIONS(PROGRESS),
    [ENCRYPT] = {"encrypt", 0, NULL, "encrypt with AES-256-GCM under a password, which is\n"
                                     "asked for on the terminal unless one of these gives it"},
    PASSWORD_OPTIONS(PASSWORD),
    KDF_OPTIONS(KDF),
};

static const char notes[] =
    "--compression, --level, --block-size and --cdc-* change what the profile says. OUTPUT\n"
    "appears when it is complete, or not at all.\n"
    "\n"
    "SOURCE or --memory - is standard input: a pipe is copied to an unnamed file first, in\n"
    "OUTPUT's folder or in TMPDIR, since a snapshot needs to know how long its streams are;\n"
    "not so with --input-size, which a SOURCE needs --format raw for, and which does not go\n"
    "with profiles that train a dictionary. OUTPUT - is standard output, to which the snapshot\n"
    "is sent as it is made: what failed midway does not open, and the exit status tells. The\n"
    "report then goes to standard error.\n"
    "\n"
    "With --parent or --base OUTPUT leans on what it takes bytes from, and is read with them:\n"
    "beside it, or where --parent and --ancestors say. If one is encrypted, OUTPUT must be, and\n"
    "its one password then opens all. OUTPUT's password is tried on them first.\n"
    "\n" SIZE_NOTES
    "\n" PASSWORD_BYTES
    "--kdf-* say what each try of a password costs (Argon2id), also whoever guesses.\n";

/* The values are those of the constants: HEXZ_COMPRESSION_* and HEXZ_FORMAT_* count from 0. */
static bool option_choice(const struct command *command, const struct arguments *args, int option,
                          const char *const choices[3], uint32_t *out)
{
    const char *value = args->values[option];
    if (value == NULL)
        return true;
    for (uint32_t i = 0; i < 3; i++) {
        if (strcmp(value, choices[i]) == 0) {
            *out = i;
            return true;
        }
    }
    usage_error(command->name, "--%s '%s' is not %s, %s or %s", command->options[option].name,
                value, choices[0], choices[1], choices[2]);
    return false;
}

static bool read_profile(const struct command *command, const struct arguments *args,
                         hexz_profile *profile)
{
    static const char *const compressions[3] = {"none", "lz4", "zstd"};
    uint32_t before = profile->compression;
    if (!option_choice(command, args, COMPRESSION, compressions, &profile->compression))
        return false;
    if (profile->compression != before) {
        /* Levels and dictionaries are zstd's: the profile's mean nothing to another. */
        profile->level = profile->compression == HEXZ_COMPRESSION_ZSTD ? 3 : 0;
        profile->dictionary = 0;
    }
    return option_int32(command, args, LEVEL, &profile->level) &&
           option_size32(command, args, BLOCK_SIZE, &profile->block_size) &&
           option_size32(command, args, CDC_MIN, &profile->cdc_min) &&
           option_size32(command, args, CDC_AVG, &profile->cdc_avg) &&
           option_size32(command, args, CDC_MAX, &profile->cdc_max);
}

/* Points `opts` at a profile by name or, when an option changes it, at `custom`. Returns an exit
 * status. */
static int choose_profile(const struct command *command, const struct arguments *args,
                          hexz_profile *custom, hexz_build_opts *opts)
{
    static const int changing[] = {COMPRESSION, LEVEL, BLOCK_SIZE, CDC_MIN, CDC_AVG, CDC_MAX};
    bool changed = false;
    for (size_t i = 0; i < sizeof changing / sizeof changing[0]; i++) {
        int option = changing[i];
        if (args->values[option] == NULL)
            continue;
        changed = true;
        if (option >= CDC_MIN && option <= CDC_MAX && args->values[CDC] == NULL)
            return usage_error(command->name, "--%s means nothing without --cdc",
                               command->options[option].name);
    }
    opts->profile = args->values[PROFILE];
    if (!changed)
        return EXIT_DONE;
    const char *name = args->values[PROFILE] != NULL ? args->values[PROFILE] : "generic";
    hexz_status status = hexz_profile_resolve(name, custom);
    if (status != HEXZ_OK)
        return report_failure(command->name, status);
    if (!read_profile(command, args, custom))
        return EXIT_USAGE;
    opts->profile = NULL;
    opts->custom = custom;
    return EXIT_DONE;
}

/* Everything about the password, which is read here if it is given. Returns an exit status. */
static int choose_encryption(const struct command *command, const struct arguments *args,
                             struct passwords *passwords, hexz_build_opts *opts)
{
    if (args->values[ENCRYPT] == NULL) {
        for (int option = LEAN + LEAN_PASSWORD; option < OPTION_COUNT; option++)
            if (args->values[option] != NULL &&
                (option >= PASSWORD || option < LEAN + LEAN_OPTION_COUNT))
                return usage_error(command->name, "--%s means nothing without --encrypt",
                                   command->options[option].name);
        return EXIT_DONE;
    }
    if (!option_kdf(command, args, KDF, &opts->kdf_memory_kib, &opts->kdf_passes,
                    &opts->kdf_lanes))
        return EXIT_USAGE;
    opts->flags |= HEXZ_BUILD_ENCRYPT;
    opts->password = supply_password;
    opts->password_data = passwords;
    passwords->question = "Password for";
    passwords->several = true;
    int exit_status = read_password(command, args, PASSWORD, true, &passwords->created);
    if (exit_status == EXIT_DONE)
        exit_status = read_password(command, args, LEAN + LEAN_PASSWORD, false, &passwords->current);
    if (passwords->created.given && !passwords->current.given) {
        passwords->current.guessed = true;
        passwords->current.length = passwords->created.length;
        memcpy(passwords->current.bytes, passwords->created.bytes, passwords->created.length);
    }
    return exit_status;
}

/* What would be found out late, after a copy of all that comes from standard input. */
static int check_before_input(const struct command *command, const struct arguments *args,
                              const hexz_build_opts *opts)
{
    static const int uses[] = {MEMORY, PASSWORD, PASSWORD + 1, LEAN + LEAN_PASSWORD,
                               LEAN + LEAN_PASSWORD + 1};
    int exit_status = check_input_uses(command, args, 0, uses, sizeof uses / sizeof uses[0]);
    if (exit_status != EXIT_DONE)
        return exit_status;
    if (is_standard(opts->source) && args->values[ALLOW_BACKING] != NULL)
        return usage_error(command->name, "--%s needs SOURCE by its name: others are found beside it",
                           command->options[ALLOW_BACKING].name);
    if (is_standard(opts->output))
        return check_output(command->name, "a snapshot");
    struct stat status;
    bool input = is_standard(opts->source) || is_standard(opts->memory);
    if (input && args->values[OVERWRITE] == NULL && lstat(opts->output, &status) == 0)
        return report_error(command->name, HEXZ_ERR_EXISTS,
                            "output '%s': already exists; choose another name or set --%s",
                            opts->output, command->options[OVERWRITE].name);
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    hexz_status known = opts->profile != NULL ? hexz_profile_resolve(opts->profile, &profile) : HEXZ_OK;
    return known == HEXZ_OK ? EXIT_DONE : report_failure(command->name, known);
}

/* What --input-size asks for. */
static int check_input_size(const struct command *command, const struct arguments *args,
                            const hexz_build_opts *opts)
{
    const char *name = command->options[INPUT_SIZE].name;
    hexz_profile profile = HEXZ_INIT(hexz_profile);
    if (args->values[INPUT_SIZE] == NULL)
        return EXIT_DONE;
    if (!is_standard(opts->source) && !is_standard(opts->memory))
        return usage_error(command->name, "--%s means nothing without standard input", name);
    if (is_standard(opts->source) && opts->source_format != HEXZ_FORMAT_RAW)
        return usage_error(command->name, "--%s needs --%s raw: another image is read in any order", name,
                           command->options[FORMAT].name);
    if (opts->custom == NULL) {
        hexz_status status = hexz_profile_resolve(opts->profile, &profile);
        if (status != HEXZ_OK)
            return report_failure(command->name, status);
    }
    if ((opts->custom != NULL ? opts->custom : &profile)->dictionary != 0)
        return usage_error(command->name,
                           "--%s: this profile trains a dictionary on samples from all over the input; leave "
                           "--%s out, and the input is copied first",
                           name, name);
    return EXIT_DONE;
}

/* Puts a path in place of '-', if there is one. */
static int take_input(const struct command *command, hexz_build_opts *opts, struct meter *meter)
{
    if (is_standard(opts->source))
        return open_input(command->name, opts->output, meter, &opts->source);
    if (is_standard(opts->memory))
        return open_input(command->name, opts->output, meter, &opts->memory);
    return EXIT_DONE;
}

static bool read_flags(const struct command *command, const struct arguments *args,
                       hexz_build_opts *opts)
{
    static const char *const formats[3] = {"auto", "raw", "qcow2"};
    static const struct {
        int option;
        uint64_t flag;
    } flags[] = {
        {CDC, HEXZ_BUILD_CDC},
        {ALLOW_BACKING, HEXZ_BUILD_ALLOW_BACKING},
        {ALLOW_CHANGE, HEXZ_BUILD_ALLOW_CHANGE},
        {FORCE_SHARE, HEXZ_BUILD_FORCE_SHARE},
        {OVERWRITE, HEXZ_BUILD_OVERWRITE},
        {NO_SYNC, HEXZ_BUILD_NO_SYNC},
        {LEAN + LEAN_FOLD, HEXZ_BUILD_FOLD},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (args->values[flags[i].option] != NULL)
            opts->flags |= flags[i].flag;
    return option_choice(command, args, FORMAT, formats, &opts->source_format) &&
           option_u32(command, args, THREADS, &opts->threads) &&
           option_size(command, args, MEMORY_LIMIT, &opts->memory_limit);
}

static void put_report(const struct arguments *args, const struct build_paths *paths,
                       const hexz_build_report *report)
{
    FILE *out = is_standard(paths->output) ? stderr : stdout;
    if (args->values[JSON] != NULL)
        put_json_build_report(out, paths, report);
    else if (args->values[QUIET] == NULL && !(out == stdout && output_closed))
        put_build_report(out, paths->output, report);
}

static int run(const struct command *command, const struct arguments *args)
{
    hexz_profile custom = HEXZ_INIT(hexz_profile);
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    const struct build_paths paths = {args->operands[0], args->values[MEMORY], args->operands[1],
                                      args->values[LEAN + LEAN_PARENT], args, LEAN + LEAN_BASE};
    struct passwords passwords = {.command = command->name};
    struct inlet inlet = {.exit_status = EXIT_DONE};
    struct outlet outlet;
    struct meter meter;
    uint64_t input_size = 0;
    opts.source = paths.source;
    opts.memory = paths.memory;
    opts.output = paths.output;
    opts.report = &report;
    if (!read_flags(command, args, &opts) || !meter_options(command, args, PROGRESS, &meter) ||
        !option_size(command, args, INPUT_SIZE, &input_size))
        return EXIT_USAGE;
    int exit_status = check_lean(command, args, LEAN);
    if (exit_status == EXIT_DONE)
        exit_status = choose_profile(command, args, &custom, &opts);
    if (exit_status == EXIT_DONE)
        exit_status = check_before_input(command, args, &opts);
    if (exit_status == EXIT_DONE)
        exit_status = check_input_size(command, args, &opts);
    if (exit_status == EXIT_DONE && args->values[INPUT_SIZE] != NULL) {
        exit_status = inlet_begin(&inlet, command->name, input_size, is_standard(paths.output));
        sourced_streams(&inlet.source, &opts);
    }
    if (exit_status == EXIT_DONE)
        exit_status = named_streams(command, args, DISK, BLOB, &opts);
    if (exit_status == EXIT_DONE)
        exit_status = choose_encryption(command, args, &passwords, &opts);
    if (exit_status == EXIT_DONE)
        exit_status = open_lean(command, args, LEAN, &opts);
    if (exit_status == EXIT_DONE)
        exit_status = take_input(command, &opts, &meter);
    if (exit_status == EXIT_DONE && (opts.cancel = cancel_on_signals(command->name)) == NULL)
        exit_status = EXIT_FAILED;
    opts.progress = meter_callback(&meter);
    opts.progress_data = &meter;
    if (is_standard(paths.output)) {
        outlet_begin(&outlet, command->name, &meter);
        opts.output = NULL;
        opts.sink = &outlet.sink;
        opts.progress = outlet_progress;
        opts.progress_data = &outlet;
    }
    if (exit_status == EXIT_DONE) {
        hexz_status status = hexz_build(&opts);
        meter_clear(&meter);
        exit_status = inlet.exit_status;
        bool told = exit_status != EXIT_DONE || (opts.sink != NULL && outlet_failed(&outlet, &exit_status));
        int asked = end_passwords(&passwords, told ? HEXZ_OK : status);
        exit_status = told ? exit_status : asked;
        cancel_end();
    } else {
        end_passwords(&passwords, HEXZ_OK);
    }
    close_lean();
    if (exit_status == EXIT_DONE)
        put_report(args, &paths, &report);
    return exit_status;
}

const struct command build_command = {
    .name = "build",
    .summary = "pack a disk image, and a memory dump beside it, into a snapshot",
    .operands = "SOURCE OUTPUT",
    .operand_count = 2,
    .notes = notes,
    .options = options,
    .option_count = OPTION_COUNT,
    .run = run,
};
