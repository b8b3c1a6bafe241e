package hexz

// #include "shim.h"
import "C"

import (
	"context"
	"io"
	"runtime"
	"sync"
)

// OpenOptions is how to open. Zero in any field is the default, and so is a nil
// pointer to it.
type OpenOptions struct {
	// Password supplies the password of an encrypted snapshot. Given for a
	// plain one it is [ErrNotEncrypted], since somebody may have put a plain
	// file in the place of an encrypted one.
	Password PasswordFunc
	// AllowPlain: a plain snapshot is fine although Password is given.
	AllowPlain bool
	// ExpectRoot is what the root must be, or nil. Another root is
	// [ErrCorrupt], and each block is checked by BLAKE3 as well when it is
	// read.
	ExpectRoot *Root
	// CacheSize is how many bytes of decoded blocks and index pages to keep in
	// memory; 0: 32 MiB.
	CacheSize int64
	// KDFMemoryMaxKiB is how much memory making a key from a password may take
	// at most; 0: 1 GiB, the most that the format allows. A key slot that asks
	// for more is [ErrUnsupported].
	KDFMemoryMaxKiB int

	// Parent is where the parent is, of a snapshot that leans on others, or "".
	Parent string
	// ParentSnapshot is the same, open already, or nil; not both. It may be
	// closed once the call returned.
	ParentSnapshot *Snapshot
	// Ancestor finds ancestors that ParentSnapshot and Parent are not, or nil.
	// One that is found nowhere is [ErrParent].
	Ancestor AncestorFunc
	// NoHints: the names of ancestors that a snapshot records are not followed.
	// A root is no secret, and a snapshot from hands that you do not trust may
	// name somebody else's file beside it.
	NoHints bool
}

// Snapshot is a snapshot file, open for reading. Any number of goroutines may
// use it at once. It is to be closed.
type Snapshot struct {
	path    string
	info    Info
	streams []*Stream
	cleanup runtime.Cleanup
	// reads bounds those of a snapshot that leans on a storage in Go; nil: files
	// alone.
	reads chan struct{}

	lock   sync.Mutex
	handle *C.hexz_snapshot
	// calls is how many use the handle, closed whether more may.
	calls  int
	closed bool
	// idle is closed once the handle is.
	idle chan struct{}
}

// Open opens a snapshot for reading. At most 64 KiB are read, however large it
// is; the rest is read when it is asked for, and every byte is checked before
// it is handed out. The file must stay as it is while it is open; replacing it
// by rename is fine.
//
// A wrong password is asked for up to three times; each costs what the builder
// chose, by default 64 MiB of memory for some tenths of a second.
func Open(ctx context.Context, path string, options *OpenOptions) (*Snapshot, error) {
	return open(ctx, path, nil, 0, options)
}

// open opens a path, or what r has.
func open(ctx context.Context, path string, r io.ReaderAt, size int64, options *OpenOptions) (*Snapshot, error) {
	if options == nil {
		options = &OpenOptions{}
	}
	o := &opening{hosted: r != nil}
	defer o.leave()
	a := &o.a
	opts := C.hexz_open_opts{
		struct_size: C.sizeof_hexz_open_opts,
		flags: flag(options.AllowPlain, C.HEXZ_OPEN_ALLOW_PLAIN) |
			flag(options.NoHints, C.HEXZ_OPEN_NO_HINTS),
		cache_size:         a.uint64("CacheSize", options.CacheSize),
		parent:             a.optional("Parent", options.Parent),
		kdf_memory_max_kib: a.uint32("KDFMemoryMaxKiB", options.KDFMemoryMaxKiB),
	}
	if r == nil {
		opts.path = a.text("path", path)
	}
	a.uint64("size", size)
	if err := a.err(); err != nil {
		return nil, err
	}
	if options.ParentSnapshot != nil {
		handle, err := o.enter(options.ParentSnapshot)
		if err != nil {
			return nil, err
		}
		opts.parent_snapshot = handle
	}

	// A copy, in case the caller changes it meanwhile.
	var root *C.uint8_t
	if options.ExpectRoot != nil {
		expected := *options.ExpectRoot
		root = (*C.uint8_t)(&expected[0])
	}
	var handle *C.hexz_snapshot
	err := run(ctx, &callbacks{password: options.Password, ancestor: options.Ancestor, opening: o},
		func(hooks C.hexz_go_hooks, cancel *C.hexz_cancel, left *C.hexz_go_error) C.hexz_status {
			opts.cancel = cancel
			if r != nil {
				opts.storage = giveStorage(a, r, size)
			}
			return C.hexz_go_open(&opts, hooks, root, &handle, left)
		})
	if err != nil {
		return nil, err
	}
	return describe(path, handle, o.hosted)
}

// describe makes a snapshot of a handle, which is its from then on.
func describe(path string, handle *C.hexz_snapshot, hosted bool) (*Snapshot, error) {
	s := &Snapshot{path: path, handle: handle, idle: make(chan struct{})}
	if hosted {
		s.reads = make(chan struct{}, cap(reads))
	}
	count, err := s.readInfo()
	for i := 0; err == nil && i < count; i++ {
		err = s.addStream(i)
	}
	if err != nil {
		C.hexz_snapshot_close(handle)
		return nil, err
	}
	s.cleanup = runtime.AddCleanup(s, func(handle *C.hexz_snapshot) {
		C.hexz_snapshot_close(handle)
	}, handle)
	return s, nil
}

// Close closes the snapshot, once the calls that use it are over; calls that
// come after it are [ErrState] and fs.ErrClosed. Closing again is fine. The
// error is always nil: it is there for io.Closer.
//
// A snapshot that is not closed is closed some time after the last reference
// to it is gone: do not count on it.
func (s *Snapshot) Close() error {
	s.lock.Lock()
	first := !s.closed
	s.closed = true
	if first && s.calls == 0 {
		s.free()
	}
	s.lock.Unlock()
	<-s.idle
	return nil
}

// free closes the handle, under the lock, when nothing uses it any more.
func (s *Snapshot) free() {
	s.cleanup.Stop()
	C.hexz_snapshot_close(s.handle)
	s.handle = nil
	close(s.idle)
}

// enter begins a call on the handle, which leave ends.
func (s *Snapshot) enter() (*C.hexz_snapshot, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.closed {
		return nil, closed(s.path)
	}
	s.calls++
	return s.handle, nil
}

func (s *Snapshot) leave() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.calls--
	if s.closed && s.calls == 0 {
		s.free()
	}
}

// Path is the path that the snapshot was opened by; "" of one from [OpenFrom].
func (s *Snapshot) Path() string {
	return s.path
}

// Info tells what the snapshot is. It works on a closed one too.
func (s *Snapshot) Info() Info {
	return s.info
}

// Streams are the streams of the snapshot, in their order.
func (s *Snapshot) Streams() []*Stream {
	return append([]*Stream(nil), s.streams...)
}

// Stream finds a stream by its name, such as "disk" or "memory". There being
// none is [ErrNoStream].
func (s *Snapshot) Stream(name string) (*Stream, error) {
	var a arguments
	defer a.free()
	c := a.text("stream", name)
	if err := a.err(); err != nil {
		return nil, err
	}
	handle, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer s.leave()
	var index C.uint32_t
	var left C.hexz_go_error
	if status := C.hexz_go_find(handle, c, &index, &left); status != C.HEXZ_OK {
		return nil, failure(status, &left)
	}
	return s.streams[index], nil
}
