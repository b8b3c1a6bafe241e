package hexz_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"hexz"
)

func TestPasswordsOfAnOpen(t *testing.T) {
	i := newImage(t)
	i.build(t, "a.hxz", encrypted("secret"))
	i.build(t, "plain.hxz")
	declined := func(hexz.PasswordRequest, []byte) (int, error) {
		return 0, fmt.Errorf("nobody there: %w", hexz.ErrDeclined)
	}
	broken := errors.New("key service is down")
	cases := []struct {
		name, file string
		options    *hexz.OpenOptions
		want       error
	}{
		{"right", "a.hxz", opens("secret"), nil},
		{"wrong", "a.hxz", opens("Secret"), hexz.ErrWrongPassword},
		{"longer", "a.hxz", opens("secret\n"), hexz.ErrWrongPassword},
		{"none", "a.hxz", nil, hexz.ErrPasswordRequired},
		{"declined", "a.hxz", &hexz.OpenOptions{Password: declined}, hexz.ErrPasswordRequired},
		{"empty", "a.hxz", opens(""), hexz.ErrInvalidPassword},
		{"too long", "a.hxz", opens(strings.Repeat("x", 1025)), hexz.ErrInvalidPassword},
		{"failed", "a.hxz", &hexz.OpenOptions{
			Password: func(hexz.PasswordRequest, []byte) (int, error) { return 0, broken },
		}, broken},
		{"less than nothing", "a.hxz", &hexz.OpenOptions{
			Password: func(hexz.PasswordRequest, []byte) (int, error) { return -1, nil },
		}, hexz.ErrCallback},
		{"for a plain file", "plain.hxz", opens("secret"), hexz.ErrNotEncrypted},
		{"for a plain file that is fine", "plain.hxz", &hexz.OpenOptions{
			Password: hexz.Password([]byte("secret")), AllowPlain: true,
		}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := hexz.Open(context.Background(), i.path(c.file), c.options)
			if c.want == nil {
				must(t, err)
				sameBytes(t, stream(t, s, "disk"), i.disk)
				must(t, s.Close())
				return
			}
			if s != nil {
				t.Error("there is a snapshot")
			}
			wants(t, err, c.want)
			if c.want == broken {
				wants(t, err, hexz.ErrCallback)
				if !strings.Contains(err.Error(), "key service is down") {
					t.Errorf("%q does not say why", err)
				}
			}
		})
	}
}

func TestWrongPasswordIsAskedForAgain(t *testing.T) {
	i := newImage(t)
	i.build(t, "a.hxz", encrypted("secret"))
	var asked []hexz.PasswordRequest
	answers := []string{"one", "two", "secret"}
	answer := func(request hexz.PasswordRequest, buf []byte) (int, error) {
		asked = append(asked, request)
		if len(buf) != 1024 || len(bytes.Trim(buf, "\x00")) > 0 {
			t.Errorf("a buffer of %d bytes, not all zero", len(buf))
		}
		return copy(buf, answers[request.Attempt]), nil
	}
	i.open(t, "a.hxz", &hexz.OpenOptions{Password: answer})
	for n, request := range asked {
		want := hexz.PasswordRequest{Purpose: hexz.PurposeOpen, Attempt: n, Path: i.path("a.hxz")}
		if request != want {
			t.Errorf("asked %+v, wanted %+v", request, want)
		}
	}
	if len(asked) != 3 {
		t.Errorf("asked %d times", len(asked))
	}

	answers[2] = "three"
	asked = nil
	_, err := hexz.Open(context.Background(), i.path("a.hxz"), &hexz.OpenOptions{Password: answer})
	wants(t, err, hexz.ErrWrongPassword)
	if len(asked) != 3 {
		t.Errorf("asked %d times", len(asked))
	}
}

func TestPasswordIsWiped(t *testing.T) {
	i := newImage(t)
	var kept []byte
	keep := func(asked hexz.PasswordRequest, buf []byte) (int, error) {
		kept = buf
		if asked.Purpose != hexz.PurposeCreate {
			t.Errorf("asked %+v", asked)
		}
		return copy(buf, "secret"), nil
	}
	i.build(t, "a.hxz", func(o *hexz.BuildOptions) {
		o.Encryption = &hexz.Encryption{Password: keep, KDF: cheap}
	})
	if len(kept) != 1024 || len(bytes.Trim(kept, "\x00")) > 0 {
		t.Errorf("left in the buffer: %q", bytes.Trim(kept, "\x00"))
	}
	// The caller's own bytes stay.
	own := []byte("secret")
	options := &hexz.OpenOptions{Password: hexz.Password(own)}
	i.open(t, "a.hxz", options)
	i.open(t, "a.hxz", options)
	if string(own) != "secret" {
		t.Errorf("the caller's password became %q", own)
	}
}

func TestPasswordOfAnyBytes(t *testing.T) {
	i := newImage(t)
	for n, password := range []string{"\x00", "a\x00b", "\xff\xfe", "päß", strings.Repeat("x", 1024)} {
		name := fmt.Sprint(n)
		i.build(t, name, encrypted(password))
		i.open(t, name, opens(password))
		_, err := hexz.Open(context.Background(), i.path(name), opens(password[:len(password)-1]+"?"))
		wants(t, err, hexz.ErrWrongPassword)
	}
}
