package hexz_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"hexz"
)

// writer fails at one of its writes.
type writer struct {
	bytes.Buffer
	writes, failAt int
	fail           func(p []byte) (int, error)
}

func (w *writer) Write(p []byte) (int, error) {
	if w.writes++; w.writes == w.failAt {
		return w.fail(p)
	}
	return w.Buffer.Write(p)
}

func TestWriterIsASink(t *testing.T) {
	i := newImage(t)
	options := i.options("path.hxz")
	_, err := hexz.Build(context.Background(), options)
	must(t, err)
	path := options.Output
	options.Output = ""
	var built bytes.Buffer
	report, err := hexz.BuildTo(context.Background(), &built, options)
	must(t, err)
	if !bytes.Equal(built.Bytes(), contents(t, path)) || report.FileSize != int64(built.Len()) {
		t.Fatalf("%d bytes, %d reported", built.Len(), report.FileSize)
	}

	snapshot, err := hexz.Open(context.Background(), path, nil)
	must(t, err)
	defer snapshot.Close()
	stream, err := snapshot.Stream("disk")
	must(t, err)
	for _, threads := range []int{1, 2, 5} {
		var back bytes.Buffer
		must(t, stream.ExtractTo(context.Background(), &back, &hexz.ExtractOptions{Threads: threads}))
		if !bytes.Equal(back.Bytes(), i.disk) {
			t.Fatalf("%d threads: another disk", threads)
		}
	}

	mine := errors.New("mine")
	for name, want := range map[string]struct {
		fail func(p []byte) (int, error)
		err  error
	}{
		"error": {func([]byte) (int, error) { return 0, mine }, mine},
		"short": {func(p []byte) (int, error) { return len(p) - 1, nil }, io.ErrShortWrite},
	} {
		w := &writer{failAt: 1, fail: want.fail}
		_, err := hexz.BuildTo(context.Background(), w, options)
		if !errors.Is(err, want.err) || !errors.Is(err, hexz.ErrCallback) || w.writes != 1 {
			t.Errorf("%s: build: %v after %d writes", name, err, w.writes)
		}
		w = &writer{failAt: 2, fail: want.fail}
		err = stream.ExtractTo(context.Background(), w, nil)
		if !errors.Is(err, want.err) || !errors.Is(err, hexz.ErrCallback) || w.writes != 2 {
			t.Errorf("%s: extraction: %v after %d writes", name, err, w.writes)
		}
	}
	options.Output = path
	if _, err := hexz.BuildTo(context.Background(), &built, options); !errors.Is(err, hexz.ErrInvalidArgument) {
		t.Errorf("two outputs: %v", err)
	}
	if _, err := hexz.BuildTo(context.Background(), nil, options); !errors.Is(err, hexz.ErrInvalidArgument) {
		t.Errorf("no writer: %v", err)
	}
}

func TestPanicOfAWriterComesOut(t *testing.T) {
	i := newImage(t)
	options := i.options("")
	options.Output = ""
	defer func() {
		var held *hexz.CallbackPanic
		if err, _ := recover().(error); !errors.As(err, &held) || held.Value != "mine" {
			t.Errorf("recovered %v", err)
		}
	}()
	w := &writer{failAt: 1, fail: func([]byte) (int, error) { panic("mine") }}
	_, _ = hexz.BuildTo(context.Background(), w, options)
	t.Error("no panic")
}
