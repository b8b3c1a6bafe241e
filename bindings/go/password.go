package hexz

// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
)

// PasswordFunc supplies a password: it writes it to buf, which has room for
// 1024 bytes, the most there may be, and returns its length. Any bytes will do,
// nothing is trimmed or converted. It is called before any output is made.
//
// buf is wiped afterwards, and so is the library's copy. [ErrDeclined] means
// that there is no password, or no further one: the call returns
// [ErrPasswordRequired] if none was given, else [ErrWrongPassword]. Any other
// error ends the call with [ErrCallback] and is found within that.
//
//	func fromTerminal(asked hexz.PasswordRequest, buf []byte) (int, error) {
//		fmt.Fprintf(os.Stderr, "Password of %s: ", asked.Path)
//		line, err := term.ReadPassword(int(os.Stdin.Fd()))
//		defer clear(line)
//		return copy(buf, line), err
//	}
type PasswordFunc func(asked PasswordRequest, buf []byte) (int, error)

// PasswordRequest is what a password is asked for.
type PasswordRequest struct {
	// Purpose tells a new password from that of an existing snapshot.
	Purpose Purpose
	// Attempt counts from 0: a wrong password of an existing snapshot is asked
	// for again, at most three times in all.
	Attempt int
	// Path is that of the snapshot, as the library got it.
	Path string
}

// Purpose is what a password is for.
type Purpose uint32

const (
	// PurposeCreate: a new password, to encrypt with.
	PurposeCreate Purpose = C.HEXZ_PASSWORD_CREATE
	// PurposeOpen: the password of an encrypted snapshot.
	PurposeOpen Purpose = C.HEXZ_PASSWORD_OPEN
	// PurposeParent: the password of an encrypted parent or base, for a snapshot
	// that leans on it.
	PurposeParent Purpose = C.HEXZ_PASSWORD_PARENT
)

// String is a word for people.
func (p Purpose) String() string {
	switch p {
	case PurposeCreate:
		return "create"
	case PurposeOpen:
		return "open"
	case PurposeParent:
		return "parent"
	}
	return fmt.Sprintf("purpose %d", uint32(p))
}

// ErrDeclined is returned by a [PasswordFunc] that has no password to give.
var ErrDeclined = errors.New("hexz: no password given")

// Password answers with these bytes, once: asked again because they are wrong
// it declines, which spares two more tries that would each cost as much as the
// first. The slice stays the caller's, who may clear it after the call.
func Password(password []byte) PasswordFunc {
	return func(asked PasswordRequest, buf []byte) (int, error) {
		if asked.Attempt > 0 {
			return 0, ErrDeclined
		}
		copy(buf, password)
		return len(password), nil
	}
}

// Encryption is a new password, and what guessing it costs.
type Encryption struct {
	// Password supplies it, asked with PurposeCreate; before that, with
	// PurposeParent, those of encrypted snapshots that the new one is built on.
	Password PasswordFunc
	// KDF is the cost; zero is the default.
	KDF KDF
}

// KDF is what guessing a password costs, with Argon2id (RFC 9106). The same is
// spent each time the snapshot is opened. MemoryKiB times Passes is at most
// 4194304.
type KDF struct {
	// MemoryKiB is memory in KiB, 1024 to 1048576; 0: 65536.
	MemoryKiB int
	// Passes over that memory, 1 to 64; 0: 3.
	Passes int
	// Lanes, 1 to 16; 0: 4.
	Lanes int
}

// fill puts the cost into the fields that the options of C have for it.
func (k KDF) fill(a *arguments, memory, passes, lanes *C.uint32_t) {
	*memory = a.uint32("KDF.MemoryKiB", k.MemoryKiB)
	*passes = a.uint32("KDF.Passes", k.Passes)
	*lanes = a.uint32("KDF.Lanes", k.Lanes)
}
