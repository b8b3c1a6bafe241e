package hexz

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"fmt"
	"io/fs"
	"syscall"
	"unsafe"
)

// Error is a failure of the library: its kind, the system's part in it, and a
// text for people.
//
// errors.Is finds the Status, the Errno, and what a callback or a context gave
// as the reason.
type Error struct {
	// Status is the kind of the failure.
	Status Status
	// Errno is the system's error behind it; 0 if the system had no part in it.
	Errno syscall.Errno
	// Text says what was tried, on what, why, and what to do about it.
	Text string

	causes []error
}

// Error is the text, with what a callback or a context gave as the reason.
func (e *Error) Error() string {
	text := "hexz: " + e.Text
	if len(e.causes) > 0 {
		text += ": " + e.causes[0].Error()
	}
	return text
}

// Unwrap is for errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	all := []error{e.Status}
	if e.Errno != 0 {
		all = append(all, e.Errno)
	}
	return append(all, e.causes...)
}

// failure makes the error of a call that failed, and frees what C left. It goes on
// with what a storage panicked with.
func failure(status C.hexz_status, left *C.hexz_go_error, causes ...error) *Error {
	mishap := mishaps.find(left.code)
	if mishap != nil && mishap.err != nil {
		causes = append(causes, mishap.err)
	}
	failed := &Error{
		Status: Status(status),
		Errno:  syscall.Errno(left.system),
		causes: causes,
	}
	if left.text != nil {
		failed.Text = inGoTerms(C.GoString(left.text), failed.Status)
		C.free(unsafe.Pointer(left.text))
	} else {
		failed.Text = failed.Status.String()
	}
	if mishap != nil {
		mishap.resume()
	}
	return failed
}

// invalid is an argument that has no form in C.
func invalid(format string, args ...any) *Error {
	return &Error{
		Status: ErrInvalidArgument,
		Errno:  syscall.EINVAL,
		Text:   fmt.Sprintf(format, args...),
	}
}

// closed is a call on a snapshot that was closed before.
func closed(path string) *Error {
	if path != "" {
		return closedWhat(fmt.Sprintf("'%s': the snapshot", path))
	}
	return closedWhat("the snapshot")
}

// closedWhat is the same for anything.
func closedWhat(what string) *Error {
	return &Error{
		Status: ErrState,
		Text:   what + " was closed before this call",
		causes: []error{fs.ErrClosed},
	}
}
