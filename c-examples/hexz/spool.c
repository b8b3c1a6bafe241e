/* What has to be in a file for a while: where, and how nobody else comes to see it. */
#define _GNU_SOURCE /* O_TMPFILE */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* /var/tmp is for large files; /tmp is in memory on many machines. */
const char *spool_folder(void)
{
    struct stat status;
    const char *chosen = getenv("TMPDIR");
    if (chosen != NULL && chosen[0] != '\0')
        return chosen;
    return stat("/var/tmp", &status) == 0 && S_ISDIR(status.st_mode) ? "/var/tmp" : "/tmp";
}

char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* For file systems without unnamed files: a name that is gone again before a signal can end us. */
static int named_for_a_moment(const char *folder)
{
    static const char name[] = "/.hexz-XXXXXX";
    sigset_t all, mask;
    char *path = malloc(strlen(folder) + sizeof name);
    if (path == NULL)
        return -1;
    strcpy(path, folder);
    strcat(path, name);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &mask);
    int fd = mkstemp(path);
    if (fd >= 0) {
        unlink(path);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    int error = errno;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    free(path);
    errno = error;
    return fd;
}

int spool_file(const char *command, const char *purpose, const char *folder)
{
    const char *chosen = getenv("TMPDIR");
    if (folder == NULL || (chosen != NULL && chosen[0] != '\0'))
        folder = spool_folder();
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT))
        fd = named_for_a_moment(folder);
    if (fd < 0)
        report_error(command, HEXZ_ERR_IO,
                     "%s needs a file in '%s' for a while: %s; TMPDIR can name another folder",
                     purpose, folder, strerror(errno));
    return fd;
}
