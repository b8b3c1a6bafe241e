package hexz_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"hexz"
)

const page = 4096

// builder begins a snapshot "pushed.hxz" with a stream "disk" of size bytes.
func (i *image) builder(t *testing.T, size int, changes ...func(*hexz.BuildOptions)) (*hexz.Builder, *hexz.PushedStream) {
	t.Helper()
	options := &hexz.BuildOptions{Output: i.path("pushed.hxz"), NoSync: true}
	for _, change := range changes {
		change(options)
	}
	b, err := hexz.NewBuilder(context.Background(), options)
	must(t, err)
	t.Cleanup(func() { b.Close() })
	st, err := b.Stream("disk", hexz.StreamDisk, int64(size))
	must(t, err)
	return b, st
}

func finish(t *testing.T, b *hexz.Builder) *hexz.BuildReport {
	t.Helper()
	report, err := b.Finish()
	must(t, err)
	return report
}

// pushed checks what pushed.hxz has.
func (i *image) pushed(t *testing.T, want []byte, options *hexz.OpenOptions) {
	t.Helper()
	s := i.open(t, "pushed.hxz", options)
	sameBytes(t, stream(t, s, "disk"), want)
	_, err := s.Verify(context.Background(), nil)
	must(t, err)
}

func writeAt(t *testing.T, st *hexz.PushedStream, p []byte, off int) {
	t.Helper()
	if n, err := st.WriteAt(p, int64(off)); n != len(p) || err != nil {
		t.Fatalf("%d of %d bytes at %d: %v", n, len(p), off, err)
	}
}

func TestPushedInOrderIsTheFileThatAPathGives(t *testing.T) {
	i := newImage(t)
	i.build(t, "path.hxz", func(o *hexz.BuildOptions) { o.Memory = "" })
	b, st := i.builder(t, len(i.disk))
	if st.Name() != "disk" || st.Size() != int64(len(i.disk)) {
		t.Errorf("%q of %d bytes", st.Name(), st.Size())
	}
	w := st.Writer()
	n, err := io.Copy(w, iotest.HalfReader(bytes.NewReader(i.disk)))
	must(t, err)
	must(t, w.Close())
	must(t, w.Close())
	_, err = w.Write([]byte("x"))
	wants(t, err, fs.ErrClosed)
	if n != int64(len(i.disk)) {
		t.Errorf("%d bytes", n)
	}
	if _, err := os.Stat(i.path("pushed.hxz")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before Finish: %v", err)
	}
	if report := finish(t, b); report.BytesRead != n {
		t.Errorf("%+v", report)
	}
	if !bytes.Equal(contents(t, i.path("pushed.hxz")), contents(t, i.path("path.hxz"))) {
		t.Error("another file")
	}
	_, err = b.Finish()
	wants(t, err, hexz.ErrState)
	must(t, b.Close())
	must(t, b.Close())
	_, err = st.WriteAt(i.disk[:page], 0)
	wants(t, err, hexz.ErrState, fs.ErrClosed)
}

func TestPushedInAnyOrder(t *testing.T) {
	i := newImage(t)
	b, st := i.builder(t, len(i.disk))
	want := append([]byte(nil), i.disk...)
	var wait sync.WaitGroup
	for k := range 4 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for off := k * page; off < len(want); off += 4 * page {
				writeAt(t, st, want[off:min(off+page, len(want))], off)
			}
		}()
	}
	wait.Wait()
	writeAt(t, st, i.memory[:2*page], 5*page)
	copy(want[5*page:], i.memory[:2*page])
	must(t, st.Zero(6*page, page))
	clear(want[6*page : 7*page])
	finish(t, b)
	i.pushed(t, want, nil)
}

func TestPushedOnAParent(t *testing.T) {
	d := newDays(t)
	for _, open := range []bool{false, true} {
		b, st := d.builder(t, len(d.changed), func(o *hexz.BuildOptions) {
			o.Overwrite = true
			if open {
				o.ParentSnapshot = d.open(t, "day1.hxz", nil)
			} else {
				o.Parent = d.path("day1.hxz")
			}
		})
		must(t, st.Inherit(0, int64(len(d.changed))))
		writeAt(t, st, d.changed[dirty:dirty+page], dirty)
		if report := finish(t, b); report.BytesUnique != page {
			t.Errorf("%+v", report)
		}
		d.pushed(t, d.changed, nil)
	}
}

