package hexz_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hexz"
)

// kept is a snapshot in memory, which may fail.
type kept struct {
	*bytes.Reader
	fail atomic.Pointer[func(p []byte) (int, error)]
}

func (h *kept) ReadAt(p []byte, off int64) (int, error) {
	if fail := h.fail.Load(); fail != nil {
		return (*fail)(p)
	}
	return h.Reader.ReadAt(p, off)
}

func (h *kept) failing(fail func(p []byte) (int, error)) { h.fail.Store(&fail) }

// hosted is a snapshot of a new image, opened from memory, with next to no cache.
func hosted(t testing.TB) (*image, *kept, *hexz.Snapshot) {
	t.Helper()
	i := newImage(t)
	i.build(t, "a.hxz")
	h := &kept{Reader: bytes.NewReader(contents(t, i.path("a.hxz")))}
	s, err := hexz.OpenFrom(context.Background(), h, h.Size(), &hexz.OpenOptions{CacheSize: 1})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return i, h, s
}

func TestReaderAtIsAStorage(t *testing.T) {
	i, _, s := hosted(t)
	sameBytes(t, stream(t, s, "disk"), i.disk)
	sameBytes(t, stream(t, s, "memory"), i.memory)
	_, err := s.Verify(context.Background(), nil)
	must(t, err)
	var back bytes.Buffer
	must(t, stream(t, s, "disk").ExtractTo(context.Background(), &back, nil))
	if !bytes.Equal(back.Bytes(), i.disk) {
		t.Error("another disk")
	}
	if s.Path() != "" {
		t.Errorf("a path: %q", s.Path())
	}
	for extent, err := range stream(t, s, "disk").Extents() {
		must(t, err)
		if extent.Len < 1 {
			t.Errorf("%+v", extent)
		}
	}
	disk := stream(t, s, "disk")
	must(t, s.Close())
	_, err = disk.ReadAt(make([]byte, 1), 0)
	wants(t, err, hexz.ErrState, fs.ErrClosed)
}

func TestManyGoroutinesReadAStorage(t *testing.T) {
	i, _, s := hosted(t)
	disk := stream(t, s, "disk")
	var all sync.WaitGroup
	for g := range 300 {
		all.Add(1)
		go func() {
			defer all.Done()
			// On the stack, which a callback may move.
			var buf [3000]byte
			off := g * 9001
			n, err := disk.ReadAt(buf[:], int64(off))
			if err != nil || !bytes.Equal(buf[:n], i.disk[off:off+n]) || n != len(buf) {
				t.Errorf("%d bytes at %d: %v", n, off, err)
			}
		}()
	}
	all.Wait()
}

// alone reads while no other read of what lies in files has a place.
type alone struct {
	io.ReaderAt
	t *testing.T
}

func (r alone) ReadAt(p []byte, off int64) (int, error) {
	if n := len(hexz.Reads); n != 0 {
		r.t.Errorf("%d places are taken: enough readers would wait for each other", n)
	}
	return r.ReaderAt.ReadAt(p, off)
}

func TestASnapshotWithinASnapshot(t *testing.T) {
	i := newImage(t)
	i.build(t, "inner.hxz")
	options := streamsTo(i.path("outer.hxz"), hexz.StreamInput{Name: "file", Path: i.path("inner.hxz")})
	_, err := hexz.Build(context.Background(), options)
	must(t, err)
	file := stream(t, i.open(t, "outer.hxz", nil), "file")
	s, err := hexz.OpenFrom(context.Background(), alone{file, t}, file.Size(), &hexz.OpenOptions{CacheSize: 1})
	must(t, err)
	defer s.Close()
	sameBytes(t, stream(t, s, "disk"), i.disk)
}

