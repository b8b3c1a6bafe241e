package hexz

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"math"
	"strings"
	"unsafe"
)

// arguments turns those of a call into C's, and keeps the first failure, so
// that a call can be written down without looking after each.
type arguments struct {
	memory []unsafe.Pointer
	failed *Error
}

func (a *arguments) free() {
	for _, m := range a.memory {
		C.free(m)
	}
	a.memory = nil
}

// err is the first failure as an error, nil without one.
func (a *arguments) err() error {
	if a.failed == nil {
		return nil
	}
	return a.failed
}

func (a *arguments) fail(failed *Error) {
	if a.failed == nil {
		a.failed = failed
	}
}

// text is s in C. C would take it to end at the first NUL, and a path could
// then be another than the one that was checked.
func (a *arguments) text(what, s string) *C.char {
	if strings.IndexByte(s, 0) >= 0 {
		a.fail(invalid("%s %q has a NUL byte in it", what, s))
		return nil
	}
	c := C.CString(s)
	a.memory = append(a.memory, unsafe.Pointer(c))
	return c
}

// zeroed is memory of C's, all zeros, until the call is over.
func (a *arguments) zeroed(size uintptr) unsafe.Pointer {
	m := C.malloc(C.size_t(size))
	clear(unsafe.Slice((*byte)(m), size))
	a.memory = append(a.memory, m)
	return m
}

// optional is s in C, NULL for an empty one.
func (a *arguments) optional(what, s string) *C.char {
	if s == "" {
		return nil
	}
	return a.text(what, s)
}

func (a *arguments) uint32(what string, v int) C.uint32_t {
	if v < 0 || v > math.MaxUint32 {
		a.fail(invalid("%s is %d: give 0 to %d", what, v, uint32(math.MaxUint32)))
		return 0
	}
	return C.uint32_t(v)
}

func (a *arguments) int32(what string, v int) C.int32_t {
	if v < math.MinInt32 || v > math.MaxInt32 {
		a.fail(invalid("%s is %d: give %d to %d", what, v, math.MinInt32, math.MaxInt32))
		return 0
	}
	return C.int32_t(v)
}

func (a *arguments) uint64(what string, v int64) C.uint64_t {
	if v < 0 {
		a.fail(invalid("%s is %d: give 0 or more", what, v))
		return 0
	}
	return C.uint64_t(v)
}

// flag is bit if set.
func flag(set bool, bit C.uint64_t) C.uint64_t {
	if set {
		return bit
	}
	return 0
}
