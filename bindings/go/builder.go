package hexz

// #include "shim.h"
import "C"

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"unsafe"
)

// Builder makes a snapshot whose bytes are pushed, in any order: what is never
// written is zeros. It appears by [Builder.Finish], or not at all. It is to be
// closed.
//
// Its methods and those of its streams may be called from any goroutine, and
// wait for each other; not from its own callbacks, which would wait for
// themselves. Once a call has failed, other than for what it was given, the
// builder can only be closed.
//
// With [BuildOptions.CDC], and into an io.Writer, streams are pushed front to
// back, one after the other; going back is [ErrState].
type Builder struct {
	lock    sync.Mutex
	ctx     context.Context
	handle  *C.hexz_builder
	calls   *callbacks
	release func()
	cleanup runtime.Cleanup
}

// PushedStream is a stream of a [Builder]: an [io.WriterAt] into it.
type PushedStream struct {
	builder *Builder
	name    string
	index   C.uint32_t
	size    int64
}

// NewBuilder begins a snapshot. Of the options Source, Memory and Streams are
// left out; ParentSnapshot and Bases may be closed once it returned. The end of
// ctx makes the call that waits, or the next one, fail with [ErrCancelled].
func NewBuilder(ctx context.Context, options *BuildOptions) (*Builder, error) {
	return newBuilder(ctx, nil, options)
}

// NewBuilderTo is [NewBuilder] into w, as [BuildTo] is [Build]: w is written to by
// calls of the builder, and must not use it.
func NewBuilderTo(ctx context.Context, w io.Writer, options *BuildOptions) (*Builder, error) {
	if w == nil {
		return nil, invalid("the io.Writer is nil")
	}
	return newBuilder(ctx, w, options)
}

func newBuilder(ctx context.Context, sink io.Writer, options *BuildOptions) (*Builder, error) {
	if options == nil {
		options = &BuildOptions{}
	}
	if len(options.Streams) > 0 {
		return nil, invalid("Streams are given: a builder's are pushed; add them with Stream")
	}
	b := &Builder{ctx: ctx, calls: options.callbacks(sink)}
	cancel, releaseCancel, err := cancelWith(ctx)
	if err != nil {
		return nil, err
	}
	hooks, callsHandle := b.calls.hooks()
	b.release = func() {
		releaseCancel()
		callsHandle.Delete()
	}
	err = options.give(b.calls, func(opts *C.hexz_build_opts) error {
		opts.cancel = cancel
		var left C.hexz_go_error
		status := C.hexz_go_builder_new(opts, hooks, &b.handle, &left)
		return b.after(status, &left)
	})
	if err != nil {
		b.release()
		return nil, err
	}
	b.cleanup = runtime.AddCleanup(b, func(own builderParts) {
		C.hexz_builder_free(own.handle)
		own.release()
	}, builderParts{b.handle, b.release})
	return b, nil
}

// builderParts is what a builder that nobody closed leaves.
type builderParts struct {
	handle  *C.hexz_builder
	release func()
}

// after is what a call of C's came to; a callback's panic goes on.
func (b *Builder) after(status C.hexz_status, left *C.hexz_go_error) error {
	var failed *Error
	if status != C.HEXZ_OK {
		failed = failure(status, left, reasons(b.ctx, Status(status), b.calls.err)...)
	}
	b.calls.resume()
	if failed != nil {
		return failed
	}
	return nil
}

// with makes one call.
func (b *Builder) with(call func(*C.hexz_builder, *C.hexz_go_error) C.hexz_status) error {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.handle == nil {
		return closedWhat("the builder")
	}
	var left C.hexz_go_error
	return b.after(call(b.handle, &left), &left)
}

// Stream adds a stream of size bytes, all zero. name is 1 to 63 bytes of UTF-8,
// no other stream's; a kind of 0 is StreamBlob.
func (b *Builder) Stream(name string, kind StreamKind, size int64) (*PushedStream, error) {
	var a arguments
	defer a.free()
	text := a.text("name", name)
	length := a.uint64("size", size)
	if err := a.err(); err != nil {
		return nil, err
	}
	st := &PushedStream{builder: b, name: name, size: size}
	err := b.with(func(handle *C.hexz_builder, left *C.hexz_go_error) C.hexz_status {
		return C.hexz_go_builder_stream(handle, text, C.uint32_t(kind), length, &st.index, left)
	})
	if err != nil {
		return nil, err
	}
	return st, nil
}