func TestStoragesThatFail(t *testing.T) {
	i, h, s := hosted(t)
	disk := stream(t, s, "disk")
	calls := map[string]func() error{
		"read":    func() error { _, err := disk.ReadAt(make([]byte, 1), 0); return err },
		"verify":  func() error { _, err := s.Verify(context.Background(), nil); return err },
		"extract": func() error { return disk.ExtractTo(context.Background(), io.Discard, nil) },
		"build": func() error {
			options := streamsTo(i.path("out.hxz"), hexz.StreamInput{Name: "disk", Stream: disk})
			_, err := hexz.Build(context.Background(), options)
			return err
		},
		"open": func() error {
			_, err := hexz.OpenFrom(context.Background(), h, h.Size(), nil)
			return err
		},
	}
	mine := errors.New("the network is gone")
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			defer h.fail.Store(nil)
			h.failing(func([]byte) (int, error) { return 0, mine })
			wants(t, call(), hexz.ErrCallback, mine)
			h.failing(func(p []byte) (int, error) { return len(p) - 1, nil })
			wants(t, call(), hexz.ErrCallback, io.ErrUnexpectedEOF)

			h.failing(func([]byte) (int, error) { panic("odd") })
			func() {
				defer func() {
					if p, ok := recover().(*hexz.CallbackPanic); !ok || p.Value != "odd" {
						t.Errorf("a panic came out as %v", p)
					}
				}()
				t.Errorf("a panic was lost: %v", call())
			}()
			h.failing(func([]byte) (int, error) { runtime.Goexit(); return 0, nil })
			returned, done := false, make(chan struct{})
			go func() {
				defer close(done)
				_ = call()
				returned = true
			}()
			<-done
			if returned {
				t.Error("Goexit was lost")
			}
			// The snapshot is as good as before.
			h.fail.Store(nil)
			if _, err := disk.ReadAt(make([]byte, 1), 0); err != nil {
				t.Error(err)
			}
		})
	}
}

// Each failed read gets its own error, not that of another one.
func TestErrorsOfAStorageGoToTheirReads(t *testing.T) {
	_, h, s := hosted(t)
	disk := stream(t, s, "disk")
	var all sync.WaitGroup
	type one struct{ error }
	h.failing(func(p []byte) (int, error) { return 0, one{errors.New("mine")} })
	for range 100 {
		all.Add(1)
		go func() {
			defer all.Done()
			_, err := disk.ReadAt(make([]byte, 1), 0)
			var own one
			if !errors.As(err, &own) || !strings.HasSuffix(err.Error(), ": mine") {
				t.Errorf("the error is %v", err)
			}
		}()
	}
	all.Wait()
}

func TestStoragesThatAreNone(t *testing.T) {
	ctx := context.Background()
	_, err := hexz.OpenFrom(ctx, nil, 0, nil)
	wants(t, err, hexz.ErrInvalidArgument)
	_, err = hexz.OpenFrom(ctx, bytes.NewReader(nil), -1, nil)
	wants(t, err, hexz.ErrInvalidArgument)
	_, err = hexz.OpenFrom(ctx, bytes.NewReader(nil), 0, nil)
	e := wants(t, err, hexz.ErrNotSnapshot)
	if strings.Contains(e.Text, "opts.") {
		t.Errorf("the text speaks of C: %s", e.Text)
	}
	i := newImage(t)
	i.build(t, "a.hxz")
	whole := contents(t, i.path("a.hxz"))
	_, err = hexz.OpenFrom(ctx, bytes.NewReader(whole), int64(len(whole))-1, nil)
	wants(t, err, hexz.ErrCorrupt)
	// It ends before it was said to.
	_, err = hexz.OpenFrom(ctx, bytes.NewReader(whole), int64(len(whole))+1, nil)
	if err == nil {
		t.Error("a byte that is not there was not missed")
	}
}

// The library gives back each storage, once, and what it had may then go.
func TestStoragesAreGivenBack(t *testing.T) {
	i := newImage(t)
	i.build(t, "a.hxz")
	whole := contents(t, i.path("a.hxz"))
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for name, try := range map[string]func(r io.ReaderAt) error{
		"closed": func(r io.ReaderAt) error {
			s, err := hexz.OpenFrom(context.Background(), r, int64(len(whole)), nil)
			must(t, err)
			return s.Close()
		},
		"damaged": func(r io.ReaderAt) error {
			_, err := hexz.OpenFrom(context.Background(), r, 100, nil)
			wants(t, err, hexz.ErrCorrupt)
			return nil
		},
		"refused": func(r io.ReaderAt) error {
			_, err := hexz.OpenFrom(context.Background(), r, 100, &hexz.OpenOptions{Parent: "a\x00b"})
			wants(t, err, hexz.ErrInvalidArgument)
			return nil
		},
		"cancelled": func(r io.ReaderAt) error {
			s, err := hexz.OpenFrom(ended, r, int64(len(whole)), nil)
			if err == nil {
				return s.Close()
			}
			wants(t, err, hexz.ErrCancelled, context.Canceled)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan struct{})
			func() {
				r := &kept{Reader: bytes.NewReader(whole)}
				runtime.AddCleanup(r, func(gone chan struct{}) { close(gone) }, gone)
				must(t, try(r))
			}()
			for range 1000 {
				runtime.GC()
				select {
				case <-gone:
					return
				case <-time.After(time.Millisecond):
				}
			}
			t.Error("it is held still")
		})
	}
}
