package hexz

// #include "shim.h"
import "C"

import (
	"context"
	"fmt"
	"io"
	"runtime/cgo"
	"unsafe"
)

// BuildTo is [Build] into w, front to back, in place of a file:
// [BuildOptions.Output] is "", and Overwrite and NoSync mean nothing. What w got
// before an error is no snapshot, and does not open.
//
// An error of w ends the build, and errors.Is finds it in what BuildTo returns.
// One goroutine at a time writes, 512 KiB at once mostly. w must not keep what it
// is given.
func BuildTo(ctx context.Context, w io.Writer, options *BuildOptions) (*BuildReport, error) {
	if w == nil {
		return nil, invalid("the io.Writer is nil")
	}
	return build(ctx, w, options)
}

// ExtractTo writes the stream to w, front to back, while threads decode ahead of
// it; of the options those about files mean nothing. An error of w ends it, as in
// [BuildTo].
func (st *Stream) ExtractTo(ctx context.Context, w io.Writer, options *ExtractOptions) error {
	if w == nil {
		return invalid("the io.Writer is nil")
	}
	return st.extract(ctx, "", w, options)
}

//export hexzGoWrite
func hexzGoWrite(call C.uintptr_t, buf unsafe.Pointer, length C.size_t) C.int32_t {
	c := cgo.Handle(call).Value().(*callbacks)
	var n int
	var err error
	p := unsafe.Slice((*byte)(buf), int(length))
	if !c.guard(func() { n, err = c.sink.Write(p) }) {
		return fail
	}
	if err == nil && n != len(p) {
		err = fmt.Errorf("%d of %d bytes: %w", n, len(p), io.ErrShortWrite)
	}
	if err != nil {
		return c.failed(err)
	}
	return proceed
}
