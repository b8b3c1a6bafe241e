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
)

// String is a word for people, such as "zero".
func (k ExtentKind) String() string {
	switch k {
	case ExtentData:
		return "data"
	case ExtentZero:
		return "zero"
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
	return Extent{Kind: ExtentKind(out.kind), Offset: int64(out.offset), Len: int64(out.len)}, nil
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
