//go:build cgo

package hexz

import "encoding/hex"

// Root is a hash (BLAKE3) that names all that a snapshot holds. Kept apart from
// the file it tells later, by [OpenOptions].ExpectRoot, whether this is the
// file. As text, in JSON too, it is 64 hexadecimal digits.
type Root [32]byte

// ParseRoot reads what Root.String wrote. Anything else is
// [ErrInvalidArgument].
func ParseRoot(text string) (Root, error) {
	var r Root
	err := r.UnmarshalText([]byte(text))
	return r, err
}

// String is 64 hexadecimal digits.
func (r Root) String() string {
	return hex.EncodeToString(r[:])
}

// MarshalText is String as bytes, for encoding/json and its like.
func (r Root) MarshalText() ([]byte, error) {
	return []byte(r.String()), nil
}

// UnmarshalText is [ParseRoot] for encoding/json and its like.
func (r *Root) UnmarshalText(text []byte) error {
	var read Root
	if len(text) != hex.EncodedLen(len(read)) {
		return invalid("root %q: has %d characters; give 64 hexadecimal digits", text, len(text))
	}
	if _, err := hex.Decode(read[:], text); err != nil {
		return invalid("root %q: not hexadecimal; give 64 hexadecimal digits", text)
	}
	*r = read
	return nil
}
