/*
 * hexz.h: disk images and memory dumps into one snapshot file, deduplicated,
 * compressed, readable at any offset without unpacking.
 *
 * Made by cbindgen from src/capi: change that, not this file.
 *
 * A snapshot from a disk image:
 *
 *     hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
 *     opts.source = "vm.img";
 *     opts.memory = "vm.mem";    (or leave it NULL)
 *     opts.output = "vm.hxz";
 *     if (hexz_build(&opts) != HEXZ_OK)
 *         fprintf(stderr, "%s\n", hexz_last_error());
 *
 * and bytes from it:
 *
 *     hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
 *     hexz_snapshot *snapshot;
 *     opts.path = "vm.hxz";
 *     if (hexz_snapshot_open(&opts, &snapshot) == HEXZ_OK) {
 *         hexz_snapshot_read(snapshot, 0, offset, buf, len);
 *         hexz_snapshot_close(snapshot);
 *     }
 *
 * These rules hold for every function:
 *
 * Statuses. HEXZ_OK is 0, every error is negative, and hexz_last_error() says
 * what went wrong and what to do. Results are written through pointers, on
 * success only (a verify report on HEXZ_ERR_CORRUPT too); a pointer to a new
 * handle becomes NULL on failure.
 *
 * Structs. The first field, struct_size, is set by HEXZ_INIT (other languages:
 * all bytes zero, then struct_size). Zero in any other field of options is the
 * default. So programs built with this header go on working with later
 * libraries, whose structs may be longer, and with earlier ones as long as
 * they set nothing that those do not know (HEXZ_ERR_UNSUPPORTED). Less than the
 * struct had in the header that first declared it, which may be older than the
 * first release, or more than 4096, is HEXZ_ERR_INVALID_ARGUMENT, and the text
 * names the least. The library never writes past the size that it is given. The
 * whole promise, and when the number in libhexz.so.0 changes: docs/ABI.md.
 *
 * Arguments. NULL where a pointer is needed, unknown flags and constants, and
 * reserved fields that are not zero are HEXZ_ERR_INVALID_ARGUMENT. Freeing NULL
 * does nothing. Paths are bytes, as open(2) takes them. Sizes, offsets and
 * lengths are in bytes unless they say otherwise.
 *
 * Ownership. Structs and strings that are passed in stay the caller's and are
 * not needed after the call; user_data lives until the call returns, or the
 * handle that the call made is freed. What a function returns as const char *
 * is the library's.
 *
 * Threads. A hexz_snapshot may be used by many threads at once, a hexz_builder
 * by one at a time. hexz_cancel_trigger() may be called from anywhere, signal
 * handlers included. After fork() a child may use what no call was using. No
 * thread of the library is left when a call returns, or a handle is freed.
 *
 * Callbacks. They get user_data first. A progress, password or sink callback
 * runs on the thread that made the call. It may use other handles, its own only
 * for hexz_cancel_trigger() (else HEXZ_ERR_STATE). It returns: no longjmp, no
 * exception through the library.
 *
 * Memory. Where 4 KiB or more cannot be had at once, a call fails with
 * HEXZ_ERR_NO_MEMORY: the host goes on, handles can be freed, the next call
 * works. Where less cannot be had, or room for a path, a name in an image or an
 * error's text that is longer, the process ends by abort(), after a line on
 * stderr.
 *
 * A guest. The library installs no signal handler, prints nothing, reads no
 * environment variable, changes neither working directory nor umask, and does
 * not end the process, but for the last bytes of memory (see there). Built and
 * tested on 64-bit Linux.
 */

#ifndef HEXZ_H
#define HEXZ_H

#include <stddef.h>
#include <stdint.h>

/*
 * HEXZ_INIT(type) initialises a struct where it is declared: all zero, but
 * struct_size set.
 *
 *     hexz_info info = HEXZ_INIT(hexz_info);
 */
#ifdef __cplusplus
template <class T> static inline T hexz_init_() noexcept
{
    T value = T();
    value.struct_size = sizeof(T);
    return value;
}
#define HEXZ_INIT(type) hexz_init_<type>()
#else
#define HEXZ_INIT(type) { .struct_size = sizeof(type) }
#endif

/* Version ----------------------------------------------------------------- */

/**
 * The version of this header: compare with hexz_version(), the version of the library that is
 * loaded.
 */
#define HEXZ_VERSION_MAJOR 0

/** See HEXZ_VERSION_MAJOR. */
#define HEXZ_VERSION_MINOR 1

/** See HEXZ_VERSION_MAJOR. */
#define HEXZ_VERSION_PATCH 0

/* Statuses ---------------------------------------------------------------- */

/** Success. */
#define HEXZ_OK 0

/**
 * The call makes no sense: NULL where a pointer is needed, a bad struct_size, an unknown flag or
 * constant, a value out of bounds, two things that exclude each other, an output that is an input.
 */
#define HEXZ_ERR_INVALID_ARGUMENT -1

/** No profile has this name; the text lists the names there are. */
#define HEXZ_ERR_UNKNOWN_PROFILE -2

/** The source or memory dump cannot be opened or read, changed meanwhile, or is locked. */
#define HEXZ_ERR_SOURCE -3

/** The output cannot be created, written, synced or published. */
#define HEXZ_ERR_OUTPUT -4

/**
 * The output is there, and HEXZ_BUILD_OVERWRITE or HEXZ_EXTRACT_OVERWRITE is not set. It was not
 * touched.
 */
#define HEXZ_ERR_EXISTS -5

/** A password is needed, and there is no password callback, or it declined when first asked. */
#define HEXZ_ERR_PASSWORD_REQUIRED -6

/** A password of no bytes or of more than 1024. */
#define HEXZ_ERR_INVALID_PASSWORD -7

/** No key slot opens with the passwords given. */
#define HEXZ_ERR_WRONG_PASSWORD -8

/** The file is empty or does not begin as a snapshot does. */
#define HEXZ_ERR_NOT_SNAPSHOT -9

/** A feature that this version of the library does not have, named in the text. */
#define HEXZ_ERR_UNSUPPORTED -10

/** The snapshot is damaged, or its root is not the expected one. */
#define HEXZ_ERR_CORRUPT -11

/** A place beyond the end of the stream. */
#define HEXZ_ERR_OUT_OF_RANGE -12

/** No stream has this name or index. */
#define HEXZ_ERR_NO_STREAM -13

/** A parent is missing, is the wrong one, or the chain of parents loops or is too long. */
#define HEXZ_ERR_PARENT -14

/** The caller cancelled: by a cancel handle, or by a non-zero answer of its progress callback. */
#define HEXZ_ERR_CANCELLED -15

/** A callback other than progress failed; hexz_last_callback_code() has what it returned. */
#define HEXZ_ERR_CALLBACK -16

/** Memory could not be had, 4 KiB or more at once: "Memory" above says what becomes of less. */
#define HEXZ_ERR_NO_MEMORY -17

/** A call out of order: on a finished or failed handle, or on a handle from its own callback. */
#define HEXZ_ERR_STATE -18

/** A bug in the library, caught. The handle of the call is dead, but safe to free. */
#define HEXZ_ERR_INTERNAL -19

/** The system failed to open or read a snapshot; hexz_last_errno() has its errno. */
#define HEXZ_ERR_IO -20

/** A password callback was given for a plain snapshot, without HEXZ_OPEN_ALLOW_PLAIN. */
#define HEXZ_ERR_NOT_ENCRYPTED -21

/** hexz_builder_try_write() would have to wait; nothing was taken. Not a failure of the builder. */
#define HEXZ_ERR_AGAIN -22

/* Flags of a build (hexz_build_opts.flags) -------------------------------- */

/**
 * Encrypts with AES-256-GCM (NIST SP 800-38D) under a password from the password callback, which
 * must be given.
 */
#define HEXZ_BUILD_ENCRYPT 1

/**
 * Cuts content-defined chunks (FastCDC, Xia et al., USENIX ATC 2016) in place of fixed 4 KiB
 * units: for data that shifts by odd numbers of bytes, such as text and archives.
 */
#define HEXZ_BUILD_CDC 2

/**
 * Replaces an output that is there, in one step, once the new one is complete. Only a regular
 * file or a symbolic link is replaced (the link itself, not what it points to).
 */
#define HEXZ_BUILD_OVERWRITE 4

/**
 * Does not wait until the output is on stable storage. After a power failure it may be damaged,
 * which opening and verifying notice. What the file system says when a file is closed (a full disk
 * or quota on a network) is waited for all the same, before the output gets its name.
 */
#define HEXZ_BUILD_NO_SYNC 8

/**
 * Lets a qcow2 image open other files: backing files and data files that its header names. Only
 * for images from a source that you trust with your files. Without it such an image is
 * HEXZ_ERR_SOURCE, whatever source_format says. Names are read as QEMU reads them: of plain files,
 * relative ones beginning in the folder of the image that names them; behind "file:", a path as it
 * stands; behind "json:", the driver raw or qcow2 over a plain file. The format of a backing file is
 * what the image records, else what the name says. Where neither says anything, HEXZ_FORMAT_QCOW2
 * states that such files are qcow2; under HEXZ_FORMAT_AUTO one that begins as a qcow2 image is
 * taken for one if it names no further file, since a guest can write such a header into its raw
 * disk; and that it is raw is never guessed. Without effect on raw images.
 */
#define HEXZ_BUILD_ALLOW_BACKING 16

/**
 * Skips QEMU's image locks and the check that no source changed while it was read. Without it a
 * source that a running machine may write is HEXZ_ERR_SOURCE, and no machine that would write it
 * starts during the build. Of a source that somebody writes the snapshot then holds no one moment.
 */
#define HEXZ_BUILD_FORCE_SHARE 32

/**
 * Skips only the check that no source changed while it was read, and keeps QEMU's image locks:
 * for file systems that move sizes or times on their own. Of a source that somebody writes the
 * snapshot then holds no one moment.
 */
