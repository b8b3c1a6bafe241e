/* The command line: one table for each command, and what is wrong with what was typed. */
#include "tool.h"

#include <getopt.h>
#include <stdarg.h>
#include <string.h>

/* getopt_long's values for options: past every character, so that short forms cannot collide. */
#define LONG_BASE 256
#define HELP_VALUE (LONG_BASE + MAX_OPTIONS)
#define LONGEST_NAME 64

int usage_error(const char *command, const char *format, ...)
{
    char text[TEXT_MAX];
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

bool is_standard(const char *operand)
{
    return operand != NULL && strcmp(operand, "-") == 0;
}

/* An option that begins with two dashes; `typed` stands behind them. */
static int unknown_name(const struct command *command, const char *typed)
{
    char name[LONGEST_NAME], meant[3 * LONGEST_NAME] = "";
    size_t length = strcspn(typed, "="), begun = 0;
    struct suggestion suggestion = {NULL, 0};
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name), typed);
    for (size_t i = 0; i < command->option_count; i++) {
        const char *known = command->options[i].name;
        suggest(&suggestion, name, known);
        if (length == 0 || length >= sizeof name || strncmp(known, name, length) != 0)
            continue;
        size_t used = strlen(meant);
        snprintf(meant + used, sizeof meant - used, "%s--%s", begun++ > 0 ? ", " : "", known);
    }
    suggest(&suggestion, name, "help");
    if (begun > 1)
        return usage_error(command->name, "option '--%s' is short for more than one: %s", name, meant);
    if (suggestion.best != NULL)
        return usage_error(command->name, "unknown option '--%s', did you mean '--%s'?", name,
                           suggestion.best);
    return usage_error(command->name, "unknown option '--%s'", typed);
}

/* What getopt_long calls '?' and ':' in words; it leaves the argument it tripped over in argv. */
static int option_error(const struct command *command, int result, int argc, char **argv)
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
    if (optopt == 0)
        return unknown_name(command, argv[optind - 1] + 2);
    /* A letter: getopt_long goes on to the next argument only behind the last one. */
    for (int at = optind - 1; at <= optind && at < argc; at++)
        for (size_t i = 0; i < command->option_count; i++)
            if (argv[at][0] == '-' && strcmp(argv[at] + 1, command->options[i].name) == 0)
                return usage_error(command->name, "unknown option '%s', did you mean '--%s'?",
                                   argv[at], command->options[i].name);
    return usage_error(command->name, "unknown option '-%c'", optopt);
}

static int operand_error(const struct command *command, int given, char **operands)
{
    if (command->operand_count == 0)
        return usage_error(command->name, "takes no operand such as '%s'", operands[0]);
    if (given > command->operand_count)
        return usage_error(command->name, "wants %s, was given %d operands, '%s' too many",
                           command->operands, given, operands[command->operand_count]);
    return usage_error(command->name, "wants %s, was given %d operand%s", command->operands, given,
                       given == 1 ? "" : "s");
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
            *exit_status = option_error(command, result, argc, argv);
            return false;
        }
        if (result == HELP_VALUE || result == 'h') {
            put_command_help(stdout, command);
            *exit_status = finish_output(command->name, EXIT_DONE);
            return false;
        }
        for (size_t i = 0; i < command->option_count; i++) {
            if (result != LONG_BASE + (int)i && result != command->options[i].letter)
                continue;
            args->values[i] = optarg != NULL ? optarg : "";
            if (!command->options[i].repeats)
                continue;
            if (args->repeated_count == MAX_REPEATED) {
                *exit_status = usage_error(command->name, "more than %d times --%s and its like",
                                           MAX_REPEATED, command->options[i].name);
                return false;
            }
            args->repeated[args->repeated_count].option = (int)i;
            args->repeated[args->repeated_count++].value = args->values[i];
        }
    }
    int given = argc - optind;
    if (given > command->operand_count || given < command->operand_count - command->optional_operands) {
        *exit_status = operand_error(command, given, argv + optind);
        return false;
    }
    for (int i = 0; i < given; i++)
        args->operands[i] = argv[optind + i];
    return true;
}
