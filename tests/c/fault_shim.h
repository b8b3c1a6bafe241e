/* Faults in the system calls of this process, one kind at a time or all alike.
 * While armed, calls of the chosen kind are counted, from 1, and the chosen one
 * does not do what it should. */
#ifndef FAULT_SHIM_H
#define FAULT_SHIM_H

enum fault_kind {
    FAULT_OPENAT,
    FAULT_FSTAT,
    FAULT_FSTATAT,
    FAULT_LSEEK,
    FAULT_PREAD,
    FAULT_PWRITE,
    FAULT_FTRUNCATE,
    FAULT_FSYNC, /* fdatasync too */
    FAULT_LINKAT,
    FAULT_RENAMEAT, /* renameat2 too */
    FAULT_GETRANDOM,
    FAULT_FSTATFS,
    FAULT_DUP,
    FAULT_CLOSE, /* what fails is closed nevertheless, as Linux does */
    FAULT_LOCK,  /* locks of open file descriptions: taking and looking */
    FAULT_UNLINKAT,
    FAULT_FCHMOD,
    FAULT_FCHOWN,
    FAULT_SYNCFS,
    FAULT_FALLOCATE,
    FAULT_KINDS,
    FAULT_ANY = FAULT_KINDS /* whatever its kind */
};

/* What each kind is called. */
extern const char *const fault_kind_names[FAULT_KINDS];

/* In place of an errno: half of the bytes are read or written. */
#define FAULT_SHORT 0
/* Likewise: the process is killed, in a write after half of it. */
#define FAULT_KILL (-1)
/* Likewise: the process is stopped before the call, and makes it when it is continued. */
#define FAULT_STOP (-2)

/* The call number `nth` of that kind fails with `error`; with `stays`, those
 * behind it too. 0 for `nth` counts and lets everything pass. */
void fault_arm(enum fault_kind kind, long nth, int error, int stays);
/* Everything passes again; tells how many calls of the kind there were. */
long fault_disarm(void);

/* What the file system does not have, until told otherwise. */
enum fault_lack {
    FAULT_NO_UNNAMED = 1, /* O_TMPFILE, and flags of renames */
    FAULT_NO_LINKS = 2,
    FAULT_AS_IT_IS = -1,
    FAULT_NO_LISTING = 4 /* folders may be written and entered, not read */
};
/* Tells what it was; FAULT_AS_IT_IS leaves it so. */
int fault_file_system(int lacks);

#endif