#define HEXZ_BUILD_ALLOW_CHANGE 64

/**
 * Where parent, bases and what they lean on are more than 64 snapshots: stores anew what the
 * least-giving ones hold, in place of HEXZ_ERR_PARENT, so that a chain can go on for ever. How much
 * one gives is what the parent or a base has of it; at most 1024 bases may be given then. Without
 * parent and bases, and of 64 and fewer, it has no effect.
 */
#define HEXZ_BUILD_FOLD 128

/* Flags of an extract (hexz_extract_opts.flags) --------------------------- */

/** Replaces an output that is there, as HEXZ_BUILD_OVERWRITE does. */
#define HEXZ_EXTRACT_OVERWRITE 1

/** Does not wait until the output is on stable storage, as HEXZ_BUILD_NO_SYNC. */
#define HEXZ_EXTRACT_NO_SYNC 2

/**
 * Writes over an output that is there: a regular file, which becomes as long as the stream, or a
 * block device, which must be as long at least. Not whole or nothing: a failure leaves some of the
 * old bytes and some of the new, and the error says so. Not together with HEXZ_EXTRACT_OVERWRITE.
 * While it is written, it is locked as QEMU locks the image of a running machine, for writing and
 * shared with nobody, and a block device is opened with O_EXCL: HEXZ_ERR_OUTPUT if somebody has it.
 * Where the file system has no such locks, it is written all the same.
 */
#define HEXZ_EXTRACT_IN_PLACE 4

/**
 * With HEXZ_EXTRACT_IN_PLACE: writes although a running machine or another program holds the
 * output: takes neither QEMU's image locks nor O_EXCL of a block device. What they do with the new
 * bytes is their affair, and yours. Without HEXZ_EXTRACT_IN_PLACE it has no effect.
 */
#define HEXZ_EXTRACT_FORCE_SHARE 8

/* Other flags ------------------------------------------------------------- */

/**
 * hexz_open_opts.flags: a plain snapshot is fine although a password callback is given. Without
 * it such a snapshot is HEXZ_ERR_NOT_ENCRYPTED, so that nobody can pass off a plain file for an
 * encrypted one.
 */
#define HEXZ_OPEN_ALLOW_PLAIN 1

/**
 * hexz_open_opts.flags: the names of ancestors that a snapshot records are not followed; ancestors
 * come from the caller alone. For snapshots from hands that you do not trust: a root is no secret
 * and no permission, and such a snapshot may name somebody else's file beside it.
 */
#define HEXZ_OPEN_NO_HINTS 2

/**
 * hexz_profile.features: blocks are compressed against stored ones that resemble them. Not in this
 * version: HEXZ_ERR_UNSUPPORTED.
 */
#define HEXZ_PROFILE_REFERENCES 1

/**
 * hexz_profile.features: blocks that look like floating-point numbers are compressed by byte
 * planes. Not in this version: HEXZ_ERR_UNSUPPORTED.
 */
#define HEXZ_PROFILE_FLOAT 2

/**
 * hexz_source.flags, hexz_storage.flags: read_at may be called from several threads at once,
 * threads of the library among them. Without it one call is over before the next begins.
 */
#define HEXZ_SOURCE_CONCURRENT 1

/* Image formats (hexz_build_opts.source_format, hexz_stream.format) ------- */

/**
 * Looks: what begins as a qcow2 image is one, anything else is raw. A guest that may write to its
 * raw disk may also write a qcow2 header there: say HEXZ_FORMAT_RAW where you know it.
 */
#define HEXZ_FORMAT_AUTO 0

/** The bytes are the disk. */
#define HEXZ_FORMAT_RAW 1

/**
 * qcow2, versions 2 and 3 (QEMU, docs/interop/qcow2.rst): the disk in it as it is now, without its
 * internal snapshots. Compressed clusters, subclusters, external data files and backing files
 * (raw and qcow2, 64 at most) are read. Encrypted images are HEXZ_ERR_UNSUPPORTED, damaged ones
 * HEXZ_ERR_SOURCE: what is missing never reads as zeros.
 */
#define HEXZ_FORMAT_QCOW2 2

/* Kinds of streams (hexz_stream.kind, hexz_stream_info.kind) -------------- */

/** A disk. */
#define HEXZ_STREAM_DISK 1

/** Memory of a machine. */
#define HEXZ_STREAM_MEMORY 2

/** Anything else. */
#define HEXZ_STREAM_BLOB 3

/* Compressions (hexz_profile.compression, hexz_info.compression) ---------- */

/** Deduplicated only. The level is 0, without a dictionary. */
#define HEXZ_COMPRESSION_NONE 0

/** LZ4 block format: fastest to unpack. The level is 0, without a dictionary. */
#define HEXZ_COMPRESSION_LZ4 1

/** Zstandard (RFC 8878), levels -7 to 22; level 0 is zstd's own default. */
#define HEXZ_COMPRESSION_ZSTD 2

/* Kinds of extents (hexz_extent.kind, hexz_source.extent_at) -------------- */

/** The bytes are stored here; of a diff: they may differ. */
#define HEXZ_EXTENT_DATA 1

/** All bytes are zero, and take no space; of a diff: they may differ, and are zero now. */
#define HEXZ_EXTENT_ZERO 2

/** The bytes are the parent's at this place, and come from there. */
#define HEXZ_EXTENT_PARENT 3

/** hexz_snapshot_diff() alone: the bytes are the same in both. */
#define HEXZ_EXTENT_SAME 4

/* Purposes of a password (hexz_password_request.purpose) ------------------ */

/** A new password, to encrypt with. */
#define HEXZ_PASSWORD_CREATE 1

/** The password of an encrypted snapshot. */
#define HEXZ_PASSWORD_OPEN 2

/** The password of an encrypted parent or base, for a snapshot that leans on it. */
#define HEXZ_PASSWORD_PARENT 3

/* Phases of work (hexz_progress.phase) ------------------------------------ */

/** Samples the sources and trains a dictionary. */
#define HEXZ_PHASE_TRAIN 1

/** Reads, deduplicates, compresses and writes. */
#define HEXZ_PHASE_PACK 2

/** Waits until the output is on stable storage, and gives it its name. */
#define HEXZ_PHASE_SYNC 3

/** Checks a snapshot. */
#define HEXZ_PHASE_VERIFY 4

/** Writes a stream out. */
#define HEXZ_PHASE_EXTRACT 5

/* Operations of a rekey (hexz_rekey_opts.operation) ----------------------- */

/** Adds a password; those that are there stay. */
#define HEXZ_REKEY_ADD 1

/** Replaces the password that opens the snapshot by a new one. */
#define HEXZ_REKEY_REPLACE 2

/** Removes the password that opens the snapshot, unless it is the last. */
#define HEXZ_REKEY_REMOVE 3

/* Flags of memory (hexz_live_opts.flags, hexz_pager_opts.flags) ----------- */

/**
 * hexz_live_opts.flags: keeps track of what is written between builds, so that a build on the
 * parent that came of the last one reads only that. Not in this version: HEXZ_ERR_UNSUPPORTED.
 */
#define HEXZ_LIVE_TRACK 1

/**
 * hexz_pager_opts.flags: the regions belong to whoever owns hexz_pager_opts.uffd, another process
 * as a rule. Not in this version: HEXZ_ERR_UNSUPPORTED.
 */
#define HEXZ_PAGER_UFFD 1

/* Types ------------------------------------------------------------------- */

/** A snapshot under construction, made by hexz_builder_new(). One thread at a time. */
typedef struct hexz_builder hexz_builder;

/** A switch that stops work, made by hexz_cancel_new(). Any thread, any time. */
typedef struct hexz_cancel hexz_cancel;

/**
 * This process's own memory as a source of builds, made by hexz_live_new(). Its functions say
 * which of them may be called from any thread.
 */
typedef struct hexz_live hexz_live;

/** Memory that is filled from a snapshot when it is touched, made by hexz_pager_new(). */
typedef struct hexz_pager hexz_pager;

/** A snapshot open for reading, made by hexz_snapshot_open(). Many threads at once. */
typedef struct hexz_snapshot hexz_snapshot;

/**
 * What a call returns: HEXZ_OK or a negative HEXZ_ERR_ value. Any value may come in a later
 * version: treat each negative one that you do not know as a failure.
 */
typedef int32_t hexz_status;

/**
 * Pack parameters. hexz_profile_resolve() fills one in from a name; a custom one starts there and
 * changes some fields.
 */
typedef struct hexz_profile {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** HEXZ_COMPRESSION_ value. */
    uint32_t compression;
    /** Level of the compression: more is smaller and slower. */
    int32_t level;
    /**
     * Bytes that are compressed together, a power of two from 4 KiB to 16 MiB. More is smaller,
     * less reads faster at random.
     */
    uint32_t block_size;
    /** 1: trains a dictionary from a sample of the sources, and keeps it if it pays. 0: does not. */
    uint32_t dictionary;
    /**
     * Smallest chunk in bytes, 1 KiB to 1 MiB. The three cdc fields matter with HEXZ_BUILD_CDC
     * only; they are even and rise; all three 0 are the default: 16, 64 and 128 KiB.
     */
    uint32_t cdc_min;
    /** Average chunk aimed at in bytes, at most 4 MiB. */
    uint32_t cdc_avg;
    /** Largest chunk in bytes, at most 16 MiB. */
    uint32_t cdc_max;
    /** HEXZ_PROFILE_ flags; 0: none. */
    uint32_t features;
} hexz_profile;

/** What a password is asked for. The library's, valid during the callback. */
typedef struct hexz_password_request {
    /** Size in bytes that the library filled in: a newer library may give a longer struct. */
    size_t struct_size;
    /** HEXZ_PASSWORD_ value. */
    uint32_t purpose;
    /**
     * Counts from 0: a wrong password of an existing snapshot is asked for again, at most three
     * times in all.
     */
    uint32_t attempt;
    /** The snapshot that the password is for, as the library got it; NULL if it has no path. */
    const char *path;
} hexz_password_request;

