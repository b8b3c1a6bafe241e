/* How a run ends: the line on standard error, and the exit status. */
#include "tool.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

static int exit_status_of(hexz_status status)
{
    switch (status) {
    case HEXZ_OK:
        return EXIT_DONE;
    case HEXZ_ERR_INVALID_ARGUMENT:
    case HEXZ_ERR_UNKNOWN_PROFILE:
        return EXIT_USAGE;
    case HEXZ_ERR_CORRUPT:
    case HEXZ_ERR_NOT_SNAPSHOT:
        return EXIT_DAMAGED;
    case HEXZ_ERR_UNSUPPORTED:
        return EXIT_UNSUPPORTED;
    case HEXZ_ERR_CANCELLED:
        return cancel_signal() != 0 ? EXIT_SIGNAL + cancel_signal() : EXIT_FAILED;
    default:
        return EXIT_FAILED;
    }
}

static int report_text(const char *command, hexz_status status, const char *text)
{
    fprintf(stderr, "hexz: %s: ", command);
    put_text(stderr, text);
    fputc('\n', stderr);
    return exit_status_of(status);
}

static const char *signal_name(int number)
{
    return number == SIGTERM ? " by SIGTERM" : number == SIGHUP ? " by SIGHUP" : "";
}

int report_failure(const char *command, hexz_status status)
{
    fprintf(stderr, "hexz: %s: ", command);
    if (status == HEXZ_ERR_CANCELLED && cancel_signal() != 0)
        fprintf(stderr, "interrupted%s", signal_name(cancel_signal()));
    else
        put_words(stderr, hexz_last_error());
    fputc('\n', stderr);
    return exit_status_of(status);
}

int report_error(const char *command, hexz_status status, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return report_text(command, status, text);
}

int output_failure(const char *command, int error)
{
    if (error == EPIPE)
        return EXIT_SIGNAL + SIGPIPE;
    fprintf(stderr, "hexz: %s: standard output: %s\n", command,
            error != 0 ? strerror(error) : "what was written is not complete");
    return EXIT_FAILED;
}

int finish_output(const char *command, int exit_status)
{
    /* An earlier write may have failed, with its errno long gone; then the flush has nothing to
     * say of its own. */
    errno = 0;
    bool lost = fflush(stdout) != 0 || ferror(stdout);
    if (!lost)
        return exit_status;
    int lost_status = output_failure(command, errno);
    return exit_status != EXIT_DONE ? exit_status : lost_status;
}
