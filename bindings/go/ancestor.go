package hexz

// #include "shim.h"
import "C"

import (
	"errors"
	"io"
	"runtime/cgo"
	"unsafe"
)

// AncestorFunc finds a snapshot by its root that the one to be opened leans on.
// [ErrUnknownAncestor] means that it is not known here: the search goes on. Any
// other error ends the opening with [ErrCallback] and is found within that. The
// snapshot is not open yet: any other may be opened and used.
type AncestorFunc func(asked AncestorRequest) (Ancestor, error)

// AncestorRequest is an ancestor that is looked for.
type AncestorRequest struct {
	// Root of the ancestor.
	Root Root
	// Hint is the file name that it had when the child was built, or "". From a
	// file of any origin: mind what you print and open.
	Hint string
}

// Ancestor is where an ancestor is: exactly one of Path, ReaderAt and Snapshot.
type Ancestor struct {
	// Path of its file.
	Path string
	// ReaderAt has its bytes, as in [OpenFrom].
	ReaderAt io.ReaderAt
	// Size is how many bytes ReaderAt has.
	Size int64
	// Snapshot is it, open already. It may be closed once the call returned.
	Snapshot *Snapshot
}

// ErrUnknownAncestor is returned by an [AncestorFunc] that does not know the
// ancestor.
var ErrUnknownAncestor = errors.New("hexz: no such ancestor here")

// AncestorInfo is what a snapshot leans on.
type AncestorInfo struct {
	// Root of the ancestor.
	Root Root
	// Hint is the file name that it had when the child was built, or "". From a
	// file of any origin: mind what you print, or use %q.
	Hint string
	// BytesInherited are the logical bytes that come from it.
	BytesInherited int64
	// FileSize is the length of its file.
	FileSize int64
}

// Ancestors are the snapshots that this one leans on: those of which it takes
// bytes. The first call reads the index pages that say what lies where, later
// ones read nothing.
func (s *Snapshot) Ancestors() ([]AncestorInfo, error) {
	handle, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer s.leave()
	var all []AncestorInfo
	for i := range s.info.AncestorCount {
		out := C.hexz_ancestor_info{struct_size: C.sizeof_hexz_ancestor_info}
		var left C.hexz_go_error
		if status := C.hexz_go_ancestor(handle, C.uint32_t(i), &out, &left); status != C.HEXZ_OK {
			return nil, failure(status, &left)
		}
		all = append(all, AncestorInfo{
			Root:           rootOf(&out.root),
			Hint:           C.GoString(&out.hint[0]),
			BytesInherited: int64(out.bytes_inherited),
			FileSize:       int64(out.file_size),
		})
	}
	return all, nil
}

// opening is what lives until a snapshot is open.
type opening struct {
	a       arguments
	entered []*Snapshot
	// hosted is whether the snapshot leans on a storage in Go.
	hosted bool
}

// leave is called after the call.
func (o *opening) leave() {
	for _, s := range o.entered {
		s.leave()
	}
	o.a.free()
}

// enter has a snapshot open until leave.
func (o *opening) enter(s *Snapshot) (*C.hexz_snapshot, error) {
	handle, err := s.enter()
	if err != nil {
		return nil, err
	}
	o.entered = append(o.entered, s)
	o.hosted = o.hosted || s.reads != nil
	return handle, nil
}

// answer puts where an ancestor is into what C asked.
func (o *opening) answer(place Ancestor, asked *C.hexz_ancestor) error {
	given := 0
	for _, there := range []bool{place.Path != "", place.ReaderAt != nil, place.Snapshot != nil} {
		if there {
			given++
		}
	}
	switch {
	case given != 1:
		return invalid("the AncestorFunc returned %d of Path, ReaderAt and Snapshot: return one", given)
	case place.Path != "":
		var own arguments
		asked.path = own.text("Path", place.Path)
		o.a.memory = append(o.a.memory, own.memory...)
		return own.err()
	case place.Snapshot != nil:
		handle, err := o.enter(place.Snapshot)
		asked.snapshot = handle
		return err
	case place.Size < 0:
		return invalid("Size is %d: give 0 or more", place.Size)
	}
	asked.storage = giveStorage(&o.a, place.ReaderAt, place.Size)
	o.hosted = true
	return nil
}

//export hexzGoAncestor
func hexzGoAncestor(call C.uintptr_t, asked *C.hexz_ancestor) C.int32_t {
	c := cgo.Handle(call).Value().(*callbacks)
	request := AncestorRequest{Root: *(*Root)(unsafe.Pointer(asked.root))}
	if asked.hint != nil {
		request.Hint = C.GoString(asked.hint)
	}
	var place Ancestor
	var err error
	if !c.guard(func() { place, err = c.ancestor(request) }) {
		return fail
	}
	if errors.Is(err, ErrUnknownAncestor) {
		return decline
	}
	if err == nil {
		err = c.opening.answer(place, asked)
	}
	if err != nil {
		return c.failed(err)
	}
	return proceed
}