/**
 * Supplies a password: bytes, 1 to 1024, nothing is trimmed or converted.
 *
 * Returns 0 with the password in buf, which has room for capacity (1024) bytes, and its length in
 * *len. A positive answer declines: HEXZ_ERR_PASSWORD_REQUIRED at the first asking,
 * HEXZ_ERR_WRONG_PASSWORD later. A negative one is HEXZ_ERR_CALLBACK. The buffer is the library's
 * and is wiped after use. Called on the thread that made the call, before any output is made.
 */
typedef int32_t (*hexz_password_fn)(void *user_data,
                                    const hexz_password_request *request,
                                    char *buf,
                                    size_t capacity,
                                    size_t *len);

/** How far a call has come. The library's, valid during the callback. */
typedef struct hexz_progress {
    /** Size in bytes that the library filled in: a newer library may give a longer struct. */
    size_t struct_size;
    /** HEXZ_PHASE_ value; phases come in the order of their numbers, some do not come at all. */
    uint32_t phase;
    /** Zero. */
    uint32_t reserved;
    /** Logical bytes done in this phase, holes counted; rises from 0 to total. */
    uint64_t done;
    /** Logical bytes of all streams that the call works on; 0: not known. */
    uint64_t total;
    /** Bytes written to the output so far. */
    uint64_t stored;
} hexz_progress;

/**
 * Is told how far a call has come, 10 to 50 times a second, first and last of each phase included.
 * Called on the thread that made the call, and not after it returned. Anything but 0 stops the
 * work: the call returns HEXZ_ERR_CANCELLED, hexz_last_callback_code() the answer.
 */
typedef int32_t (*hexz_progress_fn)(void *user_data,
                                    const hexz_progress *progress);

/**
 * A source of bytes in the host program, which a build reads by callbacks.
 *
 * They return 0; anything else stops the build, which is HEXZ_ERR_CALLBACK then, and
 * hexz_last_callback_code() what was returned. They are called on the thread that made the call, one
 * at a time; with HEXZ_SOURCE_CONCURRENT, read_at is called by threads of the library too, several at
 * once (with HEXZ_BUILD_CDC, or with one thread, it is not). They may use other handles, and of the
 * build's own only hexz_cancel_trigger(), after which there is no further call; they do not leave by
 * longjmp or an exception. None of them is called after the call that uses the source returned.
 *
 * The bytes do not change meanwhile. Each is asked for once, front to back (across the threads, only
 * by and large), but that a dictionary is trained on samples that are read before
 * (hexz_profile.dictionary).
 */
typedef struct hexz_source {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** First argument of the callbacks. */
    void *user_data;
    /** Bytes there are. */
    uint64_t size;
    /** HEXZ_SOURCE_CONCURRENT or 0. */
    uint64_t flags;
    /**
     * Fills all len bytes of buf with what is at offset, or fails. Never asked beyond size, nor for
     * what extent_at says is no data. len is 1 or more, as a rule 1 MiB, and at most that, the
     * block size or four of the largest chunks, whichever is most. offset and len are multiples of
     * 4096 but where an extent or the source ends elsewhere; buf is aligned to nothing.
     */
    int32_t (*read_at)(void *user_data, uint64_t offset, void *buf, size_t len);
    /**
     * Tells what is at offset: *len is the number of bytes asked about on entry, 1 or more, and on
     * return the number of bytes, 1 or more, that are of one kind from offset on: fewer than there
     * are will do, and what goes beyond those asked about is cut. *kind becomes HEXZ_EXTENT_DATA,
     * _ZERO, or _PARENT (as in the parent; HEXZ_ERR_SOURCE without one, as are other kinds and a
     * length of 0). Extents begin and end anywhere. What is not DATA is not read. Some offsets may be
     * asked about more than once. Always on the thread that made the call. NULL: all of it is data.
     */
    int32_t (*extent_at)(void *user_data,
                         uint64_t offset,
                         uint64_t *len,
                         uint32_t *kind);
} hexz_source;

/**
 * One more stream of a build: a further disk, device state, anything. Exactly one of path, source,
 * snapshot and live says where its bytes come from.
 */
typedef struct hexz_stream {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /**
     * Its name: 1 to 63 bytes of UTF-8, no other stream's of the snapshot ("disk" and "memory" are
     * those of hexz_build_opts.source and .memory).
     */
    const char *name;
    /** HEXZ_STREAM_ value; 0 is HEXZ_STREAM_BLOB. */
    uint32_t kind;
    /**
     * HEXZ_FORMAT_ value of path; 0 without one. HEXZ_FORMAT_AUTO looks at disks alone: memory is
     * taken as hexz_build_opts.memory is, a blob byte for byte, whatever it is.
     */
    uint32_t format;
    /** A file or block device, or NULL. */
    const char *path;
    /** A source in the host program, or NULL. */
    const hexz_source *source;
    /**
     * An open snapshot, whose stream number snapshot_stream is copied with its holes, or NULL: to
     * flatten a chain, encrypt or decrypt, change the profile, merge and split. The file is the one
     * that the same bytes by path or callbacks give. Its blocks are decoded, by all threads, and
     * packed anew; one that comes out of packing as the same bytes in the same order is not
     * compressed again, but read once more, compared, and copied as it is stored (and sealed anew),
     * if the snapshot or ancestor that has it names the compression, level and dictionary of the
     * new one. Where a snapshot that hexz did not write names them untruly, what is copied still has
     * the right content, but may be other bytes than this library compresses it to
     * (docs/FORMAT.md, section 6.1). Damage in it is HEXZ_ERR_CORRUPT. It may be closed once the
     * call returned.
     */
    const hexz_snapshot *snapshot;
    /**
     * Memory of this process that is frozen (hexz_live_freeze()), or NULL. Not in this version:
     * HEXZ_ERR_UNSUPPORTED.
     */
    const hexz_live *live;
    /** Index of the stream of snapshot; 0 without one. */
    uint32_t snapshot_stream;
    /** Zero. */
    uint32_t reserved;
} hexz_stream;

/**
 * A receiver of bytes in the host program, front to back: a pipe, a socket, memory, an upload.
 *
 * Its callbacks are called on the thread that made the call and return 0; anything else is
 * HEXZ_ERR_CALLBACK, and nothing but abort is called after it. A call that is refused for its
 * arguments, its sources or its password calls none of them. Once the work has begun, commit is the
 * last, or abort is: when the call fails, which includes a commit that failed. A snapshot is whole
 * only when commit was called: its last bytes are what makes it one, so that what was cut short does
 * not open.
 */
typedef struct hexz_sink {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** First argument of the callbacks. */
    void *user_data;
    /**
     * Takes all len bytes of buf, 1 or more, or fails. Of a snapshot mostly 512 KiB at once, of a
     * stream 1 MiB; never more than 17 MiB.
     */
    int32_t (*write)(void *user_data, const void *buf, size_t len);
    /**
     * Takes len bytes of zeros, 1 or more: a run of 64 KiB or longer of a stream that is extracted.
     * Not called for a snapshot. NULL: zeros go through write.
     */
    int32_t (*write_zeroes)(void *user_data, uint64_t len);
    /** Everything was written: makes it last. May be NULL. */
    int32_t (*commit)(void *user_data);
    /** The work failed: drops what was written. May be NULL. */
    void (*abort)(void *user_data);
} hexz_sink;

/** What a build did. */
typedef struct hexz_build_report {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** Zero. */
    uintptr_t reserved;
    /** Bytes read from the sources; holes are not read. */
    uint64_t bytes_read;
    /** Logical bytes of zeros, holes among them: they take no space. */
    uint64_t bytes_zero;
    /** Logical bytes that were found elsewhere in this snapshot. */
    uint64_t bytes_duplicate;
    /** Logical bytes that the parent has. */
    uint64_t bytes_inherited;
    /** Logical bytes that were new, before compression. */
    uint64_t bytes_unique;
    /** The same after compression. */
    uint64_t bytes_stored;
    /** Stored bytes that no stream refers to any more: what a builder overwrote. */
    uint64_t bytes_dead;
    /** Blocks stored. */
    uint64_t blocks;
    /** Bytes of the snapshot file. */
    uint64_t file_size;
    /**
     * The root: a hash (BLAKE3) that names all that the snapshot holds. Kept apart from the file
     * it tells later, by hexz_open_opts.expect_root, whether this is the file.
     */
    uint8_t root[32];
    /** Nanoseconds spent reading the sources and unpacking qcow2 clusters. This and the next five are sums over the threads. */
    uint64_t read_ns;
    /** Nanoseconds spent hashing units. */
    uint64_t hash_ns;
    /** Nanoseconds spent compressing. */
    uint64_t compress_ns;
    /** Nanoseconds spent encrypting. */
    uint64_t seal_ns;
    /** Nanoseconds spent writing the output. */
    uint64_t write_ns;
    /** Nanoseconds until the output was durable and had its name. */
    uint64_t sync_ns;
    /** Nanoseconds from the beginning of the call to its end, by the clock. */
    uint64_t total_ns;
} hexz_build_report;

