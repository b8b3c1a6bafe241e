/* Standard output that carries data: a snapshot, or bytes of a stream. */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As large as the largest default block, and read in aligned steps: no block is unpacked twice. */
#define STEP ((size_t)1 << 20)
static unsigned char buffer[STEP];

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

bool reader_left(int input)
{
    struct stat status;
    struct pollfd both[2] = {{.fd = -1}, {.fd = input, .events = POLLIN}};
    short sign = 0;
    /* On a socket POLLERR may be about something that a write survives. */
    if (fstat(STDOUT_FILENO, &status) == 0)
        sign = S_ISFIFO(status.st_mode) ? POLLERR : S_ISSOCK(status.st_mode) ? POLLHUP : 0;
    if (sign != 0)
        both[0].fd = STDOUT_FILENO;
    return poll(both, 2, input >= 0 ? -1 : 0) > 0 && (both[0].revents & sign) != 0;
}

static bool write_output(const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, length);
        if (written >= 0) {
            bytes += written;
            length -= (size_t)written;
        } else if (errno == EAGAIN) {
            struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
            poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

int send_stream(const char *command, const hexz_snapshot *snapshot, uint32_t stream, uint64_t offset,
                uint64_t length, struct meter *meter)
{
    uint64_t end = offset + length, begin = offset;
    int exit_status = EXIT_DONE;
    while (offset < end && exit_status == EXIT_DONE) {
        if (meter != NULL)
            meter_draw(meter, PHASE_WRITE, offset - begin, length);
        size_t step = STEP - (size_t)(offset % STEP);
        if (step > end - offset)
            step = (size_t)(end - offset);
        hexz_status status = hexz_snapshot_read(snapshot, stream, offset, buffer, step);
        int error = status == HEXZ_OK && !write_output(buffer, step) ? errno : 0;
        offset += step;
        if (status == HEXZ_OK && error == 0)
            continue;
        if (meter != NULL)
            meter_clear(meter);
        exit_status = error != 0 ? output_failure(command, error) : report_failure(command, status);
    }
    if (exit_status == EXIT_DONE && meter != NULL) {
        meter_draw(meter, PHASE_WRITE, length, length);
        meter_clear(meter);
    }
    return exit_status;
}

int parcel_begin(const char *command, struct parcel *parcel, struct meter *meter)
{
    static const char folder_name[] = "/hexz-XXXXXX", file_name[] = "/snapshot";
    const char *beside = spool_folder();
    *parcel = (struct parcel){.fd = -1, .meter = meter};
    parcel->folder = malloc(strlen(beside) + sizeof folder_name);
    parcel->path = malloc(strlen(beside) + sizeof folder_name + sizeof file_name);
    if (parcel->folder == NULL || parcel->path == NULL)
        return report_error(command, HEXZ_ERR_NO_MEMORY, "out of memory");
    strcpy(parcel->folder, beside);
    strcat(parcel->folder, folder_name);
    if (mkdtemp(parcel->folder) == NULL) {
        int exit_status = report_error(command, HEXZ_ERR_OUTPUT,
                                       "the snapshot is made in '%s' before it is sent: %s; TMPDIR can "
                                       "name another folder",
                                       beside, strerror(errno));
        free(parcel->folder);
        parcel->folder = NULL;
        return exit_status;
    }
    strcpy(parcel->path, parcel->folder);
    strcat(parcel->path, file_name);
    words_alias(parcel->path, "in TMPDIR, where it is before standard output,");
    return EXIT_DONE;
}

int32_t parcel_progress(void *user_data, const hexz_progress *progress)
{
    struct parcel *parcel = user_data;
    parcel->unwanted = reader_left(-1);
    if (parcel->unwanted)
        return 1;
    hexz_progress_fn draw = meter_callback(parcel->meter);
    return draw != NULL ? draw(parcel->meter, progress) : 0;
}

void parcel_unlink(struct parcel *parcel)
{
    if (parcel->folder == NULL)
        return;
    parcel->fd = open(parcel->path, O_RDONLY | O_CLOEXEC);
    unlink(parcel->path);
    rmdir(parcel->folder);
    free(parcel->folder);
    parcel->folder = NULL;
}

int parcel_send(const char *command, struct parcel *parcel, uint64_t size)
{
    struct meter *meter = parcel->meter;
    uint64_t sent = 0;
    int exit_status = EXIT_DONE;
    while (exit_status == EXIT_DONE) {
        meter_draw(meter, PHASE_WRITE, sent, size);
        ssize_t count = read(parcel->fd, buffer, STEP);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0 || !write_output(buffer, (size_t)count)) {
            int error = errno;
            meter_clear(meter);
            if (count < 0)
                exit_status = report_error(command, HEXZ_ERR_IO, "the snapshot, before it is sent: %s",
                                           strerror(error));
            else if (count > 0)
                exit_status = output_failure(command, error);
            break;
        }
        sent += (uint64_t)count;
    }
    meter_clear(meter);
    close(parcel->fd);
    return exit_status;
}
