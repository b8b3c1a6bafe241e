/* hexz build: a disk image, and a memory dump beside it, into a snapshot. */
#include "tool.h"

#include <inttypes.h>
#include <string.h>

enum {
    MEMORY,
    PROFILE,
    CDC,
    COMPRESSION,
    LEVEL,
    BLOCK_SIZE,
    CDC_MIN,
    CDC_AVG,
    CDC_MAX,
    FORMAT,
    THREADS,
    MEMORY_LIMIT,
    ALLOW_BACKING,
    FORCE_SHARE,
    OVERWRITE,
    NO_SYNC,
    JSON,
    QUIET,
    ENCRYPT,
    PASSWORD,
    KDF = PASSWORD + PASSWORD_OPTION_COUNT,
    OPTION_COUNT = KDF + KDF_OPTION_COUNT
};

static const struct option_spec options[OPTION_COUNT] = {
    [MEMORY] = {"memory", 0, "FILE", "a memory dump, kept as the stream 'memory'"},
    [PROFILE] = {"profile", 'p', "NAME", "where the parameters come from (generic);\n"
                                         "hexz profiles lists them"},
    [CDC] = {"cdc", 0, NULL, "cut at places that the content chooses, not in\n"
                             "fixed pages: for data that shifts"},
    [COMPRESSION] = {"compression", 0, "KIND", "none, lz4 or zstd"},
    [LEVEL] = {"level", 'l', "N", "zstd's level"},
    [BLOCK_SIZE] = {"block-size", 'b', "SIZE", "what is compressed as one: a power of two from\n"
                                               "4K to 16M"},
    [CDC_MIN] = {"cdc-min", 0, "SIZE", "least size of a chunk (16K)"},
    [CDC_AVG] = {"cdc-avg", 0, "SIZE", "average size of a chunk (64K)"},
    [CDC_MAX] = {"cdc-max", 0, "SIZE", "largest size of a chunk (128K)"},
    [FORMAT] = {"format", 'f', "KIND", "SOURCE is raw or qcow2; auto (the default) looks.\n"
                                       "raw takes the bytes as they are"},
    [THREADS] = {"threads", 'j', "N", "threads that use CPU (as many as there are CPUs)"},
    [MEMORY_LIMIT] = {"memory-limit", 0, "SIZE", "memory to work in (256M)"},
    [ALLOW_BACKING] = {"allow-backing", 0, NULL, "let a qcow2 image read the files that it names:\n"
                                                 "only for one from a source that you trust"},
    [FORCE_SHARE] = {"force-share", 0, NULL, "take SOURCE although a machine may write it"},
    [OVERWRITE] = {"overwrite", 0, NULL, "replace OUTPUT if it exists"},
    [NO_SYNC] = {"no-sync", 0, NULL, "do not wait for the disk: after a power failure\n"
                                     "OUTPUT may be damaged"},
    [JSON] = {"json", 0, NULL, "report as JSON"},
    [QUIET] = {"quiet", 'q', NULL, "no progress bar, and no report unless as JSON"},
    [ENCRYPT] = {"encrypt", 0, NULL, "encrypt with AES-256-GCM under a password, which is\n"
                                     "asked for on the terminal unless one of these gives it"},
    PASSWORD_OPTIONS(PASSWORD),
    KDF_OPTIONS(KDF),
};

static const char notes[] =
    "Sizes take K, M, G and T, powers of 1024. --compression, --level, --block-size and\n"
    "--cdc-* change what the profile says. OUTPUT appears when it is complete, or not\n"
    "at all.\n"
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
        for (int option = PASSWORD; option < KDF + KDF_OPTION_COUNT; option++)
            if (args->values[option] != NULL)
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
    return read_password(command, args, PASSWORD, &passwords->created);
}

static uint64_t logical_bytes(const hexz_build_report *report)
{
    return report->bytes_zero + report->bytes_duplicate + report->bytes_inherited +
           report->bytes_unique;
}

static void put_bytes(const char *label, uint64_t bytes)
{
    char text[SIZE_TEXT];
    printf("  %-10s %10s  (%" PRIu64 ")\n", label, size_text(bytes, text), bytes);
}