/** What to build from, and how. Zero in any field but struct_size is the default. */
typedef struct hexz_build_opts {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** Zero. */
    uintptr_t reserved;
    /** HEXZ_BUILD_ flags. */
    uint64_t flags;
    /**
     * The disk image: a regular file or a block device. It becomes the stream "disk". NULL only
     * with streams. Parts of it, and of the other files that are read, which were not in the page
     * cache before are dropped from it again.
     */
    const char *source;
    /**
     * A memory dump, or NULL. It becomes the stream "memory", byte for byte, whatever it is. Best
     * is a raw one (QEMU: pmemsave): its pages are found on the disk, where the page cache has
     * them from. In an ELF one (dump-guest-memory) the headers shift them, and none is found; a
     * compressed one (dump-guest-memory -z, -l, -s) does not shrink any more.
     */
    const char *memory;
    /**
     * The snapshot file to make. It appears complete or not at all, with mode 0600 less the umask.
     * Exactly one of output and sink is given.
     */
    const char *output;
    /** Name of the profile; NULL: "generic". Not together with custom. */
    const char *profile;
    /** HEXZ_FORMAT_ value of source; memory is taken as it is. */
    uint32_t source_format;
    /**
     * Threads that use CPU, the calling one included: 1 starts none. 0: as many as the CPUs that
     * this process may use. At most that many are used, and never more than 256; the snapshot does
     * not depend on it.
     */
    uint32_t threads;
    /** Pack parameters of your own, or NULL. */
    const hexz_profile *custom;
    /**
     * Supplies passwords, or NULL. Given without HEXZ_BUILD_ENCRYPT and without a parent it is
     * HEXZ_ERR_INVALID_ARGUMENT: somebody expects an encrypted snapshot.
     */
    hexz_password_fn password;
    /** First argument of password. */
    void *password_data;
    /** Is told how far the build has come, or NULL. */
    hexz_progress_fn progress;
    /** First argument of progress. */
    void *progress_data;
    /** Stops the build when triggered, or NULL. Not freed before the call returns. */
    const hexz_cancel *cancel;
    /**
     * A snapshot to store only the differences to, or NULL: what it or one that it leans on has, in
     * the stream of the same name at the same place or anywhere, is not stored again. At the same
     * place bytes are compared; anywhere else they are found by their hash, and the block that they
     * lie in is decoded and hashed once before they count. The new snapshot leans on those of them
     * that it refers to, and records their file names as hints.
     */
    const char *parent;
    /** The same as an open handle, or NULL; not both. It may be closed once the call returned. */
    const hexz_snapshot *parent_snapshot;
    /** More streams, behind disk and memory in their order, or NULL; at most 256 in all. */
    const hexz_stream *const *streams;
    /** Number of streams. */
    size_t stream_count;
    /**
     * Takes the snapshot in place of an output file, or NULL. HEXZ_BUILD_OVERWRITE and
     * HEXZ_BUILD_NO_SYNC have no meaning then.
     */
    const hexz_sink *sink;
    /** Filled in on success, or NULL. Its struct_size is set by you. */
    hexz_build_report *report;
    /**
     * Bytes of memory for the work, for any size of source; 0: 256 MiB. Too little is
     * HEXZ_ERR_INVALID_ARGUMENT, and the text names the least. The snapshot depends on it a
     * little: with more memory more duplicates are found.
     */
    uint64_t memory_limit;
    /** Cost of the password's key (Argon2id, RFC 9106): memory in KiB, 1024 to 1048576; 0: 65536. */
    uint32_t kdf_memory_kib;
    /** Passes over that memory, 1 to 64; 0: 3. */
    uint32_t kdf_passes;
    /** Lanes, 1 to 16; 0: 4. */
    uint32_t kdf_lanes;
    /** Zero. */
    uint32_t reserved2;
    /**
     * Open snapshots in which content is looked for besides the parent's, anywhere in them, or
     * NULL; with all their ancestors at most 64. The new snapshot leans on those of them that it
     * refers to. They may be closed once the call returned. One that is encrypted and is no
     * relative of an encrypted parent (or of the first encrypted base) is skipped.
     */
    const hexz_snapshot *const *bases;
    /** Number of bases. */
    size_t base_count;
    /**
     * Folder for an unnamed file that takes what outgrows memory_limit; NULL: the output's. Only a
     * builder that writes out of order has such; hexz_build() does not look at it.
     */
    const char *spill;
} hexz_build_opts;

/**
 * A snapshot file in the host program's care: in memory, in an object store. The struct is copied;
 * user_data is used until release.
 *
 * read_at returns 0; anything else is HEXZ_ERR_CALLBACK of the call that needed the bytes, after
 * which the handle is as good as before. It is called from any thread that uses a handle which leans
 * on the storage, and from threads of the library while one is verified or extracted: from one
 * thread at a time, whatever the handles, unless HEXZ_SOURCE_CONCURRENT is set. From within it those
 * handles are HEXZ_ERR_STATE, and are not to be waited for: whoever uses one may wait for this read.
 * Every byte is checked as those of a file are.
 */
typedef struct hexz_storage {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** First argument of the callback. */
    void *user_data;
    /** Bytes of the snapshot file, at most INT64_MAX. */
    uint64_t size;
    /** HEXZ_SOURCE_CONCURRENT or 0. */
    uint64_t flags;
    /**
     * Fills all len bytes of buf, 1 or more, with what is at offset, or fails. Never asked beyond
     * size; at opening for at most 64 KiB in at most four calls.
     */
    int32_t (*read_at)(void *user_data, uint64_t offset, void *buf, size_t len);
    /**
     * Is called once, when the last handle that leans on this storage is gone, or before
     * hexz_snapshot_open() returns when it fails, arguments that it refuses among the reasons
     * (unless this struct itself is refused). Not called on a thread of the library. NULL: what
     * user_data is lives until then on your own care.
     */
    void (*release)(void *user_data);
} hexz_storage;

/**
 * An ancestor that is looked for. The library's, valid during the callback; what the callback
 * fills in lives until hexz_snapshot_open() returns.
 */
typedef struct hexz_ancestor {
    /** Size in bytes that the library filled in: a newer library may give a longer struct. */
    size_t struct_size;
    /** The 32 bytes of its root. */
    const uint8_t *root;
    /**
     * The file name that it had when the child was built, which is a hint and no more; NULL if
     * none is recorded. From a file of any origin: mind what you print and open.
     */
    const char *hint;
    /** Set by the callback: where it is. Exactly one of path, storage and snapshot. */
    const char *path;
    /** Set by the callback: the storage that has it. */
    const hexz_storage *storage;
    /** Set by the callback: it, open already. */
    const hexz_snapshot *snapshot;
} hexz_ancestor;

/**
 * Finds an ancestor by its root.
 *
 * Returns 0 with one of path, storage and snapshot set. A positive answer says that it is unknown
 * here: the search goes on. A negative one is HEXZ_ERR_CALLBACK. Called on the thread that made
 * the call. The snapshot is not open yet: any other may be opened and used here. A storage is given
 * back by its release, once, when the last handle that leans on it is gone or the open has failed.
 */
typedef int32_t (*hexz_ancestor_fn)(void *user_data,
                                    hexz_ancestor *ancestor);

/** What to open, and how. Zero in any field but struct_size is the default. */
typedef struct hexz_open_opts {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** Zero. */
    uintptr_t reserved;
    /** HEXZ_OPEN_ flags. */
    uint64_t flags;
    /** Bytes of decoded blocks and index pages to keep in memory; 0: 32 MiB. */
    uint64_t cache_size;
    /** The snapshot file. Exactly one of path and storage is given. */
    const char *path;
    /** The snapshot in the host program's care, or NULL. */
    const hexz_storage *storage;
    /** Supplies the password of an encrypted snapshot, or NULL. See HEXZ_OPEN_ALLOW_PLAIN. */
    hexz_password_fn password;
    /** First argument of password. */
    void *password_data;
    /** Where the parent is, or NULL. */
    const char *parent;
    /** The same as an open handle, or NULL; not both. It may be closed once the call returned. */
    const hexz_snapshot *parent_snapshot;
    /**
     * The 32 bytes that the root must be (hexz_build_report.root), or NULL. Another root is
     * HEXZ_ERR_CORRUPT, and each block is checked by BLAKE3 as well when it is read.
     */
    const uint8_t *expect_root;
    /** Stops the opening when triggered, or NULL. Not used after the call returned. */
    const hexz_cancel *cancel;
    /** Finds ancestors that parent_snapshot and parent are not, or NULL. */
    hexz_ancestor_fn ancestor;
    /** First argument of ancestor. */
    void *ancestor_data;
    /**
     * KiB of memory that making a key from a password may take at most, since whoever made the
     * snapshot chose the cost; 0: 1048576, the most that the format allows. Passwords are tried on
     * the key slots in turn; one that asks for more is HEXZ_ERR_UNSUPPORTED when its turn comes,
     * before that memory is taken, and before a password is asked for if it is the first.
     */
    uint32_t kdf_memory_max_kib;
    /** Zero. */
    uint32_t reserved2;
} hexz_open_opts;

/** What a snapshot is. */
typedef struct hexz_info {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** Zero. */
    uintptr_t reserved;
    /** The root: see hexz_build_report.root. */
    uint8_t root[32];
    /** Root of the parent that it was built on, whether it leans on that or not; zeros without one. */
    uint8_t parent_root[32];
    /** Version of the file format. */
    uint32_t format_version;
    /** Number of streams. */
    uint32_t stream_count;
    /** 1: encrypted. 0: plain. */
    uint32_t encrypted;
    /** 1: made of content-defined chunks. 0: of fixed units. */
    uint32_t cdc;
    /** HEXZ_COMPRESSION_ value that was asked for. */
    uint32_t compression;
    /** Level that was asked for. */
    int32_t level;
    /** Bytes that were compressed together. */
    uint32_t block_size;
    /** Bytes of the dictionary; 0: none. */
    uint32_t dictionary_size;
    /** Bytes of the snapshot file. */
    uint64_t file_size;
    /** Bytes of all streams. */
    uint64_t logical_size;
    /** Blocks stored in this file. */
    uint64_t blocks;
    /** Snapshots that this one leans on: see hexz_snapshot_ancestor(). Those of which it takes bytes. */
    uint32_t ancestor_count;
    /** Zero. */
    uint32_t reserved2;
} hexz_info;

