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
	return rekey(path, C.HEXZ_REKEY_ADD, current, added)
}

// ReplacePassword puts a password in the place of the one that current
// supplies.
func ReplacePassword(path string, current PasswordFunc, replacement Encryption) error {
	return rekey(path, C.HEXZ_REKEY_REPLACE, current, replacement)
}

// RemovePassword removes the password that current supplies. The last one
// stays: that is [ErrState].
func RemovePassword(path string, current PasswordFunc) error {
	return rekey(path, C.HEXZ_REKEY_REMOVE, current, Encryption{})
}

func rekey(path string, operation C.uint32_t, current PasswordFunc, fresh Encryption) error {
	var a arguments
	defer a.free()
	opts := C.hexz_rekey_opts{
		struct_size: C.sizeof_hexz_rekey_opts,
		path:        a.text("path", path),
		operation:   operation,
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
	// Tenths of a second, and never left half done: nothing to cancel.
	return run(context.Background(), &callbacks{password: byPurpose},
		func(hooks C.hexz_go_hooks, _ *C.hexz_cancel, left *C.hexz_go_error) C.hexz_status {
			return C.hexz_go_rekey(&opts, hooks, left)
		})
}
