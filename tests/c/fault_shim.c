/* Stands between libhexz and the C library: the dynamic linker finds these
 * functions first, whether they are linked into the program or preloaded. Each
 * one is the system call itself, so that nothing depends on how the C library
 * wraps it. Nothing is really synced: what these tests watch is order, and they
 * do it many times. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "fault_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static struct {
    enum fault_kind kind;
    int armed;
    int error;
    int stays;
    long nth;
    long count;
} fault;
static int old_file_system;

void fault_arm(enum fault_kind kind, long nth, int error, int stays)
{
    fault.kind = kind;
    fault.nth = nth;
    fault.error = error;
    fault.stays = stays;
    fault.count = 0;
    __atomic_store_n(&fault.armed, 1, __ATOMIC_RELEASE);
}

long fault_disarm(void)
{
    __atomic_store_n(&fault.armed, 0, __ATOMIC_RELEASE);
    return fault.count;
}

void fault_old_file_system(int old)
{
    old_file_system = old;
}

/* Whether this call is one that fails. */
static int hit(enum fault_kind kind)
{
    long number;
    if (!__atomic_load_n(&fault.armed, __ATOMIC_ACQUIRE) || kind != fault.kind)
        return 0;
    number = __atomic_add_fetch(&fault.count, 1, __ATOMIC_RELAXED);
    return fault.nth != 0 && (number == fault.nth || (fault.stays && number > fault.nth));
}

static int failed(void)
{
    if (fault.error == FAULT_KILL)
        (void)raise(SIGKILL);
    errno = fault.error;
    return -1;
}

static size_t cut(size_t len)
{
    return len > 1 ? len / 2 : len;
}

int openat64(int folder, const char *path, int flags, ...)
{
    mode_t mode;
    va_list args;
    va_start(args, flags);
    mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (hit(FAULT_OPENAT))
        return failed();
    if (old_file_system && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

int fstat64(int fd, struct stat64 *out)
{
    return hit(FAULT_FSTAT) ? failed() : (int)syscall(SYS_fstat, fd, out);
}

int fstatat64(int folder, const char *path, struct stat64 *out, int flags)
{
    return hit(FAULT_FSTATAT) ? failed() : (int)syscall(SYS_newfstatat, folder, path, out, flags);
}

off64_t lseek64(int fd, off64_t offset, int whence)
{
    return hit(FAULT_LSEEK) ? failed() : (off64_t)syscall(SYS_lseek, fd, offset, whence);
}

ssize_t pread64(int fd, void *buf, size_t len, off64_t offset)
{
    if (hit(FAULT_PREAD)) {
        if (fault.error != FAULT_SHORT)
            return failed();
        len = cut(len);
    }
    return (ssize_t)syscall(SYS_pread64, fd, buf, len, offset);
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t offset)
{
    if (hit(FAULT_PWRITE)) {
        if (fault.error == FAULT_KILL)
            (void)syscall(SYS_pwrite64, fd, buf, cut(len), offset);
        if (fault.error != FAULT_SHORT)
            return failed();
        len = cut(len);
    }
    return (ssize_t)syscall(SYS_pwrite64, fd, buf, len, offset);
}

int ftruncate64(int fd, off64_t len)
{
    return hit(FAULT_FTRUNCATE) ? failed() : (int)syscall(SYS_ftruncate, fd, len);
}

int fsync(int fd)
{
    (void)fd;
    return hit(FAULT_FSYNC) ? failed() : 0;
}

int fdatasync(int fd)
{
    return fsync(fd);
}

int linkat(int from, const char *old, int to, const char *name, int flags)
{
    return hit(FAULT_LINKAT) ? failed() : (int)syscall(SYS_linkat, from, old, to, name, flags);
}

static int rename_with(int from, const char *old, int to, const char *name, unsigned flags)
{
    if (hit(FAULT_RENAMEAT))
        return failed();
    if (old_file_system && flags != 0) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_renameat2, from, old, to, name, flags);
}

ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
    return hit(FAULT_GETRANDOM) ? failed() : (ssize_t)syscall(SYS_getrandom, buf, len, flags);
}

int renameat(int from, const char *old, int to, const char *name)
{
    return rename_with(from, old, to, name, 0);
}

int renameat2(int from, const char *old, int to, const char *name, unsigned flags)
{
    return rename_with(from, old, to, name, flags);
}