// Finish completes the snapshot. After that the builder can only be closed.
func (b *Builder) Finish() (*BuildReport, error) {
	report := C.hexz_build_report{struct_size: C.sizeof_hexz_build_report}
	err := b.with(func(handle *C.hexz_builder, left *C.hexz_go_error) C.hexz_status {
		return C.hexz_go_builder_finish(handle, &report, left)
	})
	if err != nil {
		return nil, err
	}
	return reportOf(&report), nil
}

// Close frees the builder; one that was not finished leaves nothing behind.
// Closing again is fine. The error is always nil: it is there for io.Closer.
func (b *Builder) Close() error {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.handle != nil {
		b.cleanup.Stop()
		C.hexz_builder_free(b.handle)
		b.release()
		b.handle = nil
	}
	return nil
}

// Name is the name of the stream.
func (st *PushedStream) Name() string {
	return st.name
}

// Size is how many bytes the stream has.
func (st *PushedStream) Size() int64 {
	return st.size
}

// WriteAt implements [io.WriterAt]: it writes p at off, and waits while there is
// no room. The last write to a place wins. Both ends are multiples of 4096 or
// the end of the stream: [PushedStream.Writer] takes any pieces.
func (st *PushedStream) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, invalid("stream %q: an offset of %d", st.name, off)
	}
	err := st.builder.with(func(handle *C.hexz_builder, left *C.hexz_go_error) C.hexz_status {
		return C.hexz_go_builder_write(handle, st.index, C.uint64_t(off), unsafe.Pointer(unsafe.SliceData(p)),
			C.size_t(len(p)), left)
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Zero makes n bytes at off zero, as WriteAt would.
func (st *PushedStream) Zero(off, n int64) error {
	return st.mark(off, n, func(handle *C.hexz_builder, left *C.hexz_go_error) C.hexz_status {
		return C.hexz_go_builder_zero(handle, st.index, C.uint64_t(off), C.uint64_t(n), left)
	})
}

// Inherit takes n bytes at off from the parent, without reading them.
func (st *PushedStream) Inherit(off, n int64) error {
	return st.mark(off, n, func(handle *C.hexz_builder, left *C.hexz_go_error) C.hexz_status {
		return C.hexz_go_builder_inherit(handle, st.index, C.uint64_t(off), C.uint64_t(n), left)
	})
}

func (st *PushedStream) mark(off, n int64, call func(*C.hexz_builder, *C.hexz_go_error) C.hexz_status) error {
	if off < 0 || n < 0 {
		return invalid("stream %q: %d bytes at %d", st.name, n, off)
	}
	return st.builder.with(call)
}

// Writer writes the stream front to back, in pieces of any length, for io.Copy
// and its like. Its Close writes what is left, and does not close the builder.
func (st *PushedStream) Writer() io.WriteCloser {
	return &pushWriter{stream: st, buf: make([]byte, 0, 1<<20)}
}

// unit is what the ends of a write are multiples of.
const unit = 4096

type pushWriter struct {
	stream *PushedStream
	// buf is what is not written yet; its capacity is whole units.
	buf    []byte
	off    int64
	err    error
	closed bool
}

func (w *pushWriter) Write(p []byte) (n int, err error) {
	if w.closed {
		return 0, closedWhat(fmt.Sprintf("the writer of stream %q", w.stream.name))
	}
	for w.err == nil && len(p) > 0 {
		part := copy(w.buf[len(w.buf):cap(w.buf)], p)
		w.buf = w.buf[:len(w.buf)+part]
		p = p[part:]
		n += part
		if len(w.buf) == cap(w.buf) {
			w.flush()
		}
	}
	return n, w.err
}

func (w *pushWriter) flush() {
	_, w.err = w.stream.WriteAt(w.buf, w.off)
	w.off += int64(len(w.buf))
	w.buf = w.buf[:0]
}

// Close writes the last unit with the zeros that are behind it anyway.
func (w *pushWriter) Close() error {
	if w.closed || w.err != nil {
		return w.err
	}
	w.closed = true
	length := int64(len(w.buf))
	whole := (length + unit - 1) / unit * unit
	if left := w.stream.size - w.off; length <= left {
		whole = min(whole, left)
		w.buf = append(w.buf, make([]byte, whole-length)...)
	}
	w.flush()
	return w.err
}
