package hexz

// A read of what lies in files calls nothing back. One of a snapshot that leans on
// a storage in Go does: that is hexz_go_read_hosted, which has neither line, since
// a callback may move the stack, and what lies on it.

// #cgo noescape hexz_go_read
// #cgo nocallback hexz_go_read
// #include "shim.h"
import "C"

import (
	"io"
	"unsafe"
)

// Stream is the disk, the memory or another stream in a snapshot. It is an [io.ReaderAt], and
// any number of goroutines may use it at once. It keeps its snapshot from being
// collected, but not from being closed.
type Stream struct {
	snapshot *Snapshot
	index    C.uint32_t
	info     StreamInfo
}

// reads bounds the operating system threads that reads of this process take.
// Without it each goroutine that reads may take one, and the runtime ends a
// program that has 10000.
var reads = make(chan struct{}, 256)

// Snapshot is the snapshot that the stream is in.
func (st *Stream) Snapshot() *Snapshot {
	return st.snapshot
}

// Info tells what the stream is.
func (st *Stream) Info() StreamInfo {
	return st.info
}

// Name is Info().Name.
func (st *Stream) Name() string {
	return st.info.Name
}

// Size is Info().Size.
func (st *Stream) Size() int64 {
	return st.info.Size
}

// Reader reads the stream from its beginning, and seeks. Each has a place of
// its own.
func (st *Stream) Reader() *io.SectionReader {
	return io.NewSectionReader(st, 0, st.info.Size)
}

// ReadAt implements [io.ReaderAt]: it fills p with what is at off, and returns
// less only with an error, which is io.EOF at the end of the stream. Any offset
// and length will do; most at a time costs least. It allocates no Go memory, but
// where the snapshot leans on an io.ReaderAt.
//
// After a failure, which is [ErrCorrupt] where the file is damaged, n is 0; p
// may hold some bytes of the stream, but never any that were not checked.
//
// At most 256 reads of a process run at once; more wait. Those of a snapshot that
// leans on an io.ReaderAt are counted by themselves, since it may read from others.
func (st *Stream) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, invalid("stream %q: an offset of %d", st.info.Name, off)
	}
	handle, err := st.snapshot.enter()
	if err != nil {
		return 0, err
	}
	defer st.snapshot.leave()
	if len(p) == 0 {
		return 0, nil
	}
	if off >= st.info.Size {
		return 0, io.EOF
	}
	n = int(min(int64(len(p)), st.info.Size-off))

	if st.snapshot.reads != nil {
		err = st.readHosted(handle, p[:n], off)
	} else {
		err = st.read(handle, p[:n], off)
	}
	if err != nil {
		return 0, err
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// read fills p, which is not empty.
func (st *Stream) read(handle *C.hexz_snapshot, p []byte, off int64) error {
	reads <- struct{}{}
	var left C.hexz_go_error
	status := C.hexz_go_read(handle, st.index, C.uint64_t(off), unsafe.Pointer(&p[0]), C.size_t(len(p)), &left)
	<-reads
	if status != C.HEXZ_OK {
		return failure(status, &left)
	}
	return nil
}

// readHosted is read where a storage in Go is called back.
func (st *Stream) readHosted(handle *C.hexz_snapshot, p []byte, off int64) error {
	st.snapshot.reads <- struct{}{}
	var left C.hexz_go_error
	status := C.hexz_go_read_hosted(handle, st.index, C.uint64_t(off), unsafe.Pointer(&p[0]), C.size_t(len(p)), &left)
	<-st.snapshot.reads
	if status != C.HEXZ_OK {
		return failure(status, &left)
	}
	return nil
}
