/* Stands between libhexz and the C library: the dynamic linker finds these
 * functions first, whether they are linked into the program or preloaded. Each
 * one is the system call itself, so that nothing depends on how the C library
 * wraps it. Nothing is really synced: what these tests watch is order, and they
 * do it many times. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "fault_shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

const char *const fault_kind_names[FAULT_KINDS] = {
    "openat", "fstat",      "fstatat", "lseek", "pread", "pwrite", "ftruncate", "fsync",  "linkat", "renameat",
    "getrandom", "fstatfs", "dup",     "close", "lock",  "unlinkat", "fchmod",  "fchown", "syncfs", "fallocate"};

static struct {
    enum fault_kind kind;
    int armed;
    int error;
    int stays;
    long nth;
    long count;
} fault;
static int lacking;

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

int fault_file_system(int lacks)
{
    int before = lacking;
    if (lacks != FAULT_AS_IT_IS)
        lacking = lacks;
    return before;
}

/* Whether this call is one that fails. */
static int hit(enum fault_kind kind)
{
    long number;
    if (!__atomic_load_n(&fault.armed, __ATOMIC_ACQUIRE) || (kind != fault.kind && fault.kind != FAULT_ANY))
        return 0;
    number = __atomic_add_fetch(&fault.count, 1, __ATOMIC_RELAXED);
    if (fault.error == FAULT_STOP) {
        if (number == fault.nth)
            (void)raise(SIGSTOP);
        return 0;
    }
    return fault.nth != 0 && (number == fault.nth || (fault.stays && number > fault.nth));
}

static int failed(void)
{
    if (fault.error == FAULT_KILL)
        (void)raise(SIGKILL);
    errno = fault.error;
    return -1;
}

typedef long number_fn(long number, ...);
/* The C library's syscall(), since ours is in front of it. */
#define by_number(...) real_syscall()(__VA_ARGS__)
static number_fn *real_syscall(void)
{
    static number_fn *found;
    number_fn *real = __atomic_load_n(&found, __ATOMIC_RELAXED);
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "syscall");
        __atomic_store_n(&found, real, __ATOMIC_RELAXED);
    }
    return real;
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
    if ((lacking & FAULT_NO_UNNAMED) && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    if ((lacking & FAULT_NO_LISTING) && (flags & O_DIRECTORY) && !(flags & (O_PATH | O_RDWR | O_WRONLY))) {
        errno = EACCES;
        return -1;
    }
    return (int)by_number(SYS_openat, folder, path, flags, mode);
}

int fstat64(int fd, struct stat64 *out)
{
    return hit(FAULT_FSTAT) ? failed() : (int)by_number(SYS_fstat, fd, out);
}

int fstatat64(int folder, const char *path, struct stat64 *out, int flags)
{
    return hit(FAULT_FSTATAT) ? failed() : (int)by_number(SYS_newfstatat, folder, path, out, flags);
}

off64_t lseek64(int fd, off64_t offset, int whence)
{
    return hit(FAULT_LSEEK) ? failed() : (off64_t)by_number(SYS_lseek, fd, offset, whence);
}

ssize_t pread64(int fd, void *buf, size_t len, off64_t offset)
{
    if (hit(FAULT_PREAD)) {
        if (fault.error != FAULT_SHORT)
            return failed();
        len = cut(len);
    }
    return (ssize_t)by_number(SYS_pread64, fd, buf, len, offset);
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t offset)
{
    if (hit(FAULT_PWRITE)) {
        if (fault.error == FAULT_KILL)
            (void)by_number(SYS_pwrite64, fd, buf, cut(len), offset);
        if (fault.error != FAULT_SHORT)
            return failed();
        len = cut(len);
    }
    return (ssize_t)by_number(SYS_pwrite64, fd, buf, len, offset);
}

int ftruncate64(int fd, off64_t len)
{
    return hit(FAULT_FTRUNCATE) ? failed() : (int)by_number(SYS_ftruncate, fd, len);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t len)
{
    return hit(FAULT_FALLOCATE) ? failed() : (int)by_number(SYS_fallocate, fd, mode, offset, len);
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
    if (hit(FAULT_LINKAT))
        return failed();
    if (lacking & FAULT_NO_LINKS) {
        errno = EPERM;
        return -1;
    }
    return (int)by_number(SYS_linkat, from, old, to, name, flags);
}

static int rename_with(int from, const char *old, int to, const char *name, unsigned flags)
{
    if (hit(FAULT_RENAMEAT))
        return failed();
    if ((lacking & FAULT_NO_UNNAMED) && flags != 0) {
        errno = EINVAL;
        return -1;
    }
    return (int)by_number(SYS_renameat2, from, old, to, name, flags);
}

ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
    return hit(FAULT_GETRANDOM) ? failed() : (ssize_t)by_number(SYS_getrandom, buf, len, flags);
}

int renameat(int from, const char *old, int to, const char *name)
{
    return rename_with(from, old, to, name, 0);
}

int renameat2(int from, const char *old, int to, const char *name, unsigned flags)
{
    return rename_with(from, old, to, name, flags);
}

int fstatfs64(int fd, struct statfs64 *out)
{
    return hit(FAULT_FSTATFS) ? failed() : (int)by_number(SYS_fstatfs, fd, out);
}

int close(int fd)
{
    int closed = (int)by_number(SYS_close, fd);
    return hit(FAULT_CLOSE) ? failed() : closed;
}

static int fcntl_with(int fd, int command, long argument)
{
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        if (hit(FAULT_DUP))
            return failed();
        break;
    case F_OFD_GETLK:
    case F_OFD_SETLK:
        if (hit(FAULT_LOCK))
            return failed();
        break;
    default:
        break;
    }
    return (int)by_number(SYS_fcntl, fd, command, argument);
}

int fcntl(int fd, int command, ...)
{
    long argument;
    va_list args;
    va_start(args, command);
    argument = va_arg(args, long);
    va_end(args);
    return fcntl_with(fd, command, argument);
}

int fcntl64(int fd, int command, ...)
{
    long argument;
    va_list args;
    va_start(args, command);
    argument = va_arg(args, long);
    va_end(args);
    return fcntl_with(fd, command, argument);
}

int unlinkat(int folder, const char *name, int flags)
{
    return hit(FAULT_UNLINKAT) ? failed() : (int)by_number(SYS_unlinkat, folder, name, flags);
}

/* As fsync above. */
int syncfs(int fd)
{
    (void)fd;
    return hit(FAULT_SYNCFS) ? failed() : 0;
}

/* The library makes some calls by number, and with six arguments at most. */
long syscall(long number, ...)
{
    long a[6];
    int i;
    va_list args;
    va_start(args, number);
    for (i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_fchmod && hit(FAULT_FCHMOD))
        return failed();
    if (number == SYS_fchown && hit(FAULT_FCHOWN))
        return failed();
    return by_number(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
