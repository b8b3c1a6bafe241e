package hexz

// #include "shim.h"
import "C"

import (
	"fmt"
	"iter"
)

// Extent is a run of bytes of one kind.
type Extent struct {
	// Kind of the bytes.
	Kind ExtentKind
	// Offset of the first byte in the stream.
	Offset int64
	// Len is how many bytes from there on are of this kind, at least 1. What
	// follows may be of the same kind.
	Len int64
}

// ExtentKind is where the bytes of an extent are.
type ExtentKind uint32

const (
	// ExtentData is stored in the snapshot.
	ExtentData ExtentKind = C.HEXZ_EXTENT_DATA
	// ExtentZero is all zeros, and takes no space.
	ExtentZero ExtentKind = C.HEXZ_EXTENT_ZERO
	// ExtentParent is stored in a snapshot that this one leans on.
	ExtentParent ExtentKind = C.HEXZ_EXTENT_PARENT
	// ExtentSame is of a [Diff] alone: the bytes are the same in both.
	ExtentSame ExtentKind = C.HEXZ_EXTENT_SAME
)

// String is a word for people, such as "zero".
func (k ExtentKind) String() string {
	switch k {
	case ExtentData:
		return "data"
	case ExtentZero:
		return "zero"
	case ExtentParent:
		return "parent"
	case ExtentSame:
		return "same"
	}
	return fmt.Sprintf("extent kind %d", uint32(k))
}

// Extent tells what is at off, and for how many bytes: to skip zeros, or to
// copy a sparse stream as one. At or beyond the end it is [ErrOutOfRange].
func (st *Stream) Extent(off int64) (Extent, error) {
	if off < 0 {
		return Extent{}, invalid("stream %q: an offset of %d", st.info.Name, off)
	}
	handle, err := st.snapshot.enter()
	if err != nil {
		return Extent{}, err
	}
	defer st.snapshot.leave()
	out := C.hexz_extent{struct_size: C.sizeof_hexz_extent}
	var left C.hexz_go_error
	if status := C.hexz_go_extent(handle, st.index, C.uint64_t(off), &out, &left); status != C.HEXZ_OK {
		return Extent{}, failure(status, &left)
	}
	return extentOf(&out), nil
}

// Extents goes through the extents of the stream from its beginning to its end.
// An error is the last that it gives.
//
//	for extent, err := range stream.Extents() {
//		if err != nil {
//			return err
//		}
//		...
//	}
func (st *Stream) Extents() iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		for off := int64(0); off < st.info.Size; {
			extent, err := st.Extent(off)
			if !yield(extent, err) || err != nil {
				return
			}
			off += extent.Len
		}
	}
}

// Diff goes through to from its beginning to its end and tells what it holds
// against the same places of from: ExtentSame, ExtentData (it may differ) or
// ExtentZero (it may differ, and is zeros now). What lies beyond the end of from
// counts as zeros. An error is the last that it gives.
//
// Only indexes are read, no blocks. Whoever made a snapshot may have written
// hashes that are not those of its bytes: [Snapshot.Verify] tells.
//
//	for extent, err := range hexz.Diff(from, to) {
//		if err != nil {
//			return err
//		}
//		...
//	}
func Diff(from, to *Stream) iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		for off := int64(0); off < to.info.Size; {
			extent, err := diffAt(from, to, off)
			if !yield(extent, err) || err != nil {
				return
			}
			off += extent.Len
		}
	}
}

func diffAt(from, to *Stream, off int64) (Extent, error) {
	old, err := from.snapshot.enter()
	if err != nil {
		return Extent{}, err
	}
	defer from.snapshot.leave()
	handle, err := to.snapshot.enter()
	if err != nil {
		return Extent{}, err
	}
	defer to.snapshot.leave()
	out := C.hexz_extent{struct_size: C.sizeof_hexz_extent}
	var left C.hexz_go_error
	if status := C.hexz_go_diff(old, from.index, handle, to.index, C.uint64_t(off), &out, &left); status != C.HEXZ_OK {
		return Extent{}, failure(status, &left)
	}
	return extentOf(&out), nil
}

func extentOf(c *C.hexz_extent) Extent {
	return Extent{Kind: ExtentKind(c.kind), Offset: int64(c.offset), Len: int64(c.len)}
}
