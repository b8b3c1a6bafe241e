/* Signals that end the work: the library stops, cleans up and returns, and the tool says which. */
#include "tool.h"

#include <errno.h>
#include <signal.h>

static const int signals[] = {SIGHUP, SIGINT, SIGTERM};
#define SIGNAL_COUNT (sizeof signals / sizeof signals[0])

/* Set before the handler is installed and freed after it is taken away. */
static hexz_cancel *handle;
static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    int kept = errno;
    caught = number;
    hexz_cancel_trigger(handle);
    errno = kept;
}

const hexz_cancel *cancel_on_signals(const char *command)
{
    hexz_status status = hexz_cancel_new(&handle);
    if (status != HEXZ_OK) {
        report_failure(command, status);
        return NULL;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    /* A second signal has its usual effect: nobody shall be held up by a disk that hangs. */
    action.sa_flags = SA_RESETHAND | SA_RESTART;
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        struct sigaction before;
        /* nohup, and a shell that puts a job in the background, ignore signals on purpose. */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
    return handle;
}

void cancel_end(void)
{
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        struct sigaction now;
        if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler == on_signal) {
            now.sa_handler = SIG_DFL;
            sigaction(signals[i], &now, NULL);
        }
    }
    hexz_cancel_free(handle);
    handle = NULL;
}

int cancel_signal(void)
{
    return caught;
}
