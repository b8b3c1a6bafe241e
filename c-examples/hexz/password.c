/* Passwords: from a file, from a descriptor, or asked for on the controlling terminal. Never from
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

/* Through volatile, since a compiler drops what nobody reads afterwards. */
static void wipe(void *memory, size_t length)
{
    volatile unsigned char *at = memory;
    while (length-- > 0)
        *at++ = 0;
}

/* Files and descriptors ---------------------------------------------------------------------- */

/* Fills `out` from `fd`, to its end or until there is too much. Returns 0 or errno. */
static int read_all(int fd, struct password *out)
{
    out->length = 0;
    while (out->length < sizeof out->bytes) {
        ssize_t count = read(fd, out->bytes + out->length, sizeof out->bytes - out->length);
        if (count == 0)
            break;
        if (count < 0 && errno != EINTR)
            return errno;
        if (count > 0)
            out->length += (size_t)count;
    }
    /* Editors and echo end a line that way, and what is typed on a terminal has none. */
    if (out->length > 0 && out->bytes[out->length - 1] == '\n')
        out->length--;
    return 0;
}

static int take_password(const struct command *command, const struct arguments *args, int option,
                         int fd, struct password *out)
{
    const char *name = command->options[option].name, *value = args->values[option];
    if (isatty(fd))
        return usage_error(command->name,
                           "--%s '%s' is a terminal, which would show the password; without this "
                           "option it is asked for unseen",
                           name, value);
    int error = read_all(fd, out);
    if (error != 0)
        return report_error(command->name, HEXZ_ERR_IO, "--%s '%s': %s", name, value,
                            strerror(error));
    if (out->length == 0)
        return report_error(command->name, HEXZ_ERR_INVALID_PASSWORD,
                            "--%s '%s': no password in it, which has 1 to %d bytes", name, value,
                            PASSWORD_MAX);
    if (out->length > PASSWORD_MAX)
        return report_error(command->name, HEXZ_ERR_INVALID_PASSWORD,
                            "--%s '%s': more than the %d bytes that a password may have", name,
                            value, PASSWORD_MAX);
    out->given = true;
    return EXIT_DONE;
}

int read_password(const struct command *command, const struct arguments *args, int first,
                  struct password *out)
{
    int file_option = first, fd_option = first + 1, fd, exit_status;
    out->options = &command->options[first];
    if (args->values[file_option] != NULL && args->values[fd_option] != NULL)
        return usage_error(command->name, "--%s and --%s are both given", out->options[0].name,
                           out->options[1].name);
    if (args->values[file_option] != NULL) {
        fd = open(args->values[file_option], O_RDONLY | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
            return report_error(command->name, HEXZ_ERR_IO, "--%s '%s': %s", out->options[0].name,
                                args->values[file_option], strerror(errno));
        exit_status = take_password(command, args, file_option, fd, out);
        close(fd);
    } else if (args->values[fd_option] != NULL) {
        uint32_t number = 0;
        if (!option_u32(command, args, fd_option, &number))
            return EXIT_USAGE;
        fd = number <= INT32_MAX ? (int)number : -1;
        exit_status = take_password(command, args, fd_option, fd, out);
    } else {
        return EXIT_DONE;
    }
    if (exit_status != EXIT_DONE)
        wipe(out->bytes, sizeof out->bytes);
    return exit_status;
}

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
        enum answer answer = ask(terminal, "New password for", path, buf, capacity, length);
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
    if (request->attempt > 0)
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

int32_t supply_password(void *user_data, const hexz_password_request *request, char *buf,
                        size_t capacity, size_t *length)
{
    struct passwords *passwords = user_data;
    struct password *kept = request->purpose == HEXZ_PASSWORD_CREATE ? &passwords->created
                                                                     : &passwords->current;
    if (!kept->given)
        return ask_on_terminal(passwords, request, buf, capacity, length);
    /* A file has one answer, which was wiped when it was given. */
    if (kept->length == 0 || kept->length > capacity)
        return 1;
    memcpy(buf, kept->bytes, kept->length);
    *length = kept->length;
    kept->length = 0;
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

bool option_kdf(const struct command *command, const struct arguments *args, int first,
                uint32_t *memory_kib, uint32_t *passes, uint32_t *lanes)
{
    uint64_t memory = 0;
    for (int option = first; option < first + KDF_OPTION_COUNT; option++) {
        const char *value = args->values[option];
        /* Zero would be the library's word for its default. */
        if (value != NULL && value[0] != '\0' && strspn(value, "0") == strlen(value)) {
            usage_error(command->name, "--%s '%s' is no cost", command->options[option].name,
                        value);
            return false;
        }
    }
    if (!option_size(command, args, first, &memory) ||
        !option_u32(command, args, first + 1, passes) ||
        !option_u32(command, args, first + 2, lanes))
        return false;
    if (memory % 1024 != 0 || memory / 1024 > UINT32_MAX) {
        usage_error(command->name, "--%s '%s' is not a multiple of 1K below 4T",
                    command->options[first].name, args->values[first]);
        return false;
    }
    *memory_kib = (uint32_t)(memory / 1024);
    return true;
}
