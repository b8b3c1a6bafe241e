/* hexz rekey: the passwords of an encrypted snapshot, without a change to its data. */
#include "tool.h"

#include <string.h>

enum {
    CURRENT,
    CREATED = CURRENT + PASSWORD_OPTION_COUNT,
    KDF = CREATED + PASSWORD_OPTION_COUNT,
    KDF_MAX = KDF + KDF_OPTION_COUNT,
    QUIET,
    OPTION_COUNT
};

static const struct option_spec options[OPTION_COUNT] = {
    PASSWORD_OPTIONS(CURRENT),
    [CREATED] = {"new-password-file", 0, "PATH", "the new password, in the same way"},
    [CREATED + 1] = {"new-password-fd", 0, "N", "the same from file descriptor N, to its end"},
    KDF_OPTIONS(KDF),
    KDF_MAX_OPTION(KDF_MAX),
    [QUIET] = {"quiet", 'q', NULL, "nothing said when all is well"},
};

static const char notes[] =
    "add      a password beside those there are, of which one is needed; at most eight\n"
    "replace  the password that is given by a new one\n"
    "remove   the password that is given, unless it is the last\n"
    "\n"
    "Killed at any moment, the old or the new password opens FILE. Whoever knew a password\n"
    "and kept a copy of FILE can still open that copy, and with its key this FILE too: after\n"
    "a leak only a new build helps.\n"
    "\n"
    "A password that no option gives is asked for on the terminal.\n" PASSWORD_BYTES
    "--kdf-memory, --kdf-passes and --kdf-lanes say what each try of the new password costs\n"
    "(Argon2id), also whoever guesses.\n";

static const struct operation {
    const char *name;
    uint32_t value;
    const char *question;
    const char *done;
} operations[] = {
    {"add", HEXZ_REKEY_ADD, "Current password for", "a password was added"},
    {"replace", HEXZ_REKEY_REPLACE, "Password to replace for", "the password was replaced"},
    {"remove", HEXZ_REKEY_REMOVE, "Password to remove from", "the password was removed"},
};
#define OPERATION_COUNT (sizeof operations / sizeof operations[0])

static int run(const struct command *command, const struct arguments *args)
{
    hexz_rekey_opts opts = HEXZ_INIT(hexz_rekey_opts);
    struct passwords passwords = {.command = command->name};
    const struct operation *operation = NULL;
    static const int uses[] = {CURRENT, CURRENT + 1, CREATED, CREATED + 1};
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (strcmp(operations[i].name, args->operands[1]) == 0)
            operation = &operations[i];
    if (operation == NULL)
        return usage_error(command->name, "'%s' is not add, replace or remove", args->operands[1]);
    for (int option = CREATED; option < KDF_MAX; option++)
        if (operation->value == HEXZ_REKEY_REMOVE && args->values[option] != NULL)
            return usage_error(command->name, "--%s means nothing to remove",
                               command->options[option].name);
    if (is_standard(args->operands[0]))
        return usage_error(command->name, "FILE is changed where it is, and cannot be standard input");
    if (!option_kdf(command, args, KDF, &opts.kdf_memory_kib, &opts.kdf_passes, &opts.kdf_lanes) ||
        !option_kdf_memory(command, args, KDF_MAX, &opts.kdf_memory_max_kib))
        return EXIT_USAGE;
    int exit_status = check_input_uses(command, args, -1, uses, sizeof uses / sizeof uses[0]);
    if (exit_status == EXIT_DONE)
        exit_status = read_password(command, args, CURRENT, false, &passwords.current);
    if (exit_status == EXIT_DONE)
        exit_status = read_password(command, args, CREATED, true, &passwords.created);
    if (exit_status == EXIT_DONE && (opts.cancel = cancel_on_signals(command->name)) == NULL)
        exit_status = EXIT_FAILED;
    if (exit_status != EXIT_DONE) {
        end_passwords(&passwords, HEXZ_OK);
        return exit_status;
    }

    opts.path = args->operands[0];
    opts.operation = operation->value;
    opts.password = supply_password;
    opts.password_data = &passwords;
    passwords.question = operation->question;
    hexz_status status = hexz_snapshot_rekey(&opts);
    exit_status = end_passwords(&passwords, status);
    cancel_end();
    if (status == HEXZ_OK && args->values[QUIET] == NULL && !output_closed) {
        put_text(stdout, opts.path);
        printf(": %s\n", operation->done);
    }
    return exit_status;
}

const struct command rekey_command = {
    .name = "rekey",
    .summary = "add, replace or remove a password of an encrypted snapshot",
    .operands = "FILE add|replace|remove",
    .operand_count = 2,
    .notes = notes,
    .options = options,
    .option_count = OPTION_COUNT,
    .run = run,
};
