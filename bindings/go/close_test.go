package hexz_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"hexz"
)

func TestClosedSnapshot(t *testing.T) {
	i, s := opened(t)
	disk := stream(t, s, "disk")
	for range 3 {
		must(t, s.Close())
	}
	calls := map[string]func() error{
		"read":    func() error { _, err := disk.ReadAt(make([]byte, 1), 0); return err },
		"nothing": func() error { _, err := disk.ReadAt(nil, 0); return err },
		"extent":  func() error { _, err := disk.Extent(0); return err },
		"stream":  func() error { _, err := s.Stream("disk"); return err },
		"verify":  func() error { _, err := s.Verify(context.Background(), nil); return err },
		"parents": func() error { _, err := s.Ancestors(); return err },
		"extract": func() error { return disk.Extract(context.Background(), i.path("out"), nil) },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			wants(t, call(), hexz.ErrState, fs.ErrClosed)
		})
	}
	if s.Info().Blocks == 0 || disk.Size() != int64(len(i.disk)) {
		t.Error("what was read at open is gone")
	}
}

// Reads that are under way when the snapshot is closed end well, later ones
// with fs.ErrClosed, and the handle goes once.
func TestCloseWhileReadsRun(t *testing.T) {
	i := newImage(t)
	i.build(t, "a.hxz")
	for range 20 {
		s := i.open(t, "a.hxz", &hexz.OpenOptions{CacheSize: 1 << 16})
		disk := stream(t, s, "disk")
		var all sync.WaitGroup
		begun := make(chan struct{}, 8)
		for range 8 {
			all.Add(1)
			go func() {
				defer all.Done()
				buf := make([]byte, 50_000)
				for n := 0; ; n++ {
					_, err := disk.ReadAt(buf, int64(n%20)*100_000)
					if err != nil {
						wants(t, err, hexz.ErrState, fs.ErrClosed)
						return
					}
					if n == 0 {
						begun <- struct{}{}
					}
				}
			}()
		}
		<-begun
		for range 2 {
			all.Add(1)
			go func() {
				defer all.Done()
				s.Close()
			}()
		}
		all.Wait()
	}
}

func TestCloseWaitsForVerify(t *testing.T) {
	_, s := opened(t)
	within, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	verified := make(chan error, 1)
	go func() {
		_, err := s.Verify(context.Background(), &hexz.VerifyOptions{Progress: func(hexz.Progress) error {
			once.Do(func() {
				close(within)
				<-goOn
			})
			return nil
		}})
		verified <- err
	}()
	<-within
	closed := make(chan struct{})
	go func() {
		s.Close()
		close(closed)
	}()
	// Once others are refused, Close has begun.
	for {
		if _, err := s.Stream("disk"); err != nil {
			wants(t, err, fs.ErrClosed)
			break
		}
		runtime.Gosched()
	}
	select {
	case <-closed:
		t.Fatal("Close returned while Verify ran")
	default:
	}
	close(goOn)
	<-closed
	must(t, <-verified)
}

// Not a promise, but a net: what nobody holds any more is closed.
func TestForgottenSnapshotsAreClosed(t *testing.T) {
	i := newImage(t)
	i.build(t, "a.hxz")
	func() {
		for range 10 {
			s, err := hexz.Open(context.Background(), i.path("a.hxz"), nil)
			must(t, err)
			stream(t, s, "disk")
		}
		if descriptorsOf(t, i.path("a.hxz")) == 0 {
			t.Fatal("the test does not see descriptors")
		}
	}()
	for range 1000 {
		runtime.GC()
		if descriptorsOf(t, i.path("a.hxz")) == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%d are open still", descriptorsOf(t, i.path("a.hxz")))
}

func TestCloseGivesTheFileBack(t *testing.T) {
	i, s := opened(t)
	if descriptorsOf(t, i.path("a.hxz")) != 1 {
		t.Fatal("one descriptor is open while the snapshot is")
	}
	must(t, s.Close())
	if n := descriptorsOf(t, i.path("a.hxz")); n != 0 {
		t.Errorf("%d descriptors after Close", n)
	}
}

func descriptorsOf(t *testing.T, path string) int {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	must(t, err)
	n := 0
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == path {
			n++
		}
	}
	return n
}
