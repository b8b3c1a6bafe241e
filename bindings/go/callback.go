package hexz

// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/cgo"
	"runtime/debug"
	"sync"
	"unsafe"
)

// CallbackPanic is what a call panics with after a callback of it panicked:
// the panic was held back until the library had put its things in order.
type CallbackPanic struct {
	// Value is what the callback panicked with.
	Value any
	// Stack is where, as debug.Stack gives it.
	Stack []byte
}

// Error is the value and the stack, since both are wanted when it ends a
// program.
func (p *CallbackPanic) Error() string {
	return fmt.Sprintf("hexz: a callback panicked: %v\n\n%s", p.Value, p.Stack)
}

// Unwrap is the value, if that is an error.
func (p *CallbackPanic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// callbacks is the Go side of one call: what C calls back, and what came of it.
type callbacks struct {
	password PasswordFunc
	progress ProgressFunc
	sink     io.Writer
	ancestor AncestorFunc
	opening  *opening

	// lock is for what follows: sources are called by several threads at once.
	lock     sync.Mutex
	err      error
	panicked *CallbackPanic
	exited   bool
}

// hooks tells C which callbacks there are. The handle is to be deleted when
// the call is over.
func (c *callbacks) hooks() (C.hexz_go_hooks, cgo.Handle) {
	handle := cgo.NewHandle(c)
	hooks := C.hexz_go_hooks{call: C.uintptr_t(handle)}
	if c.password != nil {
		hooks.which |= C.HEXZ_GO_PASSWORD
	}
	if c.progress != nil {
		hooks.which |= C.HEXZ_GO_PROGRESS
	}
	if c.sink != nil {
		hooks.which |= C.HEXZ_GO_SINK
	}
	if c.ancestor != nil {
		hooks.which |= C.HEXZ_GO_ANCESTOR
	}
	return hooks, handle
}

// guard runs f to its end, whatever f does: neither a panic nor Goexit may
// unwind the frames of C that called us. A goroutine of its own, because Goexit
// cannot be held back on the one that it is called on. False: f did not return.
func (c *callbacks) guard(f func()) bool {
	returned := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if returned {
				return
			}
			value := recover()
			c.lock.Lock()
			defer c.lock.Unlock()
			switch {
			case value == nil:
				c.exited = true
			case c.panicked == nil:
				c.panicked = &CallbackPanic{Value: value, Stack: debug.Stack()}
			}
		}()
		f()
		returned = true
	}()
	<-done
	return returned
}

// failed keeps the first error of a callback, and is what C is told.
func (c *callbacks) failed(err error) C.int32_t {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.err == nil {
		c.err = err
	}
	return fail
}

// resume goes on with what guard held back.
func (c *callbacks) resume() {
	if c.panicked != nil {
		panic(c.panicked)
	}
	if c.exited {
		runtime.Goexit()
	}
}

// What callbacks answer to C.
const (
	proceed = 0
	decline = 1
	fail    = -1
)

//export hexzGoPassword
func hexzGoPassword(call C.uintptr_t, asked *C.hexz_password_request, out *C.char,
	capacity C.size_t, length *C.size_t) C.int32_t {
	c := cgo.Handle(call).Value().(*callbacks)
	request := PasswordRequest{
		Purpose: Purpose(asked.purpose),
		Attempt: int(asked.attempt),
	}
	if asked.path != nil {
		request.Path = C.GoString(asked.path)
	}

	// Go's memory, not C's, so that a callback that keeps it keeps zeros.
	buf := make([]byte, int(capacity))
	defer clear(buf)
	var n int
	var err error
	if !c.guard(func() { n, err = c.password(request, buf) }) {
		return fail
	}
	switch {
	case errors.Is(err, ErrDeclined):
		return decline
	case err == nil && n < 0:
		err = fmt.Errorf("a password of %d bytes", n)
		fallthrough
	case err != nil:
		return c.failed(err)
	}
	// A length beyond the buffer is for the library to refuse.
	copy(unsafe.Slice((*byte)(unsafe.Pointer(out)), int(capacity)), buf[:min(n, len(buf))])
	*length = C.size_t(n)
	return proceed
}

//export hexzGoProgress
func hexzGoProgress(call C.uintptr_t, now *C.hexz_progress) C.int32_t {
	c := cgo.Handle(call).Value().(*callbacks)
	progress := Progress{
		Phase:  Phase(now.phase),
		Done:   int64(now.done),
		Total:  int64(now.total),
		Stored: int64(now.stored),
	}
	var err error
	if !c.guard(func() { err = c.progress(progress) }) {
		return fail
	}
	if err != nil {
		return c.failed(err)
	}
	return proceed
}
