package hexz

// #include "shim.h"
import "C"

import (
	"context"
	"io"
	"runtime/cgo"
	"sync"
	"unsafe"
)

// OpenFrom is [Open] of a snapshot of size bytes in r: in memory, in an object
// store. [Snapshot.Path] is "". Both stay as they are until the snapshot, and
// each that leans on it, is closed.
//
// As [io.ReaderAt] asks, r is read by several goroutines at once. It must not
// keep what it fills, nor use a snapshot that leans on it. An error of r is in
// that of the call that needed the bytes, where errors.Is finds it, and the
// snapshot is as good as before.
func OpenFrom(ctx context.Context, r io.ReaderAt, size int64, options *OpenOptions) (*Snapshot, error) {
	if r == nil {
		return nil, invalid("the io.ReaderAt is nil")
	}
	return open(ctx, "", r, size, options)
}

// giveStorage makes a storage of r. Its handle is deleted when the library, which
// is to be given it, gives it back.
func giveStorage(a *arguments, r io.ReaderAt, size int64) *C.hexz_storage {
	storage := (*C.hexz_storage)(a.zeroed(C.sizeof_hexz_storage))
	storage.size = C.uint64_t(size)
	C.hexz_go_storage(storage, C.uintptr_t(cgo.NewHandle(r)))
	return storage
}

//export hexzGoRelease
func hexzGoRelease(storage C.uintptr_t) {
	cgo.Handle(storage).Delete()
}

//export hexzGoStorageReadAt
func hexzGoStorageReadAt(storage C.uintptr_t, offset C.uint64_t, buf unsafe.Pointer, length C.size_t) C.int32_t {
	r := cgo.Handle(storage).Value().(io.ReaderAt)
	c := &callbacks{}
	if c.readFull(r, offset, buf, length) == proceed {
		return proceed
	}
	return mishaps.keep(c)
}

// mishaps are the latest failures of storages. A storage is of no one call: C is
// told a number, and hands it to the call that fails, whatever thread needed the
// bytes. That call finds the rest here.
var mishaps mishapList

type mishapList struct {
	lock   sync.Mutex
	next   int32
	latest [256]struct {
		code C.int32_t
		what *callbacks
	}
}

// keep is what C is told of a failure.
func (l *mishapList) keep(what *callbacks) C.int32_t {
	l.lock.Lock()
	defer l.lock.Unlock()
	// Below what other callbacks answer.
	code := fail - 1 - C.int32_t(l.next)
	place := &l.latest[int(l.next)%len(l.latest)]
	place.code, place.what = code, what
	l.next = (l.next + 1) % (1 << 30)
	return code
}

// find is the failure that C was told of by this code; nil if there is none, or
// many came after it.
func (l *mishapList) find(code C.int32_t) *callbacks {
	if code >= fail {
		return nil
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	place := &l.latest[int(fail-1-code)%len(l.latest)]
	if place.code != code {
		return nil
	}
	return place.what
}