func TestABuilderRefuses(t *testing.T) {
	i := newImage(t)
	before := i.entries(t)
	_, err := hexz.NewBuilder(context.Background(), i.options("pushed.hxz"))
	wants(t, err, hexz.ErrInvalidArgument)
	_, err = hexz.NewBuilder(context.Background(), &hexz.BuildOptions{Streams: []hexz.StreamInput{{Name: "disk"}}})
	wants(t, err, hexz.ErrInvalidArgument)
	_, err = hexz.NewBuilder(context.Background(), nil)
	wants(t, err, hexz.ErrInvalidArgument)
	_, err = hexz.NewBuilderTo(context.Background(), nil, nil)
	wants(t, err, hexz.ErrInvalidArgument)
	b, st := i.builder(t, 2*page)
	for _, off := range []int64{-1, 1} {
		_, err = st.WriteAt(i.disk[:page], off)
		wants(t, err, hexz.ErrInvalidArgument)
		wants(t, st.Zero(off, page), hexz.ErrInvalidArgument)
	}
	wants(t, st.Zero(0, -page), hexz.ErrInvalidArgument)
	_, err = st.WriteAt(i.disk[:page], 2*page)
	wants(t, err, hexz.ErrOutOfRange)
	wants(t, st.Inherit(0, page), hexz.ErrInvalidArgument)
	for _, name := range []string{"disk", "", "a\x00b"} {
		_, err = b.Stream(name, 0, 1)
		wants(t, err, hexz.ErrInvalidArgument)
	}
	_, err = b.Stream("other", 0, -1)
	wants(t, err, hexz.ErrInvalidArgument)
	// A writer that gets too much says so where it finds out.
	w := st.Writer()
	_, err = w.Write(make([]byte, 2*page+1))
	must(t, err)
	wants(t, w.Close(), hexz.ErrOutOfRange)
	w = st.Writer()
	_, err = w.Write(make([]byte, 1<<20+1))
	wants(t, err, hexz.ErrOutOfRange)
	// Unfinished, it leaves nothing.
	writeAt(t, st, i.disk[:page], 0)
	must(t, b.Close())
	if after := i.entries(t); after != before {
		t.Errorf("left behind: %s", after)
	}
}

// failing takes some and then fails.
type failing struct {
	left int
	err  error
}

func (f *failing) Write(p []byte) (int, error) {
	f.left -= len(p)
	if f.left < 0 {
		return 0, f.err
	}
	return len(p), nil
}

func TestABuilderIntoAWriter(t *testing.T) {
	i := newImage(t)
	i.build(t, "path.hxz", func(o *hexz.BuildOptions) { o.Memory = "" })
	push := func(w io.Writer) (*hexz.Builder, error) {
		b, err := hexz.NewBuilderTo(context.Background(), w, nil)
		must(t, err)
		t.Cleanup(func() { b.Close() })
		st, err := b.Stream("disk", hexz.StreamDisk, int64(len(i.disk)))
		must(t, err)
		out := st.Writer()
		if _, err = out.Write(i.disk); err == nil {
			err = out.Close()
		}
		if err == nil {
			_, err = b.Finish()
		}
		return b, err
	}
	var buf bytes.Buffer
	_, err := push(&buf)
	must(t, err)
	if !bytes.Equal(buf.Bytes(), contents(t, i.path("path.hxz"))) {
		t.Error("another file")
	}
	broken := errors.New("the tape is full")
	b, err := push(&failing{left: 600 << 10, err: broken})
	wants(t, err, hexz.ErrCallback, broken)
	_, err = b.Finish()
	wants(t, err, hexz.ErrState)
	defer func() {
		if p, ok := recover().(*hexz.CallbackPanic); !ok || p.Value != "no" {
			t.Errorf("recovered %v", p)
		}
	}()
	push(writerFunc(func([]byte) (int, error) { panic("no") }))
	t.Error("no panic")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestABuilderIsCancelled(t *testing.T) {
	i := newImage(t)
	before := i.entries(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	b, err := hexz.NewBuilder(ctx, &hexz.BuildOptions{Output: i.path("pushed.hxz"), NoSync: true})
	must(t, err)
	st, err := b.Stream("disk", hexz.StreamDisk, int64(len(i.disk)))
	must(t, err)
	writeAt(t, st, i.disk, 0)
	cause := errors.New("enough")
	cancel(cause)
	for err == nil {
		_, err = st.WriteAt(i.disk, 0)
	}
	wants(t, err, hexz.ErrCancelled, cause, context.Canceled)
	must(t, b.Close())
	if after := i.entries(t); after != before {
		t.Errorf("left behind: %s", after)
	}
	_, err = hexz.NewBuilder(ctx, &hexz.BuildOptions{Output: i.path("pushed.hxz")})
	if err == nil {
		t.Error("begun with a context that has ended")
	}
}

func TestABuilderIsEncryptedAndTellsProgress(t *testing.T) {
	i := newImage(t)
	told := 0
	b, st := i.builder(t, len(i.disk), encrypted("secret"), func(o *hexz.BuildOptions) {
		o.Progress = func(hexz.Progress) error { told++; return nil }
		o.Spill = i.folder
	})
	writeAt(t, st, i.disk, 0)
	finish(t, b)
	if told == 0 {
		t.Error("no progress")
	}
	i.pushed(t, i.disk, opens("secret"))
	asked := errors.New("no keys")
	_, err := hexz.NewBuilder(context.Background(), &hexz.BuildOptions{
		Output: i.path("other.hxz"),
		Encryption: &hexz.Encryption{Password: func(hexz.PasswordRequest, []byte) (int, error) {
			return 0, asked
		}},
	})
	wants(t, err, hexz.ErrCallback, asked)
	if strings.Contains(i.entries(t), "other") {
		t.Error("left behind")
	}
}