/** What a stream is. */
typedef struct hexz_stream_info {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** Its name in UTF-8, ended by NUL. From a file of any origin: mind what you print. */
    char name[64];
    /** HEXZ_STREAM_ value. */
    uint32_t kind;
    /** Zero. */
    uint32_t reserved;
    /** Bytes. */
    uint64_t size;
    /** Of these in extents of data, its own and those of snapshots that it leans on. */
    uint64_t data_size;
    /** Of these in extents of zeros. */
    uint64_t zero_size;
    /** Bytes in the file of the blocks that this stream brought in. */
    uint64_t stored_size;
} hexz_stream_info;

/** What a snapshot leans on. */
typedef struct hexz_ancestor_info {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** Its root. */
    uint8_t root[32];
    /**
     * The file name that it had when the child was built, ended by NUL; empty if none is recorded.
     * From a file of any origin: mind what you print.
     */
    char hint[256];
    /** Logical bytes that come from it. */
    uint64_t bytes_inherited;
    /** Bytes of its file. */
    uint64_t file_size;
} hexz_ancestor_info;

/** A run of bytes of one kind. */
typedef struct hexz_extent {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** HEXZ_EXTENT_ value. */
    uint32_t kind;
    /** Zero. */
    uint32_t reserved;
    /** The offset that was asked about. */
    uint64_t offset;
    /** Bytes from there on that are of this kind, at least 1. What follows may be of the same kind. */
    uint64_t len;
} hexz_extent;

/** What a verify found. */
typedef struct hexz_verify_report {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** Index of the first stream with damage; UINT32_MAX: none, or the damage is in no stream. */
    uint32_t bad_stream;
    /** Zero. */
    uint32_t reserved;
    /**
     * The first offset in that stream that cannot be read; UINT64_MAX without one. In a file that was
     * made to cost much work it may be one before that, never one behind it.
     */
    uint64_t bad_offset;
    /** Blocks looked at, bad ones among them. */
    uint64_t blocks_checked;
    /** Blocks that are damaged, or cannot be found because the index is. */
    uint64_t blocks_bad;
} hexz_verify_report;

/** How to verify. Zero in any field but struct_size is the default. */
typedef struct hexz_verify_opts {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** As hexz_build_opts.threads. */
    uint32_t threads;
    /** Zero. */
    uint32_t reserved;
    /** Is told how far the work has come, or NULL. */
    hexz_progress_fn progress;
    /** First argument of progress. */
    void *progress_data;
    /** Stops the work when triggered, or NULL. */
    const hexz_cancel *cancel;
    /** Filled in on HEXZ_OK and on HEXZ_ERR_CORRUPT, or NULL. Its struct_size is set by you. */
    hexz_verify_report *report;
} hexz_verify_opts;

/** What to extract, and where to. Zero in any field but struct_size is the default. */
typedef struct hexz_extract_opts {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** Zero. */
    uintptr_t reserved;
    /** HEXZ_EXTRACT_ flags. */
    uint64_t flags;
    /** Index of the stream. */
    uint32_t stream;
    /** As hexz_build_opts.threads. */
    uint32_t threads;
    /**
     * The file to make, raw and sparse. It appears complete or not at all, unless
     * HEXZ_EXTRACT_IN_PLACE is set. Exactly one of output and sink is given.
     */
    const char *output;
    /**
     * Takes the bytes in place of a file, in order, or NULL. Not with HEXZ_EXTRACT_IN_PLACE; of the
     * other flags none has a meaning then.
     */
    const hexz_sink *sink;
    /** Is told how far the work has come, or NULL. */
    hexz_progress_fn progress;
    /** First argument of progress. */
    void *progress_data;
    /** Stops the work when triggered, or NULL. */
    const hexz_cancel *cancel;
    /** Zero. */
    uintptr_t reserved2;
} hexz_extract_opts;

/** Which password to change, and how. Zero in any field but struct_size is the default. */
typedef struct hexz_rekey_opts {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** The snapshot file, which is changed in place. */
    const char *path;
    /** Zero: there are no flags yet. */
    uint64_t flags;
    /** HEXZ_REKEY_ value. */
    uint32_t operation;
    /** As in hexz_build_opts, for the new password. */
    uint32_t kdf_memory_kib;
    /** As in hexz_build_opts, for the new password. */
    uint32_t kdf_passes;
    /** As in hexz_build_opts, for the new password. */
    uint32_t kdf_lanes;
    /** Supplies the passwords: first HEXZ_PASSWORD_OPEN, then HEXZ_PASSWORD_CREATE. */
    hexz_password_fn password;
    /** First argument of password. */
    void *password_data;
    /**
     * Stops the work when triggered, or NULL, until the file begins to change. Not used after the
     * call returned.
     */
    const hexz_cancel *cancel;
    /** As in hexz_open_opts, for the key slots that are there. */
    uint32_t kdf_memory_max_kib;
    /** Zero. */
    uint32_t reserved;
} hexz_rekey_opts;

/**
 * A run of memory, and its place in a stream. Runs of one handle overlap neither in memory nor in
 * the stream.
 */
typedef struct hexz_ram {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** Where it begins; a multiple of the page size. With HEXZ_PAGER_UFFD an address of its owner. */
    void *addr;
    /** Bytes; a multiple of the page size, not 0. */
    uint64_t len;
    /** Where it begins in the stream; a multiple of the page size. */
    uint64_t offset;
    /** Bytes of its pages, as for hugetlbfs, a power of two; 0: the system's. */
    uint32_t page_size;
    /** Zero. */
    uint32_t reserved;
} hexz_ram;

/**
 * Memory to take snapshots of while it is written. Zero in any field but struct_size and regions
 * is the default.
 */
typedef struct hexz_live_opts {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** HEXZ_LIVE_TRACK or 0. */
    uint64_t flags;
    /**
     * The memory; what lies between the runs in the stream is zeros. It stays mapped until the
     * handle is freed; the structs are not needed after the call.
     */
    const hexz_ram *const *regions;
    /** Number of regions, 1 or more. */
    size_t region_count;
    /** Bytes of the stream; 0: it ends with the region that ends last. */
    uint64_t size;
    /** Bytes of memory for pages that were saved and not built yet, 256 KiB or more; 0: 64 MiB. */
    uint64_t memory_limit;
    /**
     * Folder for an unnamed file that takes saved pages beyond memory_limit; NULL: whoever writes
     * then waits until the build has taken some.
     */
    const char *spill;
} hexz_live_opts;

/** What a live handle did, counted from its beginning. */
typedef struct hexz_live_stats {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** Zero. */
    uintptr_t reserved;
    /** Freezes that succeeded. */
    uint64_t freezes;
    /** Nanoseconds that the last freeze took. */
    uint64_t freeze_ns;
    /** Writes that had to wait until a page was saved. */
    uint64_t faults;
    /** Nanoseconds of the longest such wait. */
    uint64_t fault_ns_max;
    /** Bytes saved before they were written over. */
    uint64_t bytes_saved;
    /** Of these, bytes that went into the spill file. */
    uint64_t bytes_spilled;
    /** Bytes known to be written since the freeze whose build last succeeded (HEXZ_LIVE_TRACK). */
    uint64_t bytes_changed;
} hexz_live_stats;

/** Memory to fill, and how. Zero in any field but struct_size and regions is the default. */
typedef struct hexz_pager_opts {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** HEXZ_PAGER_UFFD or 0. */
    uint64_t flags;
    /**
     * The memory: private or shared anonymous, fresh, of this process, unless HEXZ_PAGER_UFFD is
     * set. The structs are not needed after the call.
     */
    const hexz_ram *const *regions;
    /** Number of regions, 1 or more. */
    size_t region_count;
    /** Index of the stream that fills them. */
    uint32_t stream;
    /**
     * With HEXZ_PAGER_UFFD: the userfaultfd(2) on which their owner registered them. It stays the
     * caller's and open. Without the flag: 0 or -1.
     */
    int32_t uffd;
    /** Threads of the pager at most; 0: 2. */
    uint32_t threads;
    /** Zero. */
    uint32_t reserved;
    /** What hexz_pager_trace() gave for an earlier run, or NULL: filled in first, in that order. */
    const void *trace;
    /** Bytes of trace. */
    size_t trace_len;
    /**
     * Is told of each page that cannot be had, once, by its offset in the stream, or NULL. On a
     * thread of the pager; it may not call the pager. Whoever touches the page gets SIGBUS.
     */
    void (*failed)(void *user_data, uint64_t offset, hexz_status status);
    /** First argument of failed. */
    void *failed_data;
} hexz_pager_opts;

/** What a pager did, counted from its beginning. */
typedef struct hexz_pager_stats {
    /** Size of this struct in bytes: see HEXZ_INIT. */
    size_t struct_size;
    /** Zero. */
    uintptr_t reserved;
    /** First touches that had to wait. */
    uint64_t faults;
    /** Nanoseconds of the longest such wait. */
    uint64_t fault_ns_max;
    /** Bytes filled in because they were touched. */
    uint64_t bytes_faulted;
    /** Bytes filled in before they were touched. */
    uint64_t bytes_prefetched;
    /** Bytes not filled in yet. */
    uint64_t bytes_left;
    /** Pages that could not be had. */
    uint64_t failures;
} hexz_pager_stats;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/* The library ------------------------------------------------------------- */

/** The version of the library that is loaded: major << 16 | minor << 8 | patch. Any thread. */
uint32_t hexz_version(void);

/** The same as a text, such as "0.1.0". Never NULL, valid for ever, any thread. */
const char *hexz_version_string(void);

/* Errors ------------------------------------------------------------------ */

/**
 * The name of a status, such as "HEXZ_ERR_SOURCE". Any value is fine: one that is not known has
 * the name "unknown status". Never NULL, valid for ever, any thread.
 */
const char *hexz_status_name(hexz_status status);

/**
 * The text of this thread's last failure: what was tried, on which operand, why, and what to do
 * about it. UTF-8; bytes of a path that are not come as U+FFFD.
 *
 * Never NULL; empty while no call has failed on this thread. The library's: valid until this
 * thread's next call that fails, or its end. A call that succeeds leaves it as it is, so look at
 * the status first.
 */
