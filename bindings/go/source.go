package hexz

// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
	"io"
	"runtime/cgo"
	"unsafe"
)

// StreamInput is one more stream of a build: a further disk, device state,
// anything. Exactly one of Path, Source and Stream says where its bytes come
// from.
type StreamInput struct {
	// Name is 1 to 63 bytes of UTF-8, no other stream's.
	Name string
	// Kind of the stream; 0 is StreamBlob.
	Kind StreamKind
	// Path is a file or block device.
	Path string
	// Format of Path. FormatAuto looks at disks alone: memory and blobs are
	// their bytes.
	Format Format
	// Source is bytes of this program.
	Source *Source
	// Stream is one of an open snapshot, whose holes are known: to convert,
	// encrypt, decrypt, merge and split. The snapshot may be closed once Build
	// returned.
	Stream *Stream
}

// Source is bytes of this program that a build reads. They do not change
// meanwhile.
type Source struct {
	// ReaderAt has the bytes. As [io.ReaderAt] asks, it is read by several
	// goroutines at once (with CDC by one). It is never asked beyond Size, nor
	// for what ExtentAt says is no data. It must not keep what it fills.
	ReaderAt io.ReaderAt
	// Size in bytes.
	Size int64
	// ExtentAt tells what is at offset, ExtentData, ExtentZero or, with a parent,
	// ExtentParent (its bytes at this place), and for how many bytes, 1 or more.
	// length is how much is asked about; less will do. What is no data is not
	// read. Called by one goroutine at a time. nil: all is
	// data.
	ExtentAt func(offset, length int64) (ExtentKind, int64, error)
}

// sourceCall is a source in a build.
type sourceCall struct {
	source *Source
	call   *callbacks
}

// giveStreams puts streams into options. What it returns is called after the
// call.
func giveStreams(inputs []StreamInput, a *arguments, c *callbacks, opts *C.hexz_build_opts) func() {
	var undo []func()
	leave := func() {
		for _, f := range undo {
			f()
		}
	}
	if len(inputs) == 0 {
		return leave
	}
	size := unsafe.Sizeof((*C.hexz_stream)(nil))
	list := unsafe.Slice((**C.hexz_stream)(a.zeroed(uintptr(len(inputs))*size)), len(inputs))
	for i := range inputs {
		input := &inputs[i]
		what := fmt.Sprintf("Streams[%d]", i)
		stream := (*C.hexz_stream)(a.zeroed(C.sizeof_hexz_stream))
		list[i] = stream
		stream.struct_size = C.sizeof_hexz_stream
		stream.name = a.text(what+".Name", input.Name)
		stream.kind = C.uint32_t(input.Kind)
		stream.format = C.uint32_t(input.Format)
		stream.path = a.optional(what+".Path", input.Path)
		if source := input.Source; source != nil {
			if source.ReaderAt == nil {
				a.fail(invalid("%s.Source.ReaderAt is nil", what))
				continue
			}
			handle := cgo.NewHandle(&sourceCall{source, c})
			undo = append(undo, handle.Delete)
			stream.source = (*C.hexz_source)(a.zeroed(C.sizeof_hexz_source))
			stream.source.size = a.uint64(what+".Source.Size", source.Size)
			extents := C.int(0)
			if source.ExtentAt != nil {
				extents = 1
			}
			C.hexz_go_source(stream.source, C.uintptr_t(handle), extents)
		}
		if input.Stream != nil {
			handle, err := input.Stream.snapshot.enter()
			if err != nil {
				a.fail(closed(input.Stream.snapshot.path))
				continue
			}
			undo = append(undo, input.Stream.snapshot.leave)
			stream.snapshot = handle
			stream.snapshot_stream = input.Stream.index
		}
	}
	opts.streams = &list[0]
	opts.stream_count = C.size_t(len(list))
	return leave
}

//export hexzGoReadAt
func hexzGoReadAt(call C.uintptr_t, offset C.uint64_t, buf unsafe.Pointer, length C.size_t) C.int32_t {
	s := cgo.Handle(call).Value().(*sourceCall)
	return s.call.readFull(s.source.ReaderAt, offset, buf, length)
}

// readFull fills memory of C's from r, or fails.
func (c *callbacks) readFull(r io.ReaderAt, offset C.uint64_t, buf unsafe.Pointer, length C.size_t) C.int32_t {
	var n int
	var err error
	p := unsafe.Slice((*byte)(buf), int(length))
	if !c.guard(func() { n, err = r.ReadAt(p, int64(offset)) }) {
		return fail
	}
	switch {
	case n == len(p):
		return proceed
	case err == nil || errors.Is(err, io.EOF):
		err = fmt.Errorf("%d of %d bytes at %d: %w", n, len(p), int64(offset), io.ErrUnexpectedEOF)
	}
	return c.failed(err)
}

//export hexzGoExtentAt
func hexzGoExtentAt(call C.uintptr_t, offset C.uint64_t, length *C.uint64_t, kind *C.uint32_t) C.int32_t {
	s := cgo.Handle(call).Value().(*sourceCall)
	var found ExtentKind
	var n int64
	var err error
	asked := int64(*length)
	if !s.call.guard(func() { found, n, err = s.source.ExtentAt(int64(offset), asked) }) {
		return fail
	}
	if err == nil && n < 0 {
		err = fmt.Errorf("an extent of %d bytes at %d", n, int64(offset))
	}
	if err != nil {
		return s.call.failed(err)
	}
	*kind, *length = C.uint32_t(found), C.uint64_t(n)
	return proceed
}
