/* hexz, the command line tool: everything that it does, it does through the public C API.
 *
 * Compile by hand, from the top of the project after `cargo build --release`:
 *
 *     cc -std=c99 -O2 -Iinclude c-examples/hexz.c c-examples/hexz/[a-z]*.c -Ltarget/release -lhexz \
 *        -Wl,-rpath,"$PWD/target/release" -o target/hexz
 *
 * There is one file for each command in hexz/, and beside them what commands share: args.c, text.c,
 * json.c, meter.c, cancel.c, report.c, snapshot.c, password.c. */
#include "hexz/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const struct command *const commands[] = {
    &build_command, &info_command,    &verify_command,   &extract_command,
    &cat_command,   &extents_command, &rekey_command,    &profiles_command,
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void put_help(FILE *out)
{
    fputs("hexz packs a disk image and a memory dump into one snapshot file: deduplicated,\n"
          "compressed, readable at any offset.\n"
          "\n"
          "usage: hexz COMMAND [OPTION]... [OPERAND]...\n"
          "\n"
          "commands:\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n"
          "  hexz COMMAND --help tells a command's options, hexz --version the versions.\n"
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

/* With standard output closed, the next file opened would take its place, and a report would be
 * written into that. A descriptor that refuses keeps the place, so that the loss is noticed. */
static bool hold_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

int main(int argc, char **argv)
{
    if (!hold_standard_descriptors())
        return EXIT_FAILED;
    /* Writes to a pipe that nobody reads then fail with EPIPE, and finish_output ends quietly. */
    signal(SIGPIPE, SIG_IGN);

    if (argc < 2) {
        put_help(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        put_help(stdout);
        return finish_output("help", EXIT_DONE);
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("hexz %d.%d.%d (libhexz %s)\n", HEXZ_VERSION_MAJOR, HEXZ_VERSION_MINOR,
               HEXZ_VERSION_PATCH, hexz_version_string());
        return finish_output("version", EXIT_DONE);
    }
    const struct command *command = find_command(name);
    if (command == NULL)
        return usage_error(NULL, name[0] == '-' ? "unknown option '%s'" : "unknown command '%s'",
                           name);

    struct arguments args;
    int exit_status;
    if (!parse_arguments(command, argc - 1, argv + 1, &args, &exit_status))
        return exit_status;
    exit_status = command->run(command, &args);
    return finish_output(command->name, exit_status);
}
