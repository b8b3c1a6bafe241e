package hexz_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"hexz"
)

// streamsTo are options of a build of streams alone.
func streamsTo(output string, streams ...hexz.StreamInput) *hexz.BuildOptions {
	return &hexz.BuildOptions{Output: output, Streams: streams, NoSync: true, Overwrite: true}
}

func contents(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

// readerAt counts what it is asked for.
type readerAt struct {
	io.ReaderAt
	bytes atomic.Int64
	fail  func() error
}

func (r *readerAt) ReadAt(p []byte, off int64) (int, error) {
	r.bytes.Add(int64(len(p)))
	if r.fail != nil {
		return 0, r.fail()
	}
	return r.ReaderAt.ReadAt(p, off)
}

func TestReaderAtIsASource(t *testing.T) {
	i := newImage(t)
	byPath := i.options("path.hxz")
	byPath.Memory = ""
	for _, cdc := range []bool{false, true} {
		byPath.CDC, byPath.Overwrite = cdc, true
		_, err := hexz.Build(context.Background(), byPath)
		must(t, err)
		for _, threads := range []int{1, 2, 5} {
			reader := &readerAt{ReaderAt: bytes.NewReader(i.disk)}
			source := &hexz.Source{ReaderAt: reader, Size: int64(len(i.disk))}
			// The hole of newImage, which is not read.
			const hole, end = 1 << 20, 2 << 20
			source.ExtentAt = func(offset, length int64) (hexz.ExtentKind, int64, error) {
				switch {
				case offset < hole:
					return hexz.ExtentData, hole - offset, nil
				case offset < end:
					return hexz.ExtentZero, end - offset, nil
				}
				return hexz.ExtentData, length, nil
			}
			options := streamsTo(i.path("out.hxz"), hexz.StreamInput{Name: "disk", Kind: hexz.StreamDisk, Source: source})
			options.CDC, options.Threads = cdc, threads
			_, err := hexz.Build(context.Background(), options)
			must(t, err)
			if got, want := reader.bytes.Load(), int64(len(i.disk)-(end-hole)); got != want {
				t.Errorf("%d bytes were read, not %d", got, want)
			}
			if !bytes.Equal(contents(t, i.path("out.hxz")), contents(t, i.path("path.hxz"))) {
				t.Errorf("another file than by path, CDC %v, %d threads", cdc, threads)
			}
		}
	}
}

func TestStreamsOfFilesAndSnapshots(t *testing.T) {
	i := newImage(t)
	options := i.options("many.hxz")
	options.Streams = []hexz.StreamInput{
		{Name: "second", Kind: hexz.StreamDisk, Path: i.path("disk.img"), Format: hexz.FormatRaw},
		{Name: "state", Path: i.path("memory.img")},
	}
	_, err := hexz.Build(context.Background(), options)
	must(t, err)
	many, err := hexz.Open(context.Background(), i.path("many.hxz"), nil)
	must(t, err)
	defer many.Close()
	second, err := many.Stream("second")
	must(t, err)
	state, err := many.Stream("state")
	must(t, err)
	if state.Info().Kind != hexz.StreamBlob {
		t.Errorf("a blob is %v", state.Info().Kind)
	}

	// Out of it again, encrypted, and the snapshot closed at once.
	sealed := streamsTo(i.path("sealed.hxz"), hexz.StreamInput{Name: "disk", Stream: second})
	sealed.Encryption = &hexz.Encryption{Password: hexz.Password([]byte("once")), KDF: cheap}
	_, err = hexz.Build(context.Background(), sealed)
	must(t, err)
	must(t, many.Close())
	opened, err := hexz.Open(context.Background(), i.path("sealed.hxz"),
		&hexz.OpenOptions{Password: hexz.Password([]byte("once"))})
	must(t, err)
	defer opened.Close()
	disk, err := opened.Stream("disk")
	must(t, err)
	got, err := io.ReadAll(disk.Reader())
	must(t, err)
	if !bytes.Equal(got, i.disk) {
		t.Error("the disk came back as another one")
	}
	_, err = hexz.Build(context.Background(), sealed)
	if !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a stream of a closed snapshot: %v", err)
	}
}

func TestSourcesThatFail(t *testing.T) {
	i := newImage(t)
	mine := errors.New("the network is gone")
	build := func(source *hexz.Source) error {
		_, err := hexz.Build(context.Background(),
			streamsTo(i.path("out.hxz"), hexz.StreamInput{Name: "disk", Source: source}))
		if _, there := os.Stat(i.path("out.hxz")); there == nil {
			t.Error("there is an output")
		}
		return err
	}
	reader := &readerAt{ReaderAt: bytes.NewReader(i.disk), fail: func() error { return mine }}
	err := build(&hexz.Source{ReaderAt: reader, Size: int64(len(i.disk))})
	if !errors.Is(err, mine) || !errors.Is(err, hexz.ErrCallback) || !strings.Contains(err.Error(), "'disk'") {
		t.Errorf("a reader's error: %v", err)
	}
	// Fewer bytes than it was said to have.
	err = build(&hexz.Source{ReaderAt: bytes.NewReader(i.disk), Size: int64(len(i.disk)) + 1})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a short reader: %v", err)
	}
	source := &hexz.Source{ReaderAt: bytes.NewReader(i.disk), Size: int64(len(i.disk))}
	source.ExtentAt = func(int64, int64) (hexz.ExtentKind, int64, error) { return 0, 0, mine }
	if err = build(source); !errors.Is(err, mine) {
		t.Errorf("a map's error: %v", err)
	}
	for _, n := range []int64{0, -1} {
		source.ExtentAt = func(int64, int64) (hexz.ExtentKind, int64, error) { return hexz.ExtentData, n, nil }
		if err = build(source); err == nil {
			t.Errorf("an extent of %d bytes passes", n)
		}
	}
	for _, bad := range []*hexz.Source{{}, {ReaderAt: bytes.NewReader(nil), Size: -1}} {
		if err = build(bad); !errors.Is(err, hexz.ErrInvalidArgument) {
			t.Errorf("a source of nothing: %v", err)
		}
	}

	// Panics and Goexit come out, from whatever thread.
	reader = &readerAt{ReaderAt: bytes.NewReader(i.disk), fail: func() error { panic("odd") }}
	func() {
		defer func() {
			if p, ok := recover().(*hexz.CallbackPanic); !ok || p.Value != "odd" {
				t.Errorf("a panic came out as %v", p)
			}
		}()
		_ = build(&hexz.Source{ReaderAt: reader, Size: int64(len(i.disk))})
		t.Error("a panic was lost")
	}()
	reader.fail = func() error { runtime.Goexit(); return nil }
	returned, done := false, make(chan struct{})
	go func() {
		defer close(done)
		_ = build(&hexz.Source{ReaderAt: reader, Size: int64(len(i.disk))})
		returned = true
	}()
	<-done
	if returned {
		t.Error("Goexit was lost")
	}
}

func TestASourceThatCancels(t *testing.T) {
	i := newImage(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	reader := &readerAt{ReaderAt: bytes.NewReader(i.disk)}
	// It would never come to its end.
	source := &hexz.Source{ReaderAt: reader, Size: 1 << 50}
	source.ExtentAt = func(int64, int64) (hexz.ExtentKind, int64, error) {
		cancel()
		return hexz.ExtentZero, 4096, nil
	}
	_, err := hexz.Build(ctx, streamsTo(i.path("out.hxz"), hexz.StreamInput{Name: "disk", Source: source}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled by its source: %v", err)
	}
}
