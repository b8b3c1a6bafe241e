/* Standard input as a file that can be read at any place. A pipe is copied into an unnamed one first. */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP ((size_t)1 << 20)
#define PAGE ((size_t)4096)
/* Milliseconds between two looks for a signal, or for who reads standard output. */
#define GLANCE 100

/* By the descriptor the library opens it anew. */
static char path_of_copy[40];
static const char path_of_input[] = "/proc/self/fd/0";

/* Waits until there is something to read. False: EPIPE if the reader of standard output leaves, which is
 * looked at if `for_output`, or EINTR if a signal cancels. */
static bool wait_for_input(bool for_output)
{
    struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
    while (cancel_signal() == 0) {
        if (for_output && reader_left()) {
            errno = EPIPE;
            return false;
        }
        if (poll(&ready, 1, GLANCE) > 0)
            return true;
    }
    errno = EINTR;
    return false;
}

/* Fills `buffer` unless the end comes before that. Returns what is in it, or -1, also for the reasons of
 * wait_for_input. */
static ssize_t read_full(unsigned char *buffer, size_t capacity, bool for_output)
{
    size_t length = 0;
    while (length < capacity) {
        if (!wait_for_input(for_output))
            return -1;
        ssize_t count = read(STDIN_FILENO, buffer + length, capacity - length);
        if (count == 0)
            break;
        if (count > 0) {
            length += (size_t)count;
        } else if (errno != EINTR && errno != EAGAIN) {
            return -1;
        }
    }
    return (ssize_t)length;
}

static bool is_zero(const unsigned char *bytes, size_t length)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

