/* hexz help and hexz version: all from the commands' tables. */
#include "tool.h"

#include <string.h>

void put_help(FILE *out)
{
    fputs("hexz packs a disk image and a memory dump into one snapshot file: deduplicated,\n"
          "compressed, readable at any offset.\n"
          "\n"
          "usage: hexz COMMAND [OPTION]... [OPERAND]...\n"
          "\n"
          "commands:\n",
          out);
    for (size_t i = 0; i < command_count; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n"
          "  hexz help COMMAND tells a command's options. An operand - is standard input or\n"
          "  output; a file of that name is ./-, and behind -- nothing is an option.\n"
          "\n"
          "exit status:\n"
          "  0    done\n"
          "  1    failed: a file that cannot be read or written, an output that exists,\n"
          "       a password that is missing or wrong\n"
          "  2    the command line, or a value in it, is not accepted\n"
          "  3    the file is damaged, cut short, or no snapshot\n"
          "  4    the file needs, or the options ask for, what this version cannot do\n"
          "  129, 130, 143\n"
          "       cancelled by SIGHUP, SIGINT (Ctrl-C) or SIGTERM\n"
          "  141  whoever read standard output has left\n",
          out);
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

void put_command_help(FILE *out, const struct command *command)
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

/* The tables themselves: the man page and the shells' completions are made of this. */
static void put_json_option(struct json *json, const struct option_spec *option)
{
    const char letter[2] = {option->letter, '\0'};
    json_begin(json, NULL, '{');
    json_text(json, "name", option->name);
    json_text(json, "letter", option->letter != 0 ? letter : NULL);
    json_text(json, "value", option->value);
    json_text(json, "help", option->help);
    json_end(json, '}');
}

static void put_json_help(void)
{
    static const struct option_spec help = {"help", 'h', NULL, "print this and exit", false};
    struct json json = {.out = stdout};
    json_begin(&json, NULL, '{');
    json_text(&json, "version", hexz_version_string());
    json_begin(&json, "commands", '[');
    for (size_t i = 0; i < command_count; i++) {
        json_begin(&json, NULL, '{');
        json_text(&json, "name", commands[i]->name);
        json_text(&json, "summary", commands[i]->summary);
        json_text(&json, "operands", commands[i]->operands);
        json_text(&json, "notes", commands[i]->notes);
        json_begin(&json, "options", '[');
        for (size_t k = 0; k < commands[i]->option_count; k++)
            put_json_option(&json, &commands[i]->options[k]);
        put_json_option(&json, &help);
        json_end(&json, ']');
        json_end(&json, '}');
    }
    json_end(&json, ']');
    json_end(&json, '}');
}

const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

int unknown_command(const char *name)
{
    struct suggestion suggestion = {NULL, 0};
    const char *what = name[0] == '-' ? "option" : "command";
    for (size_t i = 0; i < command_count; i++)
        suggest(&suggestion, name, commands[i]->name);
    suggest(&suggestion, name, "--help");
    suggest(&suggestion, name, "--version");
    if (suggestion.best != NULL)
        return usage_error(NULL, "unknown %s '%s', did you mean '%s'?", what, name, suggestion.best);
    return usage_error(NULL, "unknown %s '%s'", what, name);
}

enum { JSON, OPTION_COUNT };

static const struct option_spec options[OPTION_COUNT] = {
    [JSON] = {"json", 0, NULL, "print all commands and options as JSON"},
};

static int run_help(const struct command *command, const struct arguments *args)
{
    const char *name = args->operands[0];
    if (args->values[JSON] != NULL) {
        if (name != NULL)
            return usage_error(command->name, "--json tells of all commands, not of '%s'", name);
        put_json_help();
    } else if (name == NULL) {
        put_help(stdout);
    } else {
        const struct command *asked = find_command(name);
        if (asked == NULL)
            return unknown_command(name);
        put_command_help(stdout, asked);
    }
    return EXIT_DONE;
}

static int run_version(const struct command *command, const struct arguments *args)
{
    (void)command;
    (void)args;
    printf("hexz %d.%d.%d (libhexz %s)\n", HEXZ_VERSION_MAJOR, HEXZ_VERSION_MINOR,
           HEXZ_VERSION_PATCH, hexz_version_string());
    return EXIT_DONE;
}

const struct command help_command = {
    .name = "help",
    .summary = "tell the commands, or the options of one",
    .operands = "[COMMAND]",
    .operand_count = 1,
    .optional_operands = 1,
    .options = options,
    .option_count = OPTION_COUNT,
    .run = run_help,
};

const struct command version_command = {
    .name = "version",
    .summary = "tell the versions of the tool and of the library",
    .operands = "",
    .operand_count = 0,
    .run = run_version,
};
