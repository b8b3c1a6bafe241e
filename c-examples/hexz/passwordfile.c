/* Passwords from a file or a descriptor. */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void wipe(void *memory, size_t length)
{
    volatile unsigned char *at = memory;
    while (length-- > 0)
        *at++ = 0;
}

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
    return 0;
}

/* Editors and echo end a line so, and what is typed on a terminal has no end. */
static void strip_line_end(struct password *password)
{
    if (password->length == 0 || password->bytes[password->length - 1] != '\n')
        return;
    password->length--;
    if (password->length == 0 || password->bytes[password->length - 1] != '\r')
        return;
    password->length--;
    password->carriage_return = true;
}

/* What in a new password is a slip of whoever made the file: it could not be typed, or is not what was
 * seen in the editor. NULL: nothing. */
static const char *slip(const struct password *password)
{
    const char *bytes = password->bytes;
    size_t length = password->length;
    if ((length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) ||
        (length >= 2 && (memcmp(bytes, "\xFE\xFF", 2) == 0 || memcmp(bytes, "\xFF\xFE", 2) == 0)))
        return "begins with a byte order mark; save it as UTF-8 without one";
    if (memchr(bytes, '\0', length) != NULL)
        return "holds NUL bytes, as UTF-16 does and random bytes may; save it as UTF-8, or make text of "
               "it (base64)";
    if (memchr(bytes, '\n', length) != NULL || memchr(bytes, '\r', length) != NULL)
        return "holds more than one line; a new password is one line of text";
    return NULL;
}

static int take_password(const struct command *command, const struct arguments *args, int option,
                         int fd, bool is_new, struct password *out)
{
    const char *name = command->options[option].name, *value = args->values[option];
    if (isatty(fd))
        return usage_error(command->name,
                           "--%s '%s' is a terminal, which would show the password; without this "
                           "option it is asked for unseen",
                           name, value);
    int error = fd == STDIN_FILENO && input_closed ? EBADF : read_all(fd, out);
    if (error != 0)
        return report_error(command->name, HEXZ_ERR_IO, "--%s '%s': %s", name, value,
                            strerror(error));
    bool too_much = out->length == sizeof out->bytes;
    strip_line_end(out);
    if (out->length == 0)
        return report_error(command->name, HEXZ_ERR_INVALID_PASSWORD,
                            "--%s '%s': no password in it, which has 1 to %d bytes", name, value,
                            PASSWORD_MAX);
    if (too_much || out->length > PASSWORD_MAX)
        return report_error(command->name, HEXZ_ERR_INVALID_PASSWORD,
                            "--%s '%s': more than the %d bytes that a password may have", name,
                            value, PASSWORD_MAX);
    const char *wrong = is_new ? slip(out) : NULL;
    if (wrong != NULL)
        return report_error(command->name, HEXZ_ERR_INVALID_PASSWORD, "--%s '%s': %s", name, value,
                            wrong);
    out->given = true;
    out->carriage_return = out->carriage_return && !is_new;
    out->answers = out->carriage_return ? 2 : 1;
    return EXIT_DONE;
}

int read_password(const struct command *command, const struct arguments *args, int first,
                  bool is_new, struct password *out)
{
    int file_option = first, fd_option = first + 1, fd, exit_status;
    out->options = &command->options[first];
    if (args->values[file_option] != NULL && args->values[fd_option] != NULL)
        return usage_error(command->name, "--%s and --%s are both given", out->options[0].name,
                           out->options[1].name);
    if (is_standard(args->values[file_option])) {
        exit_status = take_password(command, args, file_option, STDIN_FILENO, is_new, out);
    } else if (args->values[file_option] != NULL) {
        fd = open(args->values[file_option], O_RDONLY | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
            return report_error(command->name, HEXZ_ERR_IO, "--%s '%s': %s", out->options[0].name,
                                args->values[file_option], strerror(errno));
        exit_status = take_password(command, args, file_option, fd, is_new, out);
        close(fd);
    } else if (args->values[fd_option] != NULL) {
        uint32_t number = 0;
        if (!option_u32(command, args, fd_option, &number))
            return EXIT_USAGE;
        fd = number <= INT32_MAX ? (int)number : -1;
        exit_status = take_password(command, args, fd_option, fd, is_new, out);
    } else {
        return EXIT_DONE;
    }
    if (exit_status != EXIT_DONE)
        wipe(out->bytes, sizeof out->bytes);
    return exit_status;
}
