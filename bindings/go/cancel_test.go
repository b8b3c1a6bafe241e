package hexz_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"hexz"
)

// job is a call that a context cancels.
type job struct {
	name string
	call func(context.Context, hexz.ProgressFunc) error
}

func jobs(t testing.TB, i *image, s *hexz.Snapshot) []job {
	disk := stream(t, s, "disk")
	return []job{
		{"build", func(ctx context.Context, progress hexz.ProgressFunc) error {
			options := i.options("out.hxz")
			options.Progress = progress
			_, err := hexz.Build(ctx, options)
			return err
		}},
		{"verify", func(ctx context.Context, progress hexz.ProgressFunc) error {
			_, err := s.Verify(ctx, &hexz.VerifyOptions{Progress: progress})
			return err
		}},
		{"extract", func(ctx context.Context, progress hexz.ProgressFunc) error {
			return disk.Extract(ctx, i.path("out.img"), &hexz.ExtractOptions{Progress: progress, NoSync: true})
		}},
	}
}

func TestContextThatIsOver(t *testing.T) {
	i, s := opened(t)
	before := i.entries(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, job := range jobs(t, i, s) {
		t.Run(job.name, func(t *testing.T) {
			err := job.call(ctx, func(hexz.Progress) error { t.Error("there is progress"); return nil })
			wants(t, err, hexz.ErrCancelled, context.Canceled)
		})
	}
	t.Run("open", func(t *testing.T) {
		opened, err := hexz.Open(ctx, i.path("a.hxz"), nil)
		wants(t, err, hexz.ErrCancelled, context.Canceled)
		if opened != nil {
			t.Error("there is a snapshot")
		}
	})
	if after := i.entries(t); after != before {
		t.Errorf("left behind: %s", after)
	}
}

// untilTold waits for the end of a context, and until the library was told of it
// too, which takes a goroutine.
func untilTold(ctx context.Context) {
	<-ctx.Done()
	// Waits for the lock under which that goroutine is started.
	context.Cause(ctx)
	stacks := make([]byte, 1<<20)
	for strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "hexz.cancelWith.func") {
		time.Sleep(time.Millisecond)
	}
}

// TestContextEndsMeanwhile cancels each kind of call from its first progress, whatever
// goroutine does it.
func TestContextEndsMeanwhile(t *testing.T) {
	i, s := opened(t)
	before := i.entries(t)
	reason := errors.New("the user left")
	for _, job := range jobs(t, i, s) {
		for _, from := range []string{"callback", "goroutine"} {
			t.Run(job.name+" from "+from, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				var once sync.Once
				err := job.call(ctx, func(hexz.Progress) error {
					once.Do(func() {
						if from == "callback" {
							cancel(reason)
						} else {
							go cancel(reason)
						}
					})
					untilTold(ctx)
					return nil
				})
				e := wants(t, err, hexz.ErrCancelled, context.Canceled, reason)
				if e.Error() != fmt.Sprintf("hexz: %s: the user left", e.Text) {
					t.Errorf("%q does not say why", e)
				}
			})
		}
	}
	if after := i.entries(t); after != before {
		t.Errorf("left behind: %s", after)
	}
}

func TestDeadline(t *testing.T) {
	i := newImage(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	options := i.options("a.hxz")
	options.Progress = func(hexz.Progress) error {
		untilTold(ctx)
		return nil
	}
	_, err := hexz.Build(ctx, options)
	wants(t, err, hexz.ErrCancelled, context.DeadlineExceeded)
}

// A context that ends later, or while a call returns, touches nothing that the
// call has freed.
func TestContextEndsAroundTheReturn(t *testing.T) {
	i, _ := opened(t)
	for n := range 200 {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			time.Sleep(time.Duration(n) * 5 * time.Microsecond)
			cancel()
		}()
		s, err := hexz.Open(ctx, i.path("a.hxz"), nil)
		if err != nil {
			wants(t, err, hexz.ErrCancelled, context.Canceled)
			continue
		}
		<-ctx.Done()
		sameBytes(t, stream(t, s, "memory"), i.memory)
		must(t, s.Close())
	}
}