static bool write_at(int fd, const unsigned char *bytes, size_t length, off_t at)
{
    while (length > 0) {
        ssize_t written = pwrite(fd, bytes, length, at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        length -= (size_t)written;
        at += written;
    }
    return true;
}

/* Pages of zeros become holes. */
static bool write_sparse(int fd, const unsigned char *bytes, size_t length, off_t at)
{
    size_t begin = 0;
    while (begin < length) {
        size_t end = begin;
        bool zero = false;
        for (; end < length && !zero; end += zero ? 0 : PAGE)
            zero = is_zero(bytes + end, length - end < PAGE ? length - end : PAGE);
        end = end < length ? end : length;
        if (!write_at(fd, bytes + begin, end - begin, at + (off_t)begin))
            return false;
        begin = zero ? end + PAGE : end;
    }
    return true;
}

/* Returns 0, or prints what failed. */
static int copy_input(const char *command, int fd, bool for_output, struct meter *meter)
{
    unsigned char *buffer = malloc(STEP);
    if (buffer == NULL)
        return report_error(command, HEXZ_ERR_NO_MEMORY, "out of memory");
    off_t size = 0;
    int exit_status = EXIT_DONE;
    for (;;) {
        ssize_t length = read_full(buffer, STEP, for_output);
        int error = errno;
        meter_draw(meter, PHASE_READ, (uint64_t)size, 0);
        if (length <= 0) {
            meter_clear(meter);
            if (length < 0 && error == EPIPE)
                exit_status = output_failure(command, error);
            else if (length < 0)
                exit_status = report_error(command, HEXZ_ERR_SOURCE, "standard input: %s",
                                           strerror(error));
            break;
        }
        if (!write_sparse(fd, buffer, (size_t)length, size) ||
            ftruncate(fd, size + (off_t)length) != 0) {
            error = errno;
            meter_clear(meter);
            exit_status = report_error(command, HEXZ_ERR_OUTPUT,
                                       "the copy of standard input, which must be read in any order: "
                                       "%s; TMPDIR can name another folder for it",
                                       strerror(error));
            break;
        }
        size += (off_t)length;
    }
    free(buffer);
    return exit_status;
}

/* Can the library read it where it is? Only from its beginning, as redirected files are. */
static bool is_usable(const struct stat *status)
{
    int flags = fcntl(STDIN_FILENO, F_GETFL);
    if (!S_ISREG(status->st_mode) && !S_ISBLK(status->st_mode))
        return false;
    /* Opened anew, what is open for writing alone would be read. */
    if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY)
        return false;
    if (lseek(STDIN_FILENO, 0, SEEK_CUR) != 0)
        return false;
    int fd = open(path_of_input, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* What cannot be read at all. */
static int check_input(const char *command)
{
    if (input_closed)
        return report_error(command, HEXZ_ERR_SOURCE, "standard input is closed");
    if (isatty(STDIN_FILENO))
        return report_error(command, HEXZ_ERR_INVALID_ARGUMENT,
                            "standard input is a terminal; pipe or redirect a file into it");
    return EXIT_DONE;
}

int open_input(const char *command, const char *output, struct meter *meter, const char **path)
{
    struct stat status;
    int exit_status = check_input(command);
    if (exit_status != EXIT_DONE)
        return exit_status;
    if (fstat(STDIN_FILENO, &status) == 0 && is_usable(&status)) {
        *path = path_of_input;
        words_alias(*path, "standard input");
        return EXIT_DONE;
    }
    bool for_output = output != NULL && is_standard(output);
    char *folder = output != NULL && !for_output ? folder_of(output) : NULL;
    int fd = spool_file(command, "standard input, which must be read in any order,", folder);
    free(folder);
    if (fd < 0)
        return EXIT_FAILED;
    snprintf(path_of_copy, sizeof path_of_copy, "/proc/self/fd/%d", fd);
    *path = path_of_copy;
    words_alias(*path, "standard input");
    return copy_input(command, fd, for_output, meter);
}

/* Prints why it cannot go on, and returns what the library is told. */
static int32_t inlet_stops(struct inlet *inlet, int exit_status)
{
    inlet->exit_status = exit_status;
    return 1;
}

/* Why there is no more to read. */
static int32_t inlet_failed(struct inlet *inlet)
{
    if (cancel_signal() != 0)
        return inlet_stops(inlet, report_failure(inlet->command, HEXZ_ERR_CANCELLED));
    if (errno == EPIPE)
        return inlet_stops(inlet, output_failure(inlet->command, errno));
    return inlet_stops(inlet, report_error(inlet->command, HEXZ_ERR_SOURCE, "standard input: %s",
                                           strerror(errno)));
}

/* Behind the last byte there is none. */
static int32_t inlet_ends(struct inlet *inlet)
{
    unsigned char more;
    ssize_t got = read_full(&more, 1, inlet->for_output);
    if (got <= 0)
        return got == 0 ? 0 : inlet_failed(inlet);
    return inlet_stops(inlet, report_error(inlet->command, HEXZ_ERR_SOURCE,
                                           "standard input goes on behind --input-size"));
}

static int32_t inlet_read(void *user_data, uint64_t offset, void *buf, size_t len)
{
    struct inlet *inlet = user_data;
    /* The library asks front to back where no dictionary is trained. */
    if (offset != inlet->at)
        return inlet_stops(inlet, report_error(inlet->command, HEXZ_ERR_INTERNAL,
                                               "standard input is asked for out of order"));
    ssize_t got = read_full(buf, len, inlet->for_output);
    if (got < 0)
        return inlet_failed(inlet);
    inlet->at += (uint64_t)got;
    if (got < (ssize_t)len)
        return inlet_stops(inlet, report_error(inlet->command, HEXZ_ERR_SOURCE,
                                               "standard input ends after %" PRIu64
                                               " bytes, before --input-size", inlet->at));
    return inlet->at < inlet->source.size ? 0 : inlet_ends(inlet);
}

int inlet_begin(struct inlet *inlet, const char *command, uint64_t size, bool for_output)
{
    const hexz_source blank = HEXZ_INIT(hexz_source);
    *inlet = (struct inlet){.source = blank, .command = command, .for_output = for_output};
    inlet->source.user_data = inlet;
    inlet->source.size = size;
    inlet->source.read_at = inlet_read;
    int exit_status = check_input(command);
    /* Of no bytes none is asked for. */
    if (exit_status == EXIT_DONE && size == 0 && inlet_ends(inlet) != 0)
        exit_status = inlet->exit_status;
    return exit_status;
}

int check_input_uses(const struct command *command, const struct arguments *args, int operand,
                     const int options[], size_t count)
{
    int uses = operand >= 0 && is_standard(args->operands[operand]);
    for (size_t i = 0; i < count; i++) {
        const char *value = args->values[options[i]];
        bool descriptor = strcmp(command->options[options[i]].value, "N") == 0;
        /* "0" as read_digits takes it. */
        if (value != NULL && (descriptor ? value[0] != '\0' && strspn(value, "0") == strlen(value)
                                         : is_standard(value)))
            uses++;
    }
    if (uses > 1)
        return usage_error(command->name, "standard input is asked for %d times, and can be read once",
                           uses);
    return EXIT_DONE;
}
