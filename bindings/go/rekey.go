package hexz

// #include "shim.h"
import "C"

import "context"

// AddPassword adds a password to an encrypted snapshot file; those that are
// there stay, eight in all at most. current supplies one that opens it.
//
// This and the next two change the file in place, but only its key slots: the
// root stays, open snapshots go on as before, and killed at any moment the old
// or the new passwords open it. They do not take the file's key from somebody
// who had it, nor from an older copy of the file: against those, build anew.
func AddPassword(path string, current PasswordFunc, added Encryption) error {
	return rekey(context.Background(), path, C.HEXZ_REKEY_ADD, current, added, 0)
}

// ReplacePassword puts a password in the place of the one that current
// supplies.
func ReplacePassword(path string, current PasswordFunc, replacement Encryption) error {
	return rekey(context.Background(), path, C.HEXZ_REKEY_REPLACE, current, replacement, 0)
}

// RemovePassword removes the password that current supplies. The last one
// stays: that is [ErrState].
func RemovePassword(path string, current PasswordFunc) error {
	return rekey(context.Background(), path, C.HEXZ_REKEY_REMOVE, current, Encryption{}, 0)
}

// RekeyOptions is how to change passwords. Zero in any field is the default.
type RekeyOptions struct {
	// New is the password to add, or with Replace to put in the place of the
	// one that current supplies; nil removes that one.
	New *Encryption
	// Replace puts New in the place of the one that current supplies.
	Replace bool
	// KDFMemoryMaxKiB is as OpenOptions.KDFMemoryMaxKiB, for the key slots that
	// are there.
	KDFMemoryMaxKiB int
}

// Rekey does what [AddPassword], [ReplacePassword] and [RemovePassword] do, and
// stops with [ErrCancelled] when the context ends before the file begins to
// change.
func Rekey(ctx context.Context, path string, current PasswordFunc, options RekeyOptions) error {
	switch {
	case options.New == nil && options.Replace:
		return invalid("Replace is set without New")
	case options.New == nil:
		return rekey(ctx, path, C.HEXZ_REKEY_REMOVE, current, Encryption{}, options.KDFMemoryMaxKiB)
	case options.Replace:
		return rekey(ctx, path, C.HEXZ_REKEY_REPLACE, current, *options.New, options.KDFMemoryMaxKiB)
	}
	return rekey(ctx, path, C.HEXZ_REKEY_ADD, current, *options.New, options.KDFMemoryMaxKiB)
}

func rekey(ctx context.Context, path string, operation C.uint32_t, current PasswordFunc,
	fresh Encryption, memoryMaxKiB int) error {
	var a arguments
	defer a.free()
	opts := C.hexz_rekey_opts{
		struct_size:        C.sizeof_hexz_rekey_opts,
		path:               a.text("path", path),
		operation:          operation,
		kdf_memory_max_kib: a.uint32("KDFMemoryMaxKiB", memoryMaxKiB),
	}
	fresh.KDF.fill(&a, &opts.kdf_memory_kib, &opts.kdf_passes, &opts.kdf_lanes)
	if err := a.err(); err != nil {
		return err
	}
	byPurpose := func(asked PasswordRequest, buf []byte) (int, error) {
		password := current
		if asked.Purpose == PurposeCreate {
			password = fresh.Password
		}
		if password == nil {
			return 0, ErrDeclined
		}
		return password(asked, buf)
	}
	return run(ctx, &callbacks{password: byPurpose},
		func(hooks C.hexz_go_hooks, cancel *C.hexz_cancel, left *C.hexz_go_error) C.hexz_status {
			opts.cancel = cancel
			return C.hexz_go_rekey(&opts, hooks, left)
		})
}