const char *hexz_last_error(void);

/**
 * The system's errno behind this thread's last failure; 0 if the system had no part in it, or
 * nothing has failed.
 */
int32_t hexz_last_errno(void);

/** What a callback of yours returned to cause this thread's last failure; 0 if none did. */
int32_t hexz_last_callback_code(void);

/* Profiles ---------------------------------------------------------------- */

/**
 * Fills in the pack parameters of a profile: "generic" (VM disks; lz4, 64 KiB), "eda" (netlists,
 * layouts, waveforms; zstd 3, 128 KiB, dictionary), "embedded" (firmware; zstd 3, 16 KiB,
 * dictionary) or "ml" (weights; zstd 3, 1 MiB). NULL is "generic".
 *
 * Only needed to look at the parameters, or to change some and build with
 * hexz_build_opts.custom. Any thread.
 *
 * Errors: HEXZ_ERR_UNKNOWN_PROFILE, the text lists the names; HEXZ_ERR_INVALID_ARGUMENT.
 */
hexz_status hexz_profile_resolve(const char *name,
                                 hexz_profile *out);

/**
 * The name of profile number index, counted from 0; NULL past the last. Valid for ever, any
 * thread.
 */
const char *hexz_profile_name(size_t index);

/* Cancelling -------------------------------------------------------------- */

/**
 * Makes a cancel handle: a switch that stops the calls that were given it, from any thread. A call
 * stops within about 100 ms and returns HEXZ_ERR_CANCELLED, with nothing left behind; one that has
 * begun to give its output its name completes. The handle stays triggered, and any number of calls
 * may share it.
 *
 * The caller's: freed by hexz_cancel_free(). *out is NULL on failure. Errors:
 * HEXZ_ERR_INVALID_ARGUMENT.
 */
hexz_status hexz_cancel_new(hexz_cancel **out);

/**
 * Triggers a cancel handle. From any thread, any number of times, in a callback and in a signal
 * handler too (it is async-signal-safe). NULL does nothing.
 */
void hexz_cancel_trigger(const hexz_cancel *cancel);

/** Frees a cancel handle that no call uses any more. NULL does nothing. */
void hexz_cancel_free(hexz_cancel *cancel);

/* Building ---------------------------------------------------------------- */

/**
 * Builds a snapshot from a disk image and, if given, a memory dump and further streams (hexz_stream:
 * files, callbacks, streams of other snapshots): deduplicates 4 KiB units (or content-defined
 * chunks) over all of them, compresses blocks of them, and writes one file that appears
 * when it is complete, or not at all. The same input and options give the same bytes, whatever the
 * number of threads and the way in: by a path, by callbacks or out of another snapshot.
 *
 * Returns when all is done; threads it started are gone then. Several builds may run at once. opts
 * and what it points to are only read (but for the report), and not needed after the call. The
 * callbacks run on this thread, but for those of sources that allow more. No source may be written meanwhile: a change is noticed and is
 * HEXZ_ERR_SOURCE.
 *
 * With a sink the same bytes go there, front to back, on this thread, and what is said below of files
 * is the host program's affair.
 *
 * With HEXZ_BUILD_ENCRYPT, opts->password is asked once for the new password, with
 * HEXZ_PASSWORD_CREATE and before the sources are read or an output is made. All but the file's
 * length and root is encrypted and authenticated, with AES-256-GCM under a random key which the
 * password opens (docs/SECURITY.md). Two such builds of the same input give different bytes.
 * kdf_memory_kib, kdf_passes and kdf_lanes are what guessing the password costs with Argon2id
 * (RFC 9106): 1024 to 1048576 KiB, 1 to 64, 1 to 16, memory times passes at most 4194304; 0 means
 * 65536, 3 and 4. That memory comes besides memory_limit, and is given back before packing begins.
 *
 * With a parent or bases the snapshot is a thin one, which needs those that it refers to wherever it
 * is read. If one of them is encrypted, the snapshot must be (HEXZ_ERR_INVALID_ARGUMENT): it keeps
 * their keys, so that its one password opens all. For that opts->password is asked for the password
 * of each encrypted one, with HEXZ_PASSWORD_PARENT and before the new one: an open handle keeps no
 * password either. A parent that is not there, or more than 64 snapshots to lean on, is
 * HEXZ_ERR_PARENT; one whose unit hashes are not those of its bytes HEXZ_ERR_CORRUPT, and such a
 * base is left out.
 *
 * The sources are regular files or block devices; a disk image may be qcow2 (see
 * HEXZ_FORMAT_QCOW2), a memory dump is taken byte for byte. Other files are opened only with
 * HEXZ_BUILD_ALLOW_BACKING, and none of them may be the output.
 *
 * The output is whole under its name, or it is not there and an old one is as it was: after errors,
 * cancels and kills at any moment. How far a file system supports that is found out before the work
 * begins, with little files beside the output; one that can neither link nor rename is refused then.
 * A killed process may leave a file .NAME.hexz-XXXXXX beside the output: on file systems with
 * unnamed files (O_TMPFILE) only at the beginning or the end, when one is tried or an old output is
 * replaced; on others at any time, since the output has that name during the whole build. The next
 * build to the same name removes what no living process writes, where the folder can be listed and
 * files be locked. Only where there are neither hard links nor RENAME_NOREPLACE (exFAT by FUSE,
 * rclone and such mounts) is the name of a new output taken with a file of one byte, over which
 * the complete one is renamed at once: a reader may see that one for the moment, a kill may leave
 * it, and what another process puts there in that moment is replaced. docs/OUTPUT.md lists file
 * systems.
 *
 * Unless HEXZ_BUILD_NO_SYNC is set, the output and its folder are synced. A file system that cannot
 * sync files is refused before the work; one that cannot sync folders (EINVAL, EOPNOTSUPP, EBADF,
 * ENOSYS) is taken, and its names are as durable as it makes them. A new output has mode 0600 less
 * the umask; one that replaces a regular file takes over its mode (not the set-ID bits), owner,
 * group and access control list, as far as the caller may. A host that sets RLIMIT_FSIZE must ignore
 * SIGXFSZ, or the kernel kills it when an output grows past the limit; ignored, it is
 * HEXZ_ERR_OUTPUT.
 *
 * Errors: HEXZ_ERR_INVALID_ARGUMENT, _UNKNOWN_PROFILE, _SOURCE, _OUTPUT, _EXISTS,
 * _PASSWORD_REQUIRED (no callback, or it declined), _INVALID_PASSWORD (empty or over 1024 bytes),
 * _WRONG_PASSWORD and _PARENT (a parent or base), _CALLBACK, _NO_STREAM, _CORRUPT and _IO (a
 * snapshot that is a source or is leaned on), _STATE, _UNSUPPORTED,
 * _CANCELLED, _NO_MEMORY, _INTERNAL. After an error there is no new file and an old output is as
 * it was, with one exception: if only the last step fails, syncing the folder of the output, then
 * the complete new file is in place, and the text says so.
 */
hexz_status hexz_build(const hexz_build_opts *opts);

/* Building piece by piece ------------------------------------------------- */

/**
 * Begins a snapshot whose bytes the host program pushes, in any order: hexz_builder_stream() adds a
 * stream, hexz_builder_write(), hexz_builder_zero() and hexz_builder_inherit() say what is in it, and
 * hexz_builder_finish() completes the file, which appears then or not at all. What is never written
 * is zeros. opts as for hexz_build(), without source, memory, streams and report, which are
 * HEXZ_ERR_INVALID_ARGUMENT; what progress, sink and cancel point to must live until the builder is
 * freed, all else is copied.
 *
 * The last write to a place wins. With HEXZ_BUILD_CDC and with a sink, though, streams are pushed front
 * to back, one after the other; going back is HEXZ_ERR_STATE, and what is left out is zeros. What is
 * pushed in order gives the same file as a build of the same bytes by path with the same options,
 * except that no dictionary is trained, since nobody knows what is still to come. Out of order it
 * reads the same, and may be a little larger: what was stored already and is then overwritten stays
 * in the file, and hexz_build_report.bytes_dead counts it. What waits is bounded by memory_limit; the
 * map of what came out of order goes, where that is too little for it, into an unnamed file in
 * opts.spill, sealed under a key of its own if the snapshot is encrypted.
 *
 * A thread of the builder packs and writes the file meanwhile, with threads - 1 further ones that help
 * it; all are gone when the builder is freed. The password is asked for by this call, progress is told
 * and the sink called by the calls that may wait: write, zero, inherit, finish. bytes_read of the
 * report are the bytes that were pushed and packed.
 *
 * The builder belongs to one thread at a time: a second call meanwhile, one from its own callbacks
 * among them, is HEXZ_ERR_STATE. So is any call but hexz_builder_free() once one has failed, other
 * than with HEXZ_ERR_AGAIN or for what it was given (_INVALID_ARGUMENT, _NO_STREAM, _OUT_OF_RANGE,
 * _STATE), which change nothing. A triggered cancel makes the next call fail, and one that waits. A
 * failure of the thread that packs (HEXZ_ERR_OUTPUT for a full disk) is told by the next call. A
 * forked child cannot use it: HEXZ_ERR_STATE.
 *
 * The builder is the caller's, freed by hexz_builder_free(). *out is NULL on failure. Errors: as
 * hexz_build(), but for _SOURCE and _NO_STREAM.
 */
hexz_status hexz_builder_new(const hexz_build_opts *opts,
                             hexz_builder **out);

/**
 * Adds a stream of size bytes, all zero, also after others were written to; *stream becomes its index,
 * from 0. name is 1 to 63 bytes of UTF-8 that no other stream has, kind an HEXZ_STREAM_ value or 0 for
 * a blob. Errors: HEXZ_ERR_INVALID_ARGUMENT, _STATE, _NO_MEMORY, _INTERNAL.
 */
