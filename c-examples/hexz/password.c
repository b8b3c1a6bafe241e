/* Passwords: given beforehand (passwordfile.c), or asked for on the controlling terminal. Never from
 * the command line or the environment, which other processes can read. */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

/* How often two passwords that shall be the same may differ. */
#define TRIES 3

/* The terminal ------------------------------------------------------------------------------- */

enum answer {
    ANSWERED,
    DECLINED,    /* the end of the input, Ctrl-D, in place of a password */
    DIFFERENT,   /* never the same twice */
    INTERRUPTED, /* by a signal that did not end the process */
    UNREADABLE   /* errno says why */
};

/* What would leave the terminal without echo, were it not caught. */
static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
#define SIGNAL_COUNT (sizeof signals / sizeof signals[0])
static volatile sig_atomic_t came[SIGNAL_COUNT];

static void on_signal(int number)
{
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        if (signals[i] == number)
            came[i] = 1;
}

static bool any_came(void)
{
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        if (came[i])
            return true;
    return false;
}

/* One line. What does not fit is read all the same, and makes `*length` larger than `capacity`.
 * The signals are let in while it waits, and nowhere else, so that none is missed. */
static enum answer read_line(int tty, const sigset_t *let_in, char *buf, size_t capacity,
                             size_t *length)
{
    char excess;
    *length = 0;
    for (;;) {
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(tty, &readable);
        if (pselect(tty + 1, &readable, NULL, NULL, NULL, let_in) < 0) {
            if (errno != EINTR)
                return UNREADABLE;
            if (any_came())
                return INTERRUPTED;
            continue;
        }
        char *byte = *length < capacity ? buf + *length : &excess;
        ssize_t count = read(tty, byte, 1);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return UNREADABLE;
        if (count == 0)
            return *length > 0 ? ANSWERED : DECLINED;
        if (*byte == '\n')
            return ANSWERED;
        if (*length <= capacity)
            (*length)++;
    }
}

/* Writes the question and reads the answer with echo off. */
static enum answer ask_unseen(FILE *terminal, const sigset_t *let_in, const char *question,
                              const char *path, char *buf, size_t capacity, size_t *length)
{
    int tty = fileno(terminal);
    struct termios before, unseen;
    if (tcgetattr(tty, &before) != 0)
        return UNREADABLE;
    unseen = before;
    unseen.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    /* What was typed ahead was seen, and is thrown away. */
    if (tcsetattr(tty, TCSAFLUSH, &unseen) != 0)
        return UNREADABLE;
    fputs(question, terminal);
    if (path != NULL) {
        fputs(" '", terminal);
        put_text(terminal, path);
        fputs("'", terminal);
    }
    fputs(": ", terminal);
    fflush(terminal);
    enum answer answer = read_line(tty, let_in, buf, capacity, length);
    int error = errno;

    /* In the background SIGTTOU would stop the process here, and the echo stay off. */
    sigset_t output_stop, mask;
    sigemptyset(&output_stop);
    sigaddset(&output_stop, SIGTTOU);
    sigprocmask(SIG_BLOCK, &output_stop, &mask);
    while (tcsetattr(tty, TCSANOW, &before) != 0 && errno == EINTR) {
    }
    sigprocmask(SIG_SETMASK, &mask, NULL);
    fputs("\n", terminal);
    fflush(terminal);
    errno = error;
    return answer;
}

/* The same with the signals in hand: each that comes takes effect once the echo is on again. After
 * one that stopped the process the question is asked anew. */
static enum answer ask(FILE *terminal, const char *question, const char *path, char *buf,
                       size_t capacity, size_t *length)
{
    for (;;) {
        struct sigaction action = {.sa_handler = on_signal}, kept[SIGNAL_COUNT];
        sigset_t caught, mask;
        sigemptyset(&action.sa_mask);
        sigemptyset(&caught);
        for (size_t i = 0; i < SIGNAL_COUNT; i++) {
            came[i] = 0;
            sigaddset(&caught, signals[i]);
        }
        sigprocmask(SIG_BLOCK, &caught, &mask);
        for (size_t i = 0; i < SIGNAL_COUNT; i++)
            if (sigaction(signals[i], NULL, &kept[i]) == 0 && kept[i].sa_handler != SIG_IGN)
                sigaction(signals[i], &action, NULL);

        enum answer answer = ask_unseen(terminal, &mask, question, path, buf, capacity, length);
        int error = errno;
        if (answer != ANSWERED)
            wipe(buf, capacity);

        for (size_t i = 0; i < SIGNAL_COUNT; i++)
            sigaction(signals[i], &kept[i], NULL);
        sigprocmask(SIG_SETMASK, &mask, NULL);
        bool ends = false;
        for (size_t i = 0; i < SIGNAL_COUNT; i++) {
            if (came[i] && signals[i] != SIGTSTP)
                ends = true;
            if (came[i])
                raise(signals[i]);
        }
        errno = error;
        if (answer != INTERRUPTED || ends)
            return answer;
    }
}

