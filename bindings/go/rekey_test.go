package hexz_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"hexz"
)

// openedBy checks which passwords open a snapshot.
func openedBy(t *testing.T, i *image, right []string, wrong []string) {
	t.Helper()
	for _, password := range right {
		sameBytes(t, stream(t, i.open(t, "a.hxz", opens(password)), "memory"), i.memory)
	}
	for _, password := range wrong {
		_, err := hexz.Open(context.Background(), i.path("a.hxz"), opens(password))
		wants(t, err, hexz.ErrWrongPassword)
	}
}

func secret(password string) hexz.PasswordFunc {
	return hexz.Password([]byte(password))
}

func fresh(password string) hexz.Encryption {
	return hexz.Encryption{Password: secret(password), KDF: cheap}
}

func TestRekey(t *testing.T) {
	i := newImage(t)
	root := i.build(t, "a.hxz", encrypted("one")).Root
	path := i.path("a.hxz")
	before := i.open(t, "a.hxz", opens("one"))

	must(t, hexz.AddPassword(path, secret("one"), fresh("two")))
	openedBy(t, i, []string{"one", "two"}, []string{"three"})
	must(t, hexz.ReplacePassword(path, secret("one"), fresh("three")))
	openedBy(t, i, []string{"two", "three"}, []string{"one"})
	must(t, hexz.RemovePassword(path, secret("two")))
	openedBy(t, i, []string{"three"}, []string{"one", "two"})

	wants(t, hexz.RemovePassword(path, secret("three")), hexz.ErrState)
	wants(t, hexz.RemovePassword(path, secret("one")), hexz.ErrWrongPassword)
	openedBy(t, i, []string{"three"}, nil)
	if i.open(t, "a.hxz", opens("three")).Info().Root != root {
		t.Error("the root changed")
	}
	sameBytes(t, stream(t, before, "disk"), i.disk)
}

func TestRekeyRefuses(t *testing.T) {
	i := newImage(t)
	i.build(t, "a.hxz", encrypted("one"))
	i.build(t, "plain.hxz")
	broken := errors.New("broken")
	fails := func(hexz.PasswordRequest, []byte) (int, error) { return 0, broken }
	path := i.path("a.hxz")
	costly := fresh("two")
	costly.KDF.MemoryKiB = -1
	cases := []struct {
		name string
		err  error
		want []error
	}{
		{"wrong", hexz.AddPassword(path, secret("two"), fresh("three")), []error{hexz.ErrWrongPassword}},
		{"no current", hexz.AddPassword(path, nil, fresh("two")), []error{hexz.ErrPasswordRequired}},
		{"no new", hexz.AddPassword(path, secret("one"), hexz.Encryption{}), []error{hexz.ErrPasswordRequired}},
		{"empty new", hexz.ReplacePassword(path, secret("one"), fresh("")), []error{hexz.ErrInvalidPassword}},
		{"failed", hexz.ReplacePassword(path, fails, fresh("two")), []error{hexz.ErrCallback, broken}},
		{"failed new", hexz.ReplacePassword(path, secret("one"), hexz.Encryption{Password: fails, KDF: cheap}),
			[]error{hexz.ErrCallback, broken}},
		{"nonsense", hexz.AddPassword(path, secret("one"), costly), []error{hexz.ErrInvalidArgument}},
		{"plain", hexz.AddPassword(i.path("plain.hxz"), secret("one"), fresh("two")), []error{hexz.ErrNotEncrypted}},
		{"none", hexz.RemovePassword(i.path("none"), secret("one")), []error{hexz.ErrIO, fs.ErrNotExist}},
		{"not one", hexz.RemovePassword(i.path("disk.img"), secret("one")), []error{hexz.ErrNotSnapshot}},
		{"NUL", hexz.RemovePassword(path+"\x00", secret("one")), []error{hexz.ErrInvalidArgument}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { wants(t, c.err, c.want...) })
	}
	openedBy(t, i, []string{"one"}, []string{"two", "three"})
}