hexz_status hexz_builder_stream(hexz_builder *builder,
                                const char *name,
                                uint32_t kind,
                                uint64_t size,
                                uint32_t *stream);

/**
 * Writes len bytes of data at offset of the stream; the last write to a place wins. offset and
 * offset + len are multiples of 4096 or the end of the stream. data is copied. Waits while there is
 * no room. Errors: HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM, _OUT_OF_RANGE, _STATE, _OUTPUT, _CORRUPT,
 * _IO and _CALLBACK (a parent or base; the sink), _CANCELLED, _UNSUPPORTED, _NO_MEMORY, _INTERNAL.
 */
hexz_status hexz_builder_write(hexz_builder *builder,
                               uint32_t stream,
                               uint64_t offset,
                               const void *data,
                               size_t len);

/**
 * As hexz_builder_write(), but where that would wait for threads, output or callbacks it takes nothing
 * and returns HEXZ_ERR_AGAIN at once: for event loops and coroutines, which then wait for
 * hexz_builder_ready_fd(). At most 1 MiB at a time. It calls no callback; so with a sink, which only
 * calls that may wait call, HEXZ_ERR_AGAIN means to go on with hexz_builder_write().
 */
hexz_status hexz_builder_try_write(hexz_builder *builder,
                                   uint32_t stream,
                                   uint64_t offset,
                                   const void *data,
                                   size_t len);

/**
 * *fd becomes an eventfd(2) that is readable while a hexz_builder_try_write() is worth it, and after a
 * failure. The library's: poll it (POLLIN, level or edge), do not read it; the same for as long as the
 * builder lives, closed with it. HEXZ_ERR_UNSUPPORTED with a sink: see hexz_builder_try_write().
 * Errors: HEXZ_ERR_INVALID_ARGUMENT, _STATE, _UNSUPPORTED.
 */
hexz_status hexz_builder_ready_fd(const hexz_builder *builder,
                                  int32_t *fd);

/** Makes len bytes at offset zero, as hexz_builder_write() would, however many. Errors: as there. */
hexz_status hexz_builder_zero(hexz_builder *builder,
                              uint32_t stream,
                              uint64_t offset,
                              uint64_t len);

/**
 * Takes len bytes at offset from the stream of the same name of opts.parent or opts.parent_snapshot,
 * without reading them: for a hypervisor that writes only what its dirty bitmap says. What the parent
 * has not is zeros. With chunks, here or there, they are read. Errors: as hexz_builder_write();
 * HEXZ_ERR_INVALID_ARGUMENT without a parent.
 */
hexz_status hexz_builder_inherit(hexz_builder *builder,
                                 uint32_t stream,
                                 uint64_t offset,
                                 uint64_t len);

/**
 * Completes the snapshot, gives it its name, and fills in report, unless it is NULL; its struct_size
 * is set by you. After that the builder can only be freed. A builder without streams is
 * HEXZ_ERR_STATE, and goes on. Errors: as hexz_builder_write(), and HEXZ_ERR_EXISTS.
 */
hexz_status hexz_builder_finish(hexz_builder *builder,
                                hexz_build_report *report);

/**
 * Frees a builder. One that was not finished leaves nothing behind; its sink is aborted. NULL does
 * nothing. While a call is under way, in a callback of it for one, it does nothing either.
 */
void hexz_builder_free(hexz_builder *builder);

/* Reading ----------------------------------------------------------------- */

/**
 * Opens a snapshot for reading. At most 64 KiB are read, however large it is; the rest is read
 * when it is asked for, and every byte is checked before it is handed out.
 *
 * The handle is the caller's: closed by hexz_snapshot_close(). Any number of threads may use it at
 * once, for different calls or the same. The file must stay as it is while it is open; replacing
 * it by rename is fine. opts and what it points to are not needed after the call (what user_data of a
 * storage is, until its release). *out is NULL on failure.
 *
 * If the file is encrypted, opts->password is asked for its password, on this thread, up to three
 * times; each asking costs what the builder chose (by default 64 MiB of memory for some tenths of a
 * second, which are free again before the call returns), kdf_memory_max_kib at most; opts->cancel
 * is seen within 100 ms meanwhile. expect_root is compared before. A callback
 * for a file that is not encrypted is an error, since somebody may have put a plain file in its
 * place, unless HEXZ_OPEN_ALLOW_PLAIN is set. The keys stay out of core dumps, and a forked child
 * does not have them: there, calls on the handle that need them are HEXZ_ERR_STATE.
 *
 * A snapshot that leans on others is opened with them, and is none without: bytes that are missing
 * never read as zeros. Each is looked for by its root, in this order: parent_snapshot and what that
 * leans on itself; parent; what ancestor answers; and, for a snapshot opened by path, the name that
 * it records, beside it, unless HEXZ_OPEN_NO_HINTS is set. One that is found nowhere or has another
 * root is HEXZ_ERR_PARENT, with the roots and the places in the text, and errno set if a file is
 * missing; a damaged one is HEXZ_ERR_CORRUPT. An encrypted snapshot has the keys of those that it
 * leans on, so that its password opens them all. They share its cache, but for those that were open
 * already, which keep theirs and may be closed once the call returned.
 *
 * A root is no secret and no permission: who can make a snapshot that you read can have it lean on
 * any whose root is known, and reads that one through you. Where that matters, give ancestors by
 * callback alone, and only those that the maker may read.
 *
 * Errors: HEXZ_ERR_INVALID_ARGUMENT, _NOT_SNAPSHOT, _UNSUPPORTED (a newer format version, a
 * feature of a later version, a password that costs more than kdf_memory_max_kib), _PARENT,
 * _CORRUPT (damaged, cut, lengthened, or not the expected root), _IO
 * (ENOENT and others in hexz_last_errno()), _PASSWORD_REQUIRED (encrypted, and no callback or it
 * declined), _INVALID_PASSWORD (empty or over 1024 bytes), _WRONG_PASSWORD, _CALLBACK,
 * _NOT_ENCRYPTED, _CANCELLED, _NO_MEMORY, _INTERNAL.
 */
hexz_status hexz_snapshot_open(const hexz_open_opts *opts,
                               hexz_snapshot **out);

/**
 * Closes a snapshot that no call uses any more. NULL does nothing; from a callback of a call on
 * this snapshot it does nothing either.
 */
void hexz_snapshot_close(hexz_snapshot *snapshot);

/** Tells what a snapshot is. Reads nothing. Errors: HEXZ_ERR_INVALID_ARGUMENT, _STATE. */
hexz_status hexz_snapshot_info(const hexz_snapshot *snapshot,
                               hexz_info *out);

/**
 * Tells what stream number index is, counted from 0. Reads nothing. Errors:
 * HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM past the last, _STATE.
 */
hexz_status hexz_snapshot_stream(const hexz_snapshot *snapshot,
                                 uint32_t index,
                                 hexz_stream_info *out);

/**
 * Tells what snapshot number index is that this one leans on, counted from 0 up to
 * hexz_info.ancestor_count: its root, its recorded name, and how much of the streams comes from it.
 * The first call on a handle reads the index pages that say what lies where, which takes as long as
 * there are many; later ones read nothing. Any thread.
 *
 * Errors: HEXZ_ERR_INVALID_ARGUMENT, _OUT_OF_RANGE (there is none of that number), _CORRUPT, _IO,
 * _NO_MEMORY, _STATE, _INTERNAL.
 */
hexz_status hexz_snapshot_ancestor(const hexz_snapshot *snapshot,
                                   uint32_t index,
                                   hexz_ancestor_info *out);

/**
 * Finds the index of a stream by its name, such as "disk" or "memory". Reads nothing. Errors:
 * HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM, _STATE.
 */
hexz_status hexz_snapshot_find(const hexz_snapshot *snapshot,
                               const char *name,
                               uint32_t *index);

/**
 * Reads len bytes at offset of a stream into buf: all of them, or it fails. Any offset and length
 * will do; most at a time costs least. len 0 within the stream is fine with any buf.
 *
 * After a failure buf may hold some bytes of the stream, but never any that were not checked.
 *
 * Errors: HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM, _OUT_OF_RANGE (offset + len is beyond the end),
 * _CORRUPT, _IO, _CALLBACK, _NO_MEMORY, _STATE, _INTERNAL.
 */
hexz_status hexz_snapshot_read(const hexz_snapshot *snapshot,
                               uint32_t stream,
                               uint64_t offset,
                               void *buf,
                               size_t len);

/**
 * Tells what is at offset of a stream, and for how many bytes: to skip zeros, or to copy a sparse
 * file as one. Errors: HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM, _OUT_OF_RANGE (offset is at or
 * beyond the end), _CORRUPT, _IO, _CALLBACK, _NO_MEMORY, _STATE, _INTERNAL.
 */
hexz_status hexz_snapshot_extent(const hexz_snapshot *snapshot,
                                 uint32_t stream,
                                 uint64_t offset,
                                 hexz_extent *out);

/**
 * Tells what is at offset of stream to_stream of to, against the same offset of stream from_stream
 * of from, and for how many bytes: HEXZ_EXTENT_SAME, HEXZ_EXTENT_DATA (it may differ) or
 * HEXZ_EXTENT_ZERO (it may differ, and is zeros now). What lies beyond the end of from's stream
 * counts as zeros. What follows may be of the same kind. Only indexes are read, no blocks; the two
 * may be one handle. Any thread.
 *
 * Two snapshots that lean on the same ones are compared by place; what lies in different places, by
 * the hashes of its units, where both were cut alike and hash under one key (both plain, or one
 * built on the other's key), else it is DATA. Who made a snapshot may have written hashes that are
 * not those of its bytes: hexz_snapshot_verify() tells.
 *
 * Errors: HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM, _OUT_OF_RANGE (offset is at or beyond the end of
 * to's stream), _CORRUPT, _IO, _NO_MEMORY, _STATE, _INTERNAL.
 */
