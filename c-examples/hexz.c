/* hexz, the command line tool: everything that it does, it does through the public C API.
 *
 * Compile by hand, from the top of the project after `cargo build --release`:
 *
 *     cc -std=c99 -O2 -Iinclude c-examples/hexz.c c-examples/hexz/[a-z]*.c -Ltarget/release -lhexz \
 *        -Wl,-rpath,"$PWD/target/release" -o target/hexz
 *
 * There is one file for each command in hexz/, and beside them what commands share: tool.h lists it.
 */
#include "hexz/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

const struct command *const commands[] = {
    &build_command,   &convert_command, &flatten_command, &info_command,  &verify_command,
    &extract_command, &cat_command,     &extents_command, &diff_command,  &rekey_command,
    &profiles_command, &help_command,   &version_command,
};
const size_t command_count = sizeof commands / sizeof commands[0];

bool input_closed, output_closed;

/* With a standard descriptor closed, the next file opened would take its place, and a report would be
 * written into that. A descriptor that refuses keeps the place. */
static bool hold_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            continue;
        int held = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
        if (held < 0)
            held = open("/", O_RDONLY);
        if (held != fd)
            return false;
        if (fd == 0)
            input_closed = true;
        if (fd == 1)
            output_closed = true;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (!hold_standard_descriptors())
        return EXIT_FAILED;
    /* Writes to a pipe that nobody reads then fail with EPIPE, and finish_output ends quietly; those
     * beyond the largest file that ulimit allows fail with EFBIG, and say so. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);

    /* Help fits, so that the one write that may fail is the last, whose reason is known. */
    static char room[1 << 16];
    if (!isatty(STDOUT_FILENO))
        (void)setvbuf(stdout, room, _IOFBF, sizeof room);

    if (argc < 2) {
        put_help(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = help_command.name;
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = version_command.name;
    const struct command *command = find_command(name);
    if (command == NULL)
        return unknown_command(name);

    static struct arguments args;
    int exit_status;
    if (!parse_arguments(command, argc - 1, argv + 1, &args, &exit_status))
        return exit_status;
    words_keep(&args);
    exit_status = command->run(command, &args);
    return finish_output(command->name, exit_status);
}
