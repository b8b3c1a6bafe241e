package hexz_test

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"hexz"
)

func TestErrorHasStatusTextAndErrno(t *testing.T) {
	i := newImage(t)
	_, err := hexz.Open(context.Background(), i.path("none"), nil)
	err = fmt.Errorf("restoring: %w", err)

	e := wants(t, err, hexz.ErrIO)
	if e.Status != hexz.ErrIO || e.Errno != syscall.ENOENT || !strings.Contains(e.Text, i.path("none")) {
		t.Errorf("%+v", e)
	}
	if !strings.HasPrefix(err.Error(), "restoring: hexz: ") {
		t.Errorf("%q", err)
	}
	var status hexz.Status
	if !errors.As(err, &status) || status != hexz.ErrIO {
		t.Errorf("status %v", status)
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) || errno != syscall.ENOENT {
		t.Errorf("errno %v", errno)
	}
	if errors.Is(err, hexz.ErrSource) || errors.Is(err, fs.ErrExist) {
		t.Errorf("%v is too much at once", err)
	}
}

// Goroutines move between threads, and the text of a failure is the thread's:
// each must get its own all the same.
func TestTextsAreNotMixedUp(t *testing.T) {
	folder := t.TempDir()
	var all sync.WaitGroup
	for g := range 32 {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := range 50 {
				path := fmt.Sprintf("%s/none-%d-%d.hxz", folder, g, n)
				_, err := hexz.Open(context.Background(), path, nil)
				var e *hexz.Error
				if !errors.As(err, &e) || !strings.Contains(e.Text, "'"+path+"'") || e.Errno != syscall.ENOENT {
					t.Errorf("%s: %v", path, err)
					return
				}
			}
		}()
	}
	all.Wait()
}

func TestStatuses(t *testing.T) {
	names := map[hexz.Status]string{
		hexz.ErrInvalidArgument: "HEXZ_ERR_INVALID_ARGUMENT",
		hexz.ErrUnknownProfile:  "HEXZ_ERR_UNKNOWN_PROFILE",
		hexz.ErrWrongPassword:   "HEXZ_ERR_WRONG_PASSWORD",
		hexz.ErrNotEncrypted:    "HEXZ_ERR_NOT_ENCRYPTED",
		hexz.ErrAgain:           "HEXZ_ERR_AGAIN",
		hexz.Status(-999):       "unknown status",
	}
	for status, name := range names {
		if status.Error() != name || status.String() != name {
			t.Errorf("%d is %q", status, status.Error())
		}
	}
	if !errors.Is(hexz.ErrUnsupported, errors.ErrUnsupported) || errors.Is(hexz.ErrIO, fs.ErrInvalid) {
		t.Error("statuses are the wrong errors of Go")
	}
}

func TestVersion(t *testing.T) {
	major, minor, patch := hexz.VersionNumbers()
	if want := fmt.Sprintf("%d.%d.%d", major, minor, patch); hexz.Version() != want {
		t.Errorf("%s and %s", hexz.Version(), want)
	}
}

func TestProfiles(t *testing.T) {
	names := hexz.ProfileNames()
	for _, want := range []string{"generic", "eda", "embedded", "ml"} {
		if !slices.Contains(names, want) {
			t.Errorf("no profile %q among %v", want, names)
		}
	}
	for _, name := range names {
		profile, err := hexz.LookupProfile(name)
		must(t, err)
		if profile.BlockSize < 4096 {
			t.Errorf("%s: %+v", name, profile)
		}
	}
	generic, err := hexz.LookupProfile("generic")
	must(t, err)
	none, err := hexz.LookupProfile("")
	must(t, err)
	if generic != none || generic.Compression != hexz.CompressionLZ4 || generic.BlockSize != 64<<10 {
		t.Errorf("generic %+v, none %+v", generic, none)
	}
	_, err = hexz.LookupProfile("fast")
	wants(t, err, hexz.ErrUnknownProfile)
	_, err = hexz.LookupProfile("eda\x00")
	wants(t, err, hexz.ErrInvalidArgument)
}

func TestRoot(t *testing.T) {
	i := newImage(t)
	root := i.build(t, "a.hxz").Root
	read, err := hexz.ParseRoot(root.String())
	must(t, err)
	if read != root {
		t.Errorf("%v became %v", root, read)
	}
	for _, text := range []string{"", "12", root.String()[:62], root.String() + "00", "g" + root.String()[1:]} {
		_, err := hexz.ParseRoot(text)
		wants(t, err, hexz.ErrInvalidArgument)
	}

	// What encoding/json and its like go by.
	var out encoding.TextMarshaler = root
	written, err := out.MarshalText()
	must(t, err)
	var back hexz.Root
	var in encoding.TextUnmarshaler = &back
	must(t, in.UnmarshalText(written))
	if string(written) != root.String() || back != root {
		t.Errorf("%v became %s and %v", root, written, back)
	}
}

func TestNames(t *testing.T) {
	names := map[fmt.Stringer]string{
		hexz.PhasePack: "pack", hexz.Phase(9): "phase 9",
		hexz.StreamBlob: "blob", hexz.StreamKind(9): "kind 9",
		hexz.ExtentZero: "zero", hexz.ExtentKind(9): "extent kind 9",
		hexz.CompressionZstd: "zstd", hexz.Compression(9): "compression 9",
		hexz.PurposeOpen: "open", hexz.Purpose(9): "purpose 9",
	}
	for value, want := range names {
		if value.String() != want {
			t.Errorf("%q, not %q", value, want)
		}
	}
}