hexz_status hexz_snapshot_diff(const hexz_snapshot *from,
                               uint32_t from_stream,
                               const hexz_snapshot *to,
                               uint32_t to_stream,
                               uint64_t offset,
                               hexz_extent *out);

/**
 * Checks all of this snapshot's file: every block, every hash, every page of the index. Damage
 * does not stop it, so that the report is complete. A parent is verified by itself.
 *
 * Returns when all is done; threads it started are gone then. The callbacks run on this thread,
 * and must not use this snapshot. Other threads may use it meanwhile.
 *
 * Errors: HEXZ_ERR_CORRUPT with the report filled in, _INVALID_ARGUMENT, _IO, _CALLBACK, _CANCELLED,
 * _NO_MEMORY, _STATE, _INTERNAL.
 */
hexz_status hexz_snapshot_verify(const hexz_snapshot *snapshot,
                                 const hexz_verify_opts *opts);

/**
 * Writes a stream out as a raw file with holes where it has zeros. The file appears when it is
 * complete, or not at all, under the guarantees that hexz_build() gives, with the same modes and the
 * same temporaries, unless HEXZ_EXTRACT_IN_PLACE is set. With a sink it goes there, front to back;
 * threads decode ahead, and the calls do not depend on them.
 *
 * Returns when all is done; threads it started are gone then. The callbacks run on this thread,
 * and must not use this snapshot. Other threads may use it meanwhile.
 *
 * Errors: HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM, _OUTPUT, _EXISTS, _CORRUPT, _IO, _CALLBACK,
 * _CANCELLED, _NO_MEMORY, _STATE, _INTERNAL.
 */
hexz_status hexz_snapshot_extract(const hexz_snapshot *snapshot,
                                  const hexz_extract_opts *opts);

/* Passwords --------------------------------------------------------------- */

/**
 * Adds, replaces or removes a password of an encrypted snapshot file, in place: only its key slots
 * change, 8 KiB, and killed at any moment the old or the new password opens it. The root hash stays.
 * Open handles, here and elsewhere, go on as before; a second change at the same time is
 * HEXZ_ERR_IO.
 *
 * The callback is asked with HEXZ_PASSWORD_OPEN for a password that opens the file (again after a
 * wrong one, three times at most), and to add or replace with HEXZ_PASSWORD_CREATE for the new one.
 * HEXZ_REKEY_REPLACE and HEXZ_REKEY_REMOVE are about the password that opened the file; if it was
 * added more than once, all of it goes. The kdf_ fields are for the new password, as in
 * hexz_build_opts. kdf_memory_max_kib bounds what the passwords that are there may cost, as in
 * hexz_open_opts.
 *
 * opts->cancel is seen within 100 ms while keys are made, and until the file begins to change: the
 * file is then as it was.
 *
 * It does not take the file's key from somebody who had it, nor from an older copy of the file:
 * against those, build anew.
 *
 * Errors: HEXZ_ERR_INVALID_ARGUMENT, _PASSWORD_REQUIRED, _INVALID_PASSWORD, _WRONG_PASSWORD,
 * _CALLBACK, _NOT_ENCRYPTED, _STATE (removing the last password, adding a ninth), _NOT_SNAPSHOT,
 * _UNSUPPORTED (kdf_memory_max_kib among the reasons), _CORRUPT, _CANCELLED, _IO (it cannot be opened for writing, or another process changes it),
 * _OUTPUT (writing or syncing failed; the text says whether the change was made), _NO_MEMORY,
 * _INTERNAL.
 */
hexz_status hexz_snapshot_rekey(const hexz_rekey_opts *opts);

/* Memory while it is written ---------------------------------------------- */

/**
 * Not in this version: HEXZ_ERR_UNSUPPORTED.
 *
 * Takes memory of this process as a source of builds (hexz_stream.live) that goes on being
 * written: the host stops its machine, calls hexz_live_freeze(), lets it run on, and builds
 * meanwhile; the stream is the memory as it was at the freeze. Pages are protected by
 * userfaultfd(2) and saved before they are written over. Starts a thread, which hexz_live_free()
 * ends.
 *
 * What the protection does not see: pinned pages that a device or the kernel writes (io_uring's
 * registered buffers, VFIO), another mapping of the same memory, write(2) into it, holes punched
 * into it. Tell those by hexz_live_changed() and hexz_live_discard().
 *
 * The handle is the caller's: freed by hexz_live_free(). *out is NULL on failure. Errors:
 * HEXZ_ERR_INVALID_ARGUMENT (regions that overlap or are no whole pages among the reasons),
 * _UNSUPPORTED (no userfaultfd, memory that cannot be protected), _NO_MEMORY, _INTERNAL.
 */
hexz_status hexz_live_new(const hexz_live_opts *opts,
                          hexz_live **out);

/**
 * Not in this version. Makes the stream what the memory is now, and returns as soon as every page
 * is protected. Nobody writes the memory during the call. Not during a build that reads it, nor
 * beside hexz_live_thaw() and hexz_live_free(). Errors: HEXZ_ERR_INVALID_ARGUMENT, _STATE (frozen
 * already), _UNSUPPORTED, _NO_MEMORY, _INTERNAL.
 */
hexz_status hexz_live_freeze(hexz_live *live);

/**
 * Not in this version. Lets go of the frozen memory. The end of a build that read it does the same,
 * unless the build was refused before it began. Errors: HEXZ_ERR_INVALID_ARGUMENT, _STATE (a build
 * reads it), _UNSUPPORTED, _INTERNAL.
 */
hexz_status hexz_live_thaw(hexz_live *live);

/**
 * Not in this version. Says that len bytes at offset of the stream were written in a way that the
 * protection does not see (KVM's or vhost's dirty log). Any thread, any time. Errors:
 * HEXZ_ERR_INVALID_ARGUMENT, _OUT_OF_RANGE (offset + len is beyond the end), _UNSUPPORTED,
 * _INTERNAL.
 */
hexz_status hexz_live_changed(hexz_live *live,
                              uint64_t offset,
                              uint64_t len);

/**
 * Not in this version. Saves what the frozen stream still needs of len bytes at offset, which are
 * about to be given back to the system (a balloon: MADV_DONTNEED, MADV_REMOVE). Any thread, any
 * time. Errors: as hexz_live_changed(), and _NO_MEMORY, _IO (the spill file).
 */
hexz_status hexz_live_discard(hexz_live *live,
                              uint64_t offset,
                              uint64_t len);

/**
 * Not in this version. Tells what the handle did so far. Any thread, any time. Errors:
 * HEXZ_ERR_INVALID_ARGUMENT, _UNSUPPORTED.
 */
hexz_status hexz_live_stats_get(const hexz_live *live,
                                hexz_live_stats *out);

/** Frees a live handle that no call uses any more, and lets go of frozen memory. NULL does nothing. */
void hexz_live_free(hexz_live *live);

/* Memory that is filled when it is touched -------------------------------- */

/**
 * Not in this version: HEXZ_ERR_UNSUPPORTED. Freed before hexz_pager_fill() succeeded, what was
 * not touched of the memory reads as zeros.
 *
 * Fills memory from a stream of a snapshot, each block when one of its pages is first touched, by
 * threads of the pager, so that a machine runs on before its memory is there. The pager makes the
 * userfaultfd(2) for regions of this process; with HEXZ_PAGER_UFFD it serves one that another
 * process registered its regions on, and handed over. Pages that their owner gives back
 * (MADV_DONTNEED, MADV_REMOVE) are zeros from then on. fork(2) and mremap(2) of a region are not
 * supported. A page that cannot be had is SIGBUS for whoever touches it, never zeros.
 *
 * The handle is the caller's: freed by hexz_pager_free(). The snapshot may be closed first. *out
 * is NULL on failure. Errors: HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM, _STATE, _UNSUPPORTED,
 * _NO_MEMORY, _INTERNAL.
 */
hexz_status hexz_pager_new(const hexz_snapshot *snapshot,
                           const hexz_pager_opts *opts,
                           hexz_pager **out);

/**
 * Not in this version. Fills in all that is left. progress (or NULL) runs on this thread, with
 * HEXZ_PHASE_EXTRACT; cancel (or NULL) is not used after the call. After HEXZ_OK the memory is
 * ordinary memory, and the pager may be freed. Goes on past damage, which is HEXZ_ERR_CORRUPT at
 * the end. Errors: HEXZ_ERR_INVALID_ARGUMENT, _CORRUPT, _IO (an owner that died among the
 * reasons), _CANCELLED, _NO_MEMORY, _STATE, _UNSUPPORTED, _INTERNAL.
 */
hexz_status hexz_pager_fill(hexz_pager *pager,
                            hexz_progress_fn progress,
                            void *progress_data,
                            const hexz_cancel *cancel);

/**
 * Not in this version. Writes the order in which the memory was asked for so far into buf, for
 * hexz_pager_opts.trace of later runs, on any machine; *len becomes its bytes. A capacity that is
 * too small is HEXZ_ERR_INVALID_ARGUMENT, with nothing written; buf NULL with capacity 0 asks for
 * the length alone. Any thread, any time. Errors: HEXZ_ERR_INVALID_ARGUMENT, _UNSUPPORTED,
 * _INTERNAL.
 */
hexz_status hexz_pager_trace(const hexz_pager *pager,
                             void *buf,
                             size_t capacity,
                             size_t *len);

/**
 * Not in this version. Tells what the pager did so far. Any thread, any time. Errors:
 * HEXZ_ERR_INVALID_ARGUMENT, _UNSUPPORTED.
 */
hexz_status hexz_pager_stats_get(const hexz_pager *pager,
                                 hexz_pager_stats *out);

/** Frees a pager that no call uses any more, and ends its threads. NULL does nothing. */
void hexz_pager_free(hexz_pager *pager);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* HEXZ_H */
