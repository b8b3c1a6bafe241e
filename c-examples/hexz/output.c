/* Standard output that carries data: a snapshot, or bytes of a stream. */
#include "tool.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* As large as the largest default block, and read in aligned steps: no block is unpacked twice. */
#define STEP ((size_t)1 << 20)
/* A pipe that poll(2) calls writable takes so much at once. */
#define PIPE_LEAST ((size_t)4096)
/* Milliseconds between two looks for a signal. */
#define GLANCE 100

int check_output(const char *command, const char *what)
{
    if (output_closed)
        return report_error(command, HEXZ_ERR_OUTPUT, "standard output is closed");
    if (isatty(STDOUT_FILENO))
        return report_error(command, HEXZ_ERR_INVALID_ARGUMENT,
                            "standard output is a terminal, and %s would garble it; redirect it, or "
                            "end with | cat to see it all the same",
                            what);
    return EXIT_DONE;
}

bool reader_left(void)
{
    struct stat status;
    struct pollfd output = {.fd = -1};
    short sign = 0;
    /* On a socket POLLERR may be about something that a write survives. */
    if (fstat(STDOUT_FILENO, &status) == 0)
        sign = S_ISFIFO(status.st_mode) ? POLLERR : S_ISSOCK(status.st_mode) ? POLLHUP : 0;
    if (sign != 0)
        output.fd = STDOUT_FILENO;
    return poll(&output, 1, 0) > 0 && (output.revents & sign) != 0;
}

/* Waits until a write has room, or a signal cancels: EINTR. */
static bool wait_for_room(void)
{
    struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
    while (cancel_signal() == 0)
        if (poll(&ready, 1, GLANCE) > 0)
            return true;
    errno = EINTR;
    return false;
}

/* As much as does not block once there is room: of a pipe its least, since its own flags are also those
 * of others who have it. */
static ssize_t write_some(mode_t type, const unsigned char *bytes, size_t length)
{
    if (S_ISSOCK(type))
        return send(STDOUT_FILENO, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (S_ISFIFO(type) && length > PIPE_LEAST)
        length = PIPE_LEAST;
    return write(STDOUT_FILENO, bytes, length);
}

static bool write_output(const unsigned char *bytes, size_t length)
{
    struct stat status;
    mode_t type = fstat(STDOUT_FILENO, &status) == 0 ? status.st_mode : 0;
    while (length > 0) {
        if ((S_ISFIFO(type) || S_ISSOCK(type)) && !wait_for_room())
            return false;
        ssize_t written = write_some(type, bytes, length);
        if (written >= 0) {
            bytes += written;
            length -= (size_t)written;
        } else if (errno == EAGAIN) {
            if (!wait_for_room())
                return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

int send_stream(const char *command, const hexz_snapshot *snapshot, uint32_t stream, uint64_t offset,
                uint64_t length)
{
    static unsigned char buffer[STEP];
    uint64_t end = offset + length;
    while (offset < end) {
        size_t step = STEP - (size_t)(offset % STEP);
        if (step > end - offset)
            step = (size_t)(end - offset);
        hexz_status status = hexz_snapshot_read(snapshot, stream, offset, buffer, step);
        if (status != HEXZ_OK)
            return report_failure(command, status);
        if (!write_output(buffer, step))
            return output_failure(command, errno);
        offset += step;
    }
    return EXIT_DONE;
}

static int32_t outlet_write(void *user_data, const void *buf, size_t len)
{
    struct outlet *outlet = user_data;
    if (write_output(buf, len))
        return 0;
    outlet->error = errno;
    return 1;
}

void outlet_begin(struct outlet *outlet, const char *command, struct meter *meter)
{
    const hexz_sink blank = HEXZ_INIT(hexz_sink);
    *outlet = (struct outlet){.sink = blank, .meter = meter, .command = command};
    outlet->sink.user_data = outlet;
    outlet->sink.write = outlet_write;
}

int32_t outlet_progress(void *user_data, const hexz_progress *progress)
{
    struct outlet *outlet = user_data;
    outlet->unwanted = reader_left();
    if (outlet->unwanted)
        return 1;
    hexz_progress_fn draw = meter_callback(outlet->meter);
    return draw != NULL ? draw(outlet->meter, progress) : 0;
}

bool outlet_failed(const struct outlet *outlet, int *exit_status)
{
    if (outlet->unwanted)
        *exit_status = output_failure(outlet->command, EPIPE);
    else if (outlet->error != 0 && cancel_signal() != 0)
        *exit_status = report_failure(outlet->command, HEXZ_ERR_CANCELLED);
    else if (outlet->error != 0)
        *exit_status = output_failure(outlet->command, outlet->error);
    return outlet->unwanted || outlet->error != 0;
}