static void put_report(const char *output, const hexz_build_report *report)
{
    uint64_t logical = logical_bytes(report);
    double seconds = (double)report->total_ns / 1e9;
    put_text(stdout, output);
    fputs("\n", stdout);
    put_bytes("logical", logical);
    put_bytes("zero", report->bytes_zero);
    put_bytes("duplicate", report->bytes_duplicate);
    put_bytes("unique", report->bytes_unique);
    put_bytes("stored", report->bytes_stored);
    put_bytes("file", report->file_size);
    if (report->file_size > 0)
        printf("  %-10s %10.2f\n", "ratio", (double)logical / (double)report->file_size);
    printf("  %-10s %8.2f s", "time", seconds);
    if (seconds > 0)
        printf("  (%.0f MB/s)", (double)logical / 1e6 / seconds);
    printf("\n");
}

static void put_json_report(const hexz_build_opts *opts, const hexz_build_report *report)
{
    struct json json = {.out = stdout};
    json_begin(&json, NULL, '{');
    json_text(&json, "source", opts->source);
    json_text(&json, "memory", opts->memory);
    json_text(&json, "output", opts->output);
    json_uint(&json, "bytes_logical", logical_bytes(report));
    json_uint(&json, "bytes_read", report->bytes_read);
    json_uint(&json, "bytes_zero", report->bytes_zero);
    json_uint(&json, "bytes_duplicate", report->bytes_duplicate);
    json_uint(&json, "bytes_inherited", report->bytes_inherited);
    json_uint(&json, "bytes_unique", report->bytes_unique);
    json_uint(&json, "bytes_stored", report->bytes_stored);
    json_uint(&json, "bytes_dead", report->bytes_dead);
    json_uint(&json, "blocks", report->blocks);
    json_uint(&json, "file_size", report->file_size);
    json_hash(&json, "root", report->root);
    json_uint(&json, "read_ns", report->read_ns);
    json_uint(&json, "hash_ns", report->hash_ns);
    json_uint(&json, "compress_ns", report->compress_ns);
    json_uint(&json, "seal_ns", report->seal_ns);
    json_uint(&json, "write_ns", report->write_ns);
    json_uint(&json, "sync_ns", report->sync_ns);
    json_uint(&json, "total_ns", report->total_ns);
    json_end(&json, '}');
}

static int run(const struct command *command, const struct arguments *args)
{
    static const char *const formats[3] = {"auto", "raw", "qcow2"};
    hexz_profile custom = HEXZ_INIT(hexz_profile);
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    opts.source = args->operands[0];
    opts.output = args->operands[1];
    opts.memory = args->values[MEMORY];
    opts.report = &report;
    if (args->values[CDC] != NULL)
        opts.flags |= HEXZ_BUILD_CDC;
    if (args->values[ALLOW_BACKING] != NULL)
        opts.flags |= HEXZ_BUILD_ALLOW_BACKING;
    if (args->values[FORCE_SHARE] != NULL)
        opts.flags |= HEXZ_BUILD_FORCE_SHARE;
    if (args->values[OVERWRITE] != NULL)
        opts.flags |= HEXZ_BUILD_OVERWRITE;
    if (args->values[NO_SYNC] != NULL)
        opts.flags |= HEXZ_BUILD_NO_SYNC;
    if (!option_choice(command, args, FORMAT, formats, &opts.source_format) ||
        !option_u32(command, args, THREADS, &opts.threads) ||
        !option_size(command, args, MEMORY_LIMIT, &opts.memory_limit))
        return EXIT_USAGE;
    int exit_status = choose_profile(command, args, &custom, &opts);
    struct passwords passwords = {.command = command->name};
    if (exit_status == EXIT_DONE)
        exit_status = choose_encryption(command, args, &passwords, &opts);
    if (exit_status != EXIT_DONE)
        return exit_status;

    opts.cancel = cancel_on_signals(command->name);
    if (opts.cancel == NULL)
        return EXIT_FAILED;
    struct meter meter;
    meter_init(&meter, args->values[QUIET] != NULL);
    opts.progress = meter_callback(&meter);
    opts.progress_data = &meter;
    hexz_status status = hexz_build(&opts);
    meter_clear(&meter);
    exit_status = end_passwords(&passwords, status);
    if (status == HEXZ_OK && args->values[JSON] != NULL)
        put_json_report(&opts, &report);
    else if (status == HEXZ_OK && args->values[QUIET] == NULL)
        put_report(opts.output, &report);
    cancel_end();
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
