package hexz

// #include "shim.h"
import "C"

import (
	"errors"
	"io/fs"
)

// Status is the kind of a failure. Each is an error by itself, to be looked
// for with errors.Is: calls return it within an [*Error]. A later version of
// the library may have statuses that are not listed here.
type Status int32

const (
	// ErrInvalidArgument: the call makes no sense. Also fs.ErrInvalid.
	ErrInvalidArgument Status = C.HEXZ_ERR_INVALID_ARGUMENT
	// ErrUnknownProfile: no profile has this name; the text lists the names.
	ErrUnknownProfile Status = C.HEXZ_ERR_UNKNOWN_PROFILE
	// ErrSource: the source or memory dump cannot be opened or read, changed
	// meanwhile, or is locked.
	ErrSource Status = C.HEXZ_ERR_SOURCE
	// ErrOutput: the output cannot be created, written, synced or published.
	ErrOutput Status = C.HEXZ_ERR_OUTPUT
	// ErrExists: the output is there, and Overwrite is not set. It was not
	// touched. Also fs.ErrExist.
	ErrExists Status = C.HEXZ_ERR_EXISTS
	// ErrPasswordRequired: a password is needed, and there is no PasswordFunc,
	// or it declined when first asked.
	ErrPasswordRequired Status = C.HEXZ_ERR_PASSWORD_REQUIRED
	// ErrInvalidPassword: a password of no bytes or of more than 1024.
	ErrInvalidPassword Status = C.HEXZ_ERR_INVALID_PASSWORD
	// ErrWrongPassword: the snapshot does not open with the passwords given.
	ErrWrongPassword Status = C.HEXZ_ERR_WRONG_PASSWORD
	// ErrNotSnapshot: the file is empty or does not begin as a snapshot does.
	ErrNotSnapshot Status = C.HEXZ_ERR_NOT_SNAPSHOT
	// ErrUnsupported: a feature that this version of the library does not have,
	// named in the text. Also errors.ErrUnsupported.
	ErrUnsupported Status = C.HEXZ_ERR_UNSUPPORTED
	// ErrCorrupt: the snapshot is damaged, or its root is not the expected one.
	ErrCorrupt Status = C.HEXZ_ERR_CORRUPT
	// ErrOutOfRange: a place beyond the end of the stream.
	ErrOutOfRange Status = C.HEXZ_ERR_OUT_OF_RANGE
	// ErrNoStream: no stream has this name.
	ErrNoStream Status = C.HEXZ_ERR_NO_STREAM
	// ErrParent: a parent is missing or is the wrong one.
	ErrParent Status = C.HEXZ_ERR_PARENT
	// ErrCancelled: the context ended or a ProgressFunc returned an error, and
	// errors.Is finds that too.
	ErrCancelled Status = C.HEXZ_ERR_CANCELLED
	// ErrCallback: a PasswordFunc, an AncestorFunc, a Source, or an io.Writer or
	// io.ReaderAt returned an error, and errors.Is finds that too.
	ErrCallback Status = C.HEXZ_ERR_CALLBACK
	// ErrNoMemory: memory could not be had.
	ErrNoMemory Status = C.HEXZ_ERR_NO_MEMORY
	// ErrState: a call out of order, such as one on a closed snapshot (which is
	// also fs.ErrClosed), or removing the last password.
	ErrState Status = C.HEXZ_ERR_STATE
	// ErrInternal: a bug in the library, caught. Close the snapshot.
	ErrInternal Status = C.HEXZ_ERR_INTERNAL
	// ErrIO: the system failed to open or read a snapshot.
	ErrIO Status = C.HEXZ_ERR_IO
	// ErrNotEncrypted: a PasswordFunc was given for a plain snapshot, without
	// OpenOptions.AllowPlain.
	ErrNotEncrypted Status = C.HEXZ_ERR_NOT_ENCRYPTED
	// ErrAgain: a push builder would have to wait. Not in this version.
	ErrAgain Status = C.HEXZ_ERR_AGAIN
)

// String is the name of the status in the C API, such as "HEXZ_ERR_SOURCE".
func (s Status) String() string {
	return C.GoString(C.hexz_status_name(C.hexz_status(s)))
}

// Error is the same as String.
func (s Status) Error() string {
	return s.String()
}

// Is tells whether the status means one of the errors of Go's own library.
func (s Status) Is(target error) bool {
	switch s {
	case ErrInvalidArgument:
		return target == fs.ErrInvalid
	case ErrExists:
		return target == fs.ErrExist
	case ErrUnsupported:
		return target == errors.ErrUnsupported
	}
	return false
}