static enum answer ask_twice(FILE *terminal, const char *path, char *buf, size_t capacity,
                             size_t *length)
{
    char again[PASSWORD_MAX];
    size_t again_length;
    for (int i = 0; i < TRIES; i++) {
        const char *question = path != NULL ? "New password for" : "New password";
        enum answer answer = ask(terminal, question, path, buf, capacity, length);
        if (answer != ANSWERED || *length == 0 || *length > capacity)
            return answer;
        answer = ask(terminal, "The same again", NULL, again, sizeof again, &again_length);
        bool same = answer == ANSWERED && again_length == *length &&
                    *length <= sizeof again && memcmp(again, buf, *length) == 0;
        wipe(again, sizeof again);
        if (answer != ANSWERED || same)
            return answer;
        fputs("The two differ.\n", terminal);
    }
    return DIFFERENT;
}

/* What the library is told when asking failed, after the user was. */
static int32_t give_up(struct passwords *passwords, int exit_status)
{
    passwords->exit_status = exit_status;
    return -1;
}

static int32_t ask_on_terminal(struct passwords *passwords, const hexz_password_request *request,
                               char *buf, size_t capacity, size_t *length)
{
    const char *command = passwords->command;
    bool create = request->purpose == HEXZ_PASSWORD_CREATE;
    const struct option_spec *options =
        create ? passwords->created.options : passwords->current.options;
    int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    FILE *terminal = tty >= 0 && tty < FD_SETSIZE ? fdopen(tty, "w") : NULL;
    if (terminal == NULL) {
        if (tty >= 0)
            close(tty);
        return give_up(passwords,
                       report_error(command, HEXZ_ERR_PASSWORD_REQUIRED,
                                    "'%s' needs a password, and there is no terminal to ask for it "
                                    "on; give it with --%s or --%s",
                                    request->path != NULL ? request->path : "the snapshot",
                                    options[0].name, options[1].name));
    }
    /* What was tried unasked is no mistake of the user's. */
    if (request->attempt > passwords->unasked)
        fputs("Wrong password, try again.\n", terminal);
    enum answer answer =
        create ? ask_twice(terminal, request->path, buf, capacity, length)
               : ask(terminal, passwords->question, request->path, buf, capacity, length);
    int error = errno;
    fclose(terminal);
    switch (answer) {
    case ANSWERED:
        if (*length > 0 && *length <= capacity)
            return 0;
        return give_up(passwords, report_error(command, HEXZ_ERR_INVALID_PASSWORD,
                                               "a password has 1 to %d bytes, and this one has %s",
                                               PASSWORD_MAX, *length == 0 ? "none" : "more"));
    case DECLINED:
        if (request->attempt > 0)
            return 1;
        return give_up(passwords, report_error(command, HEXZ_ERR_PASSWORD_REQUIRED,
                                               "a password is needed, and none was typed"));
    case DIFFERENT:
        return give_up(passwords, report_error(command, HEXZ_ERR_PASSWORD_REQUIRED,
                                               "the two passwords differed %d times", TRIES));
    case INTERRUPTED:
        return give_up(passwords, report_error(command, HEXZ_ERR_CANCELLED,
                                               "interrupted while it asked for a password"));
    case UNREADABLE:
        break;
    }
    return give_up(passwords, report_error(command, HEXZ_ERR_PASSWORD_REQUIRED,
                                           "a password cannot be asked for on the terminal: %s",
                                           strerror(error)));
}

/* For the library ---------------------------------------------------------------------------- */

/* What is typed for one of several files is tried on the next: a chain mostly has one password. */
static int32_t ask_for_one_of_several(struct passwords *passwords, const hexz_password_request *request,
                                      char *buf, size_t capacity, size_t *length)
{
    struct password *kept = &passwords->current;
    if (request->attempt == 0)
        passwords->unasked = kept->guessed ? 1 : 0;
    if (request->attempt < passwords->unasked) {
        memcpy(buf, kept->bytes, kept->length);
        *length = kept->length;
        return 0;
    }
    int32_t answer = ask_on_terminal(passwords, request, buf, capacity, length);
    if (answer == 0) {
        memcpy(kept->bytes, buf, *length);
        kept->length = *length;
        kept->guessed = true;
    }
    return answer;
}

int32_t supply_password(void *user_data, const hexz_password_request *request, char *buf,
                        size_t capacity, size_t *length)
{
    struct passwords *passwords = user_data;
    bool create = request->purpose == HEXZ_PASSWORD_CREATE;
    struct password *kept = create ? &passwords->created : &passwords->current;
    bool several = passwords->several && !create;
    if (!kept->given && several)
        return ask_for_one_of_several(passwords, request, buf, capacity, length);
    if (!kept->given)
        return ask_on_terminal(passwords, request, buf, capacity, length);
    if (several && request->attempt == 0)
        kept->answers = kept->carriage_return ? 2 : 1;
    /* A file has one answer, which is wiped when it is given; but it has two where a CR LF stood behind
     * it: the CR was part of the password for whoever stripped the LF alone. */
    size_t given = kept->length + (kept->answers == 1 && kept->carriage_return ? 1 : 0);
    if (kept->answers == 0 || given > capacity)
        return 1;
    memcpy(buf, kept->bytes, given);
    *length = given;
    if (--kept->answers == 0 && !several)
        wipe(kept->bytes, sizeof kept->bytes);
    return 0;
}

int end_passwords(struct passwords *passwords, hexz_status status)
{
    wipe(passwords->current.bytes, sizeof passwords->current.bytes);
    wipe(passwords->created.bytes, sizeof passwords->created.bytes);
    if (status == HEXZ_OK)
        return EXIT_DONE;
    if (passwords->exit_status != EXIT_DONE)
        return passwords->exit_status;
    return report_failure(passwords->command, status);
}
