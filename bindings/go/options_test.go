package hexz_test

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"hexz"
)

// held is a file that a machine writes, as far as QEMU's locks tell (fcntl(2), open file
// description locks), until the test is over.
func held(t *testing.T, path string) {
	t.Helper()
	const setLock, writes = 37, 101
	file, err := os.Open(path)
	must(t, err)
	t.Cleanup(func() { file.Close() })
	lock := syscall.Flock_t{Type: syscall.F_RDLCK, Start: writes, Len: 1}
	must(t, syscall.FcntlFlock(file.Fd(), setLock, &lock))
}

func says(t *testing.T, e *hexz.Error, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(e.Text, word) {
			t.Errorf("%q does not say %q", e.Text, word)
		}
	}
	if strings.Contains(e.Text, "HEXZ_") || strings.Contains(e.Text, "_kib") {
		t.Errorf("%q speaks C", e.Text)
	}
}

func TestForceShare(t *testing.T) {
	i := newImage(t)
	held(t, i.path("disk.img"))
	_, err := hexz.Build(context.Background(), i.options("a.hxz"))
	says(t, wants(t, err, hexz.ErrSource), i.path("disk.img"), "BuildOptions.ForceShare")
	// It keeps the locks.
	options := i.options("a.hxz")
	options.AllowChange = true
	_, err = hexz.Build(context.Background(), options)
	wants(t, err, hexz.ErrSource)
	i.build(t, "a.hxz", func(o *hexz.BuildOptions) { o.ForceShare = true })

	memory := stream(t, i.open(t, "a.hxz", nil), "memory")
	err = memory.Extract(context.Background(), i.path("disk.img"), &hexz.ExtractOptions{InPlace: true})
	says(t, wants(t, err, hexz.ErrOutput), i.path("disk.img"), "ExtractOptions.ForceShare")
	must(t, memory.Extract(context.Background(), i.path("disk.img"),
		&hexz.ExtractOptions{InPlace: true, ForceShare: true}))
	got, err := os.ReadFile(i.path("disk.img"))
	must(t, err)
	if string(got) != string(i.memory) {
		t.Error("the stream is not what was written in place")
	}
}

func TestAllowChange(t *testing.T) {
	i := newImage(t)
	touch := func(o *hexz.BuildOptions) {
		o.Progress = func(hexz.Progress) error {
			return os.Chtimes(i.path("disk.img"), time.Time{}, time.Unix(1_000_000, 0))
		}
	}
	options := i.options("a.hxz")
	touch(options)
	_, err := hexz.Build(context.Background(), options)
	says(t, wants(t, err, hexz.ErrSource), "changed", "BuildOptions.AllowChange")
	must(t, os.Chtimes(i.path("disk.img"), time.Time{}, time.Unix(2_000_000, 0)))
	i.build(t, "a.hxz", touch, func(o *hexz.BuildOptions) { o.AllowChange = true })
	sameBytes(t, stream(t, i.open(t, "a.hxz", nil), "disk"), i.disk)
}

func TestKDFMemoryMax(t *testing.T) {
	i := newImage(t)
	i.build(t, "a.hxz", encrypted("one"), func(o *hexz.BuildOptions) { o.Encryption.KDF.MemoryKiB = 2048 })
	for _, most := range []int{0, 2048, 1 << 20} {
		options := opens("one")
		options.KDFMemoryMaxKiB = most
		i.open(t, "a.hxz", options)
	}
	added := fresh("two")
	for _, most := range []int{1, 2047} {
		options := opens("one")
		options.KDFMemoryMaxKiB = most
		_, err := hexz.Open(context.Background(), i.path("a.hxz"), options)
		says(t, wants(t, err, hexz.ErrUnsupported), "2048 KiB", "the option KDFMemoryMaxKiB is")
		err = hexz.Rekey(context.Background(), i.path("a.hxz"), secret("one"),
			hexz.RekeyOptions{New: &added, KDFMemoryMaxKiB: most})
		says(t, wants(t, err, hexz.ErrUnsupported), "2048 KiB", "the option KDFMemoryMaxKiB is")
	}
	must(t, hexz.Rekey(context.Background(), i.path("a.hxz"), secret("one"),
		hexz.RekeyOptions{New: &added, KDFMemoryMaxKiB: 2048}))
	openedBy(t, i, []string{"one", "two"}, nil)
}

// A context ends while the password is asked for: no key is made, and no file changed.
func TestContextEndsWhileAsked(t *testing.T) {
	i := newImage(t)
	i.build(t, "a.hxz", encrypted("one"))
	before, err := os.ReadFile(i.path("a.hxz"))
	must(t, err)
	calls := map[string]func(context.Context, hexz.PasswordFunc) error{
		"open": func(ctx context.Context, password hexz.PasswordFunc) error {
			s, err := hexz.Open(ctx, i.path("a.hxz"), &hexz.OpenOptions{Password: password})
			if s != nil {
				t.Error("there is a snapshot")
			}
			return err
		},
		"rekey": func(ctx context.Context, password hexz.PasswordFunc) error {
			added := fresh("two")
			return hexz.Rekey(ctx, i.path("a.hxz"), password, hexz.RekeyOptions{New: &added})
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			err := call(ctx, func(request hexz.PasswordRequest, buf []byte) (int, error) {
				cancel()
				untilTold(ctx)
				return copy(buf, "one"), nil
			})
			wants(t, err, hexz.ErrCancelled, context.Canceled)
		})
	}
	after, err := os.ReadFile(i.path("a.hxz"))
	must(t, err)
	if string(after) != string(before) {
		t.Error("the file was changed")
	}
	openedBy(t, i, []string{"one"}, []string{"two"})
}
