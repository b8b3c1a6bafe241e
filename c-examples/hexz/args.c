/* The command line: one table for each command gives both its parser and its help. */
#include "tool.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* getopt_long's values for options: past every character, so that short forms cannot collide. */
#define LONG_BASE 256
#define HELP_VALUE (LONG_BASE + MAX_OPTIONS)

int usage_error(const char *command, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fputs("hexz: ", stderr);
    if (command != NULL)
        fprintf(stderr, "%s: ", command);
    put_text(stderr, text);
    fprintf(stderr, " (see hexz %s%s--help)\n", command != NULL ? command : "",
            command != NULL ? " " : "");
    return EXIT_USAGE;
}

static void put_option(FILE *out, char letter, const char *name, const char *value,
                       const char *help)
{
    char left[64];
    char letter_text[8] = "    ";
    if (letter != 0)
        snprintf(letter_text, sizeof letter_text, "-%c, ", letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter_text, name, value != NULL ? " " : "",
             value != NULL ? value : "");
    if (strlen(left) <= 26)
        fprintf(out, "  %-26s ", left);
    else
        fprintf(out, "  %s\n%29s", left, "");
    for (; *help != '\0'; help++) {
        fputc(*help, out);
        if (*help == '\n')
            fprintf(out, "%29s", "");
    }
    fputc('\n', out);
}

static void put_command_help(FILE *out, const struct command *command)
{
    fprintf(out, "usage: hexz %s [OPTION]...%s%s\n\n%s\n\noptions:\n", command->name,
            command->operand_count > 0 ? " " : "", command->operands, command->summary);
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option_spec *option = &command->options[i];
        put_option(out, option->letter, option->name, option->value, option->help);
    }
    put_option(out, 'h', "help", NULL, "print this and exit");
    if (command->notes != NULL)
        fprintf(out, "\n%s", command->notes);
}

/* What getopt_long calls '?' and ':' in words; it leaves the argument it tripped over in argv. */
static int option_error(const struct command *command, int result, char **argv)
{
    const struct option_spec *known = NULL;
    for (size_t i = 0; i < command->option_count; i++)
        if (optopt == LONG_BASE + (int)i ||
            (command->options[i].letter != 0 && optopt == command->options[i].letter))
            known = &command->options[i];
    if (result == ':' && known != NULL)
        return usage_error(command->name, "option '--%s' needs a value, %s", known->name,
                           known->value);
    if (known != NULL || optopt == HELP_VALUE)
        return usage_error(command->name, "option '%s' takes no value", argv[optind - 1]);
    if (optopt != 0)
        return usage_error(command->name, "unknown option '-%c'", optopt);
    return usage_error(command->name, "unknown or ambiguous option '%s'", argv[optind - 1]);
}

bool parse_arguments(const struct command *command, int argc, char **argv, struct arguments *args,
                     int *exit_status)
{
    struct option table[MAX_OPTIONS + 2];
    char letters[2 * MAX_OPTIONS + 3] = ":h";
    size_t letter_count = 2;
    memset(table, 0, sizeof table);
    memset(args, 0, sizeof *args);
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option_spec *option = &command->options[i];
        table[i].name = option->name;
        table[i].has_arg = option->value != NULL ? required_argument : no_argument;
        table[i].val = LONG_BASE + (int)i;
        if (option->letter != 0) {
            letters[letter_count++] = option->letter;
            if (option->value != NULL)
                letters[letter_count++] = ':';
        }
    }
    table[command->option_count].name = "help";
    table[command->option_count].val = HELP_VALUE;

    int result;
    opterr = 0;
    while ((result = getopt_long(argc, argv, letters, table, NULL)) != -1) {
        if (result == '?' || result == ':') {
            *exit_status = option_error(command, result, argv);
            return false;
        }
        if (result == HELP_VALUE || result == 'h') {
            put_command_help(stdout, command);
            *exit_status = finish_output(command->name, EXIT_DONE);
            return false;
        }
        for (size_t i = 0; i < command->option_count; i++)
            if (result == LONG_BASE + (int)i || result == command->options[i].letter)
                args->values[i] = optarg != NULL ? optarg : "";
    }
    if (argc - optind != command->operand_count) {
        *exit_status = usage_error(command->name, "wants %s, was given %d operand%s",
                                   command->operand_count > 0 ? command->operands : "none",
                                   argc - optind, argc - optind == 1 ? "" : "s");
        return false;
    }
    for (int i = 0; i < command->operand_count; i++)
        args->operands[i] = argv[optind + i];
    return true;
}

/* Digits alone, unlike strtoull, which takes blanks, signs and what does not fit. `rest` is set
 * behind them. */
static bool read_digits(const char *text, uint64_t *out, const char **rest)
{
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    *rest = at;
    return at != text;
}

static bool read_size(const char *text, uint64_t *out)
{
    static const char suffixes[] = "KMGT";
    const char *rest;
    if (!read_digits(text, out, &rest))
        return false;
    if (*rest == '\0')
        return true;
    char upper = *rest >= 'a' && *rest <= 'z' ? (char)(*rest - 'a' + 'A') : *rest;
    const char *suffix = strchr(suffixes, upper);
    if (suffix == NULL || rest[1] != '\0')
        return false;
    unsigned shift = 10 * (unsigned)(suffix - suffixes + 1);
    if (*out > UINT64_MAX >> shift)
        return false;
    *out <<= shift;
    return true;
}

static bool refuse_value(const struct command *command, const struct arguments *args, int option,
                         const char *wanted)
{
    usage_error(command->name, "--%s '%s' is not %s", command->options[option].name,
                args->values[option], wanted);
    return false;
}

bool option_size(const struct command *command, const struct arguments *args, int option,
                 uint64_t *out)
{
    if (args->values[option] == NULL)
        return true;
    uint64_t value;
    if (!read_size(args->values[option], &value))
        return refuse_value(command, args, option, "a size: digits, then K, M, G, T or nothing");
    *out = value;
    return true;
}

bool option_size32(const struct command *command, const struct arguments *args, int option,
                   uint32_t *out)
{
    uint64_t value = *out;
    if (!option_size(command, args, option, &value))
        return false;
    if (value > UINT32_MAX)
        return refuse_value(command, args, option, "less than 4G");
    *out = (uint32_t)value;
    return true;
}

bool option_u32(const struct command *command, const struct arguments *args, int option,
                uint32_t *out)
{
    if (args->values[option] == NULL)
        return true;
    uint64_t value;
    const char *rest;
    if (!read_digits(args->values[option], &value, &rest) || *rest != '\0' || value > UINT32_MAX)
        return refuse_value(command, args, option, "a count");
    *out = (uint32_t)value;
    return true;
}

bool option_int32(const struct command *command, const struct arguments *args, int option,
                  int32_t *out)
{
    const char *text = args->values[option];
    if (text == NULL)
        return true;
    bool negative = *text == '-';
    uint64_t value;
    const char *rest;
    if (!read_digits(text + negative, &value, &rest) || *rest != '\0' || value > INT32_MAX)
        return refuse_value(command, args, option, "a whole number");
    *out = negative ? -(int32_t)value : (int32_t)value;
    return true;
}
