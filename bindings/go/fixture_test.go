package hexz_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"hexz"
)

// cheap is the least that a password may cost: tests open many times.
var cheap = hexz.KDF{MemoryKiB: 1024, Passes: 1, Lanes: 1}

// image is a disk of some units of noise, some of text, a hole and an odd end;
// and memory that has parts of the disk and others.
type image struct {
	folder       string
	disk, memory []byte
}

func newImage(t testing.TB) *image {
	t.Helper()
	random := rand.New(rand.NewSource(5))
	disk := make([]byte, 3<<20+777)
	random.Read(disk[:1<<20])
	copy(disk[2<<20:], bytes.Repeat([]byte("net n17 driven by u4/y; "), 20000))
	memory := make([]byte, 1<<20)
	random.Read(memory[:256<<10])
	copy(memory[512<<10:], disk[128<<10:512<<10])

	i := &image{t.TempDir(), disk, memory}
	i.write(t, "disk.img", disk)
	i.write(t, "memory.img", memory)
	return i
}

func (i *image) path(name string) string {
	return filepath.Join(i.folder, name)
}

func (i *image) write(t testing.TB, name string, data []byte) {
	t.Helper()
	must(t, os.WriteFile(i.path(name), data, 0o600))
}

// options are those of a build of both to name.
func (i *image) options(name string) *hexz.BuildOptions {
	return &hexz.BuildOptions{
		Source: i.path("disk.img"),
		Memory: i.path("memory.img"),
		Output: i.path(name),
		NoSync: true,
	}
}

// build makes the snapshot name, after some changes to the options.
func (i *image) build(t testing.TB, name string, changes ...func(*hexz.BuildOptions)) *hexz.BuildReport {
	t.Helper()
	options := i.options(name)
	for _, change := range changes {
		change(options)
	}
	report, err := hexz.Build(context.Background(), options)
	must(t, err)
	return report
}

// open opens name, until the test is over.
func (i *image) open(t testing.TB, name string, options *hexz.OpenOptions) *hexz.Snapshot {
	t.Helper()
	s, err := hexz.Open(context.Background(), i.path(name), options)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// opened is a snapshot of a new image.
func opened(t testing.TB) (*image, *hexz.Snapshot) {
	t.Helper()
	i := newImage(t)
	i.build(t, "a.hxz")
	return i, i.open(t, "a.hxz", nil)
}

// entries are the names in the folder: what a failed call must not add to.
func (i *image) entries(t testing.TB) string {
	t.Helper()
	list, err := os.ReadDir(i.folder)
	must(t, err)
	names := ""
	for _, entry := range list {
		names += entry.Name() + " "
	}
	return names
}

func stream(t testing.TB, s *hexz.Snapshot, name string) *hexz.Stream {
	t.Helper()
	st, err := s.Stream(name)
	must(t, err)
	return st
}

// sameBytes reads a stream whole, by pieces of many lengths.
func sameBytes(t testing.TB, st *hexz.Stream, want []byte) {
	t.Helper()
	if st.Size() != int64(len(want)) {
		t.Fatalf("%s has %d bytes, not %d", st.Name(), st.Size(), len(want))
	}
	buf := make([]byte, 100_003)
	for off, n := 0, 1; off < len(want); off, n = off+n, n*3%len(buf)+1 {
		n = min(n, len(want)-off)
		got, err := st.ReadAt(buf[:n], int64(off))
		must(t, err)
		if got != n || !bytes.Equal(buf[:n], want[off:off+n]) {
			t.Fatalf("%s: %d bytes at %d are others", st.Name(), n, off)
		}
	}
}

func encrypted(password string) func(*hexz.BuildOptions) {
	return func(o *hexz.BuildOptions) {
		o.Encryption = &hexz.Encryption{Password: hexz.Password([]byte(password)), KDF: cheap}
	}
}

func opens(password string) *hexz.OpenOptions {
	return &hexz.OpenOptions{Password: hexz.Password([]byte(password))}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants checks that err is an *Error, and is each of targets.
func wants(t testing.TB, err error, targets ...error) *hexz.Error {
	t.Helper()
	var e *hexz.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *hexz.Error; wanted %v", err, targets)
	}
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Fatalf("%v (%v) is not %v", err, e.Status, target)
		}
	}
	if e.Text == "" {
		t.Fatalf("%v has no text", e.Status)
	}
	return e
}
