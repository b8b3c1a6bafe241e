package hexz_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"hexz"
)

func TestProgressRises(t *testing.T) {
	i, s := opened(t)
	phases := map[string][]hexz.Phase{
		"build":   {hexz.PhasePack, hexz.PhaseSync},
		"verify":  {hexz.PhaseVerify},
		"extract": {hexz.PhaseExtract},
	}
	for _, job := range jobs(t, i, s) {
		t.Run(job.name, func(t *testing.T) {
			var told []hexz.Progress
			must(t, job.call(context.Background(), func(p hexz.Progress) error {
				told = append(told, p)
				return nil
			}))
			seen := map[hexz.Phase]bool{}
			for n, p := range told {
				seen[p.Phase] = true
				if p.Done < 0 || p.Done > p.Total || p.Total <= 0 {
					t.Errorf("%+v", p)
				}
				if n > 0 && (p.Phase < told[n-1].Phase || p.Phase == told[n-1].Phase && p.Done < told[n-1].Done) {
					t.Errorf("%+v after %+v", p, told[n-1])
				}
			}
			for _, phase := range phases[job.name] {
				if !seen[phase] {
					t.Errorf("nothing of phase %v in %+v", phase, told)
				}
			}
		})
	}
}

func TestProgressError(t *testing.T) {
	i, s := opened(t)
	before := i.entries(t)
	enough := errors.New("enough")
	for _, job := range jobs(t, i, s) {
		t.Run(job.name, func(t *testing.T) {
			err := job.call(context.Background(), func(hexz.Progress) error { return enough })
			e := wants(t, err, hexz.ErrCancelled, enough)
			if errors.Is(err, context.Canceled) {
				t.Error("no context was cancelled")
			}
			if !strings.HasSuffix(e.Error(), ": enough") {
				t.Errorf("%q does not say why", e)
			}
		})
	}
	if after := i.entries(t); after != before {
		t.Errorf("left behind: %s", after)
	}
}

func explode(hexz.Progress) error {
	panic("boom")
}

func TestPanicComesOutAfterTheCall(t *testing.T) {
	i, s := opened(t)
	before := i.entries(t)
	for _, job := range jobs(t, i, s) {
		t.Run(job.name, func(t *testing.T) {
			p := panicOf(func() { job.call(context.Background(), explode) })
			if p == nil || p.Value != "boom" || p.Unwrap() != nil {
				t.Fatalf("%v", p)
			}
			if !strings.Contains(p.Error(), "boom") || !strings.Contains(p.Error(), "explode") {
				t.Errorf("neither value nor place: %v", p)
			}
		})
	}
	if after := i.entries(t); after != before {
		t.Errorf("left behind: %s", after)
	}
	// The calls were ended, not torn: the snapshot works and closes.
	sameBytes(t, stream(t, s, "disk"), i.disk)
	must(t, s.Close())
}

func TestPanicInPassword(t *testing.T) {
	i := newImage(t)
	i.build(t, "a.hxz", encrypted("secret"))
	reason := errors.New("no terminal")
	p := panicOf(func() {
		hexz.Open(context.Background(), i.path("a.hxz"), &hexz.OpenOptions{
			Password: func(hexz.PasswordRequest, []byte) (int, error) { panic(reason) },
		})
	})
	if p == nil || !errors.Is(p, reason) {
		t.Fatalf("%v", p)
	}
}

// panicOf is what f panics with, nil if it does not.
func panicOf(f func()) (p *hexz.CallbackPanic) {
	defer func() {
		if value := recover(); value != nil {
			p = value.(*hexz.CallbackPanic)
		}
	}()
	f()
	return nil
}

// testing.T.FailNow is Goexit: in a callback it must end the goroutine of the
// caller, but not the frames of C in between.
func TestGoexitComesOutAfterTheCall(t *testing.T) {
	i, s := opened(t)
	for _, job := range jobs(t, i, s) {
		t.Run(job.name, func(t *testing.T) {
			returned := false
			done := make(chan struct{})
			go func() {
				defer close(done)
				job.call(context.Background(), func(hexz.Progress) error {
					runtime.Goexit()
					return nil
				})
				returned = true
			}()
			<-done
			if returned {
				t.Error("the goroutine went on")
			}
		})
	}
	sameBytes(t, stream(t, s, "disk"), i.disk)
	must(t, s.Close())
}

func TestCallbackMayReadItsOwnSnapshot(t *testing.T) {
	i, s := opened(t)
	memory := stream(t, s, "memory")
	calls := 0
	_, err := s.Verify(context.Background(), &hexz.VerifyOptions{Progress: func(hexz.Progress) error {
		calls++
		sameBytes(t, memory, i.memory)
		return nil
	}})
	must(t, err)
	if calls == 0 {
		t.Error("no progress")
	}
}

// A handle that was not deleted would hold its callbacks for ever.
func TestCallbacksAreLetGo(t *testing.T) {
	i := newImage(t)
	i.build(t, "a.hxz", encrypted("secret"))
	gone := make(chan struct{}, 3)
	call := func(f func(big *[1 << 20]byte)) {
		big := new([1 << 20]byte)
		runtime.AddCleanup(big, func(struct{}) { gone <- struct{}{} }, struct{}{})
		f(big)
	}
	call(func(big *[1 << 20]byte) {
		options := i.options("b.hxz")
		options.Progress = func(hexz.Progress) error { big[0]++; return nil }
		_, err := hexz.Build(context.Background(), options)
		must(t, err)
	})
	call(func(big *[1 << 20]byte) {
		panicOf(func() {
			options := i.options("c.hxz")
			options.Progress = func(hexz.Progress) error { big[0]++; panic("boom") }
			hexz.Build(context.Background(), options)
		})
	})
	s := func() (s *hexz.Snapshot) {
		call(func(big *[1 << 20]byte) {
			s = i.open(t, "a.hxz", &hexz.OpenOptions{
				Password: func(_ hexz.PasswordRequest, buf []byte) (int, error) {
					big[0]++
					return copy(buf, "secret"), nil
				},
			})
		})
		return s
	}()
	for range 3 {
		runtime.GC()
		<-gone
	}
	sameBytes(t, stream(t, s, "disk"), i.disk)
}
