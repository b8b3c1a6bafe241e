package hexz

// #include "shim.h"
import "C"

import (
	"context"
	"fmt"
	"io"
	"time"
	"unsafe"
)

// BuildOptions is what to build from, and how. Output is needed, and Source or
// Streams; zero in any other field is the default.
type BuildOptions struct {
	// Source is the disk image: a regular file or a block device. It becomes
	// the stream "disk".
	Source string
	// SourceFormat is the format of Source.
	SourceFormat Format
	// Memory is a memory dump, or "". It becomes the stream "memory", byte for
	// byte.
	Memory string
	// Streams are more streams, behind disk and memory in their order; at most
	// 256 in all.
	Streams []StreamInput
	// Output is the snapshot file to make. It appears complete or not at all,
	// with mode 0600 less the umask.
	Output string

	// Parent is a snapshot to store only the differences to, or "": what it or
	// one that it leans on has, in the stream of the same name at the same place
	// or anywhere, is not stored again. The new snapshot leans on those of them
	// that it refers to, and is read with them. If one is encrypted, the new one
	// must be: Encryption.Password is asked for its password too.
	Parent string
	// ParentSnapshot is the same, open already, or nil; not both.
	ParentSnapshot *Snapshot
	// Bases are open snapshots in which content is looked for besides the
	// parent's, anywhere in them. They and ParentSnapshot may be closed once the
	// call returned. Whose ancestors lie far is opened with
	// [OpenOptions.Ancestor] first.
	Bases []*Snapshot
	// Fold: where Parent and Bases have more than 64 ancestors together, what
	// the least-giving ones have is stored anew, in place of [ErrParent].
	Fold bool

	// Profile is the name of a profile; "": "generic". Not with Custom.
	Profile string
	// Custom are pack parameters of your own, or nil.
	Custom *Profile
	// CDC cuts content-defined chunks (FastCDC) in place of fixed 4 KiB units:
	// for data that shifts by odd numbers of bytes, such as text and archives.
	CDC bool
	// Encryption encrypts with AES-256-GCM under a password; nil: plain.
	Encryption *Encryption

	// Overwrite replaces an output that is there, in one step, once the new one
	// is complete.
	Overwrite bool
	// NoSync does not wait until the output is on stable storage. After a power
	// failure it may be damaged, which opening and verifying notice.
	NoSync bool
	// AllowBacking lets an image open the files that its header names. Only for
	// images from a source that you trust with your files. Without effect on
	// raw images.
	AllowBacking bool
	// ForceShare skips image locks and the check that no source changed while
	// it was read. The snapshot then holds no one moment.
	ForceShare bool
	// AllowChange skips only the check that no source changed while it was
	// read, and keeps the locks. The snapshot then may hold no one moment.
	AllowChange bool

	// Threads that use CPU; 0: as many as the CPUs that this process may use.
	// GOMAXPROCS has no part in it. The snapshot does not depend on it.
	Threads int
	// MemoryLimit is how much memory the work may take, for any size of source;
	// 0: 256 MiB. It is not Go's memory: GOMEMLIMIT does not count it. Too
	// little is [ErrInvalidArgument], and the text names the least.
	MemoryLimit int64
	// Spill is a folder for an unnamed file that takes what outgrows MemoryLimit;
	// "": Output's. Only a [Builder] that is written out of order has such.
	Spill string
	// Progress is told how far the build has come, or nil.
	Progress ProgressFunc
}

// Format is the format of a disk image.
type Format uint32

const (
	// FormatAuto looks: what begins as a qcow2 image is one, anything else is
	// raw. A guest that may write to its raw disk may also write a qcow2 header
	// there: say FormatRaw where you know it.
	FormatAuto Format = C.HEXZ_FORMAT_AUTO
	// FormatRaw: the bytes are the disk.
	FormatRaw Format = C.HEXZ_FORMAT_RAW
	// FormatQcow2: versions 2 and 3. [ErrUnsupported] from a library that does
	// not have it.
	FormatQcow2 Format = C.HEXZ_FORMAT_QCOW2
)

// BuildReport is what a build did.
type BuildReport struct {
	// BytesRead from the sources; holes are not read.
	BytesRead int64
	// BytesZero are logical bytes of zeros, holes among them; they take no
	// space.
	BytesZero int64
	// BytesDuplicate are logical bytes that were found elsewhere in this
	// snapshot.
	BytesDuplicate int64
	// BytesInherited are logical bytes that the parent, a base or what those
	// lean on has.
	BytesInherited int64
	// BytesUnique are logical bytes that were new, before compression.
	BytesUnique int64
	// BytesStored are the same after compression.
	BytesStored int64
	// BytesDead are stored bytes that no stream refers to any more.
	BytesDead int64
	// Blocks stored.
	Blocks int64
	// FileSize is the length of the snapshot file.
	FileSize int64
	// Root names the contents.
	Root Root

	// ReadTime is the time spent reading the sources. This and the next five
	// are sums over the threads.
	ReadTime time.Duration
	// HashTime was spent hashing units.
	HashTime time.Duration
	// CompressTime was spent compressing.
	CompressTime time.Duration
	// SealTime was spent encrypting.
	SealTime time.Duration
	// WriteTime was spent writing the output.
	WriteTime time.Duration
	// SyncTime passed until the output was durable and had its name.
	SyncTime time.Duration
	// TotalTime is the time from the beginning of the call to its end.
	TotalTime time.Duration
}

// Build makes a snapshot from a disk image and, if given, a memory dump and
// further streams: deduplicates over all of them, compresses, and writes one file that appears when it
// is complete, or not at all. After an error there is no new file and an old
// output is as it was; if only the last step failed, syncing the folder, the
// text says so. No source may be written meanwhile: a change is noticed and is
// [ErrSource].
//
// Several builds may run at once. A program that sets RLIMIT_FSIZE must call
// signal.Ignore(syscall.SIGXFSZ), or an output that grows past the limit ends
// it; ignored, it is [ErrOutput].
func Build(ctx context.Context, options *BuildOptions) (*BuildReport, error) {
	return build(ctx, nil, options)
}

func build(ctx context.Context, sink io.Writer, options *BuildOptions) (*BuildReport, error) {
	if options == nil {
		options = &BuildOptions{}
	}
	c := options.callbacks(sink)
	report := C.hexz_build_report{struct_size: C.sizeof_hexz_build_report}
	err := options.give(c, func(opts *C.hexz_build_opts) error {
		return run(ctx, c, func(hooks C.hexz_go_hooks, cancel *C.hexz_cancel, left *C.hexz_go_error) C.hexz_status {
			opts.cancel = cancel
			return C.hexz_go_build(opts, hooks, &report, left)
		})
	})
	if err != nil {
		return nil, err
	}
	return reportOf(&report), nil
}

// callbacks are those of a build with these options.
func (o *BuildOptions) callbacks(sink io.Writer) *callbacks {
	c := &callbacks{progress: o.Progress, sink: sink}
	if o.Encryption != nil {
		c.password = o.Encryption.Password
	}
	return c
}

// give has call use the options in C, which last as long as it.
func (o *BuildOptions) give(c *callbacks, call func(*C.hexz_build_opts) error) error {
	var a arguments
	defer a.free()
	opts := (*C.hexz_build_opts)(a.zeroed(C.sizeof_hexz_build_opts))
	*opts = o.inC(&a)
	if o.Custom != nil {
		opts.custom = (*C.hexz_profile)(a.zeroed(C.sizeof_hexz_profile))
		o.Custom.fill(&a, opts.custom)
	}
	leave := giveStreams(o.Streams, &a, c, opts)
	defer leave()
	leaveParents := o.giveParents(&a, opts)
	defer leaveParents()
	if err := a.err(); err != nil {
		return err
	}
	return call(opts)
}

// inC is all but what points to Go memory, or is known to the call only.
func (o *BuildOptions) inC(a *arguments) C.hexz_build_opts {
	opts := C.hexz_build_opts{
		struct_size: C.sizeof_hexz_build_opts,
		flags: flag(o.CDC, C.HEXZ_BUILD_CDC) |
			flag(o.Encryption != nil, C.HEXZ_BUILD_ENCRYPT) |
			flag(o.Overwrite, C.HEXZ_BUILD_OVERWRITE) |
			flag(o.NoSync, C.HEXZ_BUILD_NO_SYNC) |
			flag(o.AllowBacking, C.HEXZ_BUILD_ALLOW_BACKING) |
			flag(o.ForceShare, C.HEXZ_BUILD_FORCE_SHARE) |
			flag(o.AllowChange, C.HEXZ_BUILD_ALLOW_CHANGE) |
			flag(o.Fold, C.HEXZ_BUILD_FOLD),
		source:        a.optional("Source", o.Source),
		memory:        a.optional("Memory", o.Memory),
		output:        a.optional("Output", o.Output),
		profile:       a.optional("Profile", o.Profile),
		source_format: C.uint32_t(o.SourceFormat),
		threads:       a.uint32("Threads", o.Threads),
		memory_limit:  a.uint64("MemoryLimit", o.MemoryLimit),
		parent:        a.optional("Parent", o.Parent),
		spill:         a.optional("Spill", o.Spill),
	}
	if o.Encryption != nil {
		o.Encryption.KDF.fill(a, &opts.kdf_memory_kib, &opts.kdf_passes, &opts.kdf_lanes)
	}
	return opts
}

// giveParents puts open snapshots to lean on into options. What it returns is
// called after the call.
func (o *BuildOptions) giveParents(a *arguments, opts *C.hexz_build_opts) func() {
	var entered []*Snapshot
	enter := func(what string, s *Snapshot) *C.hexz_snapshot {
		if s == nil {
			a.fail(invalid("%s is nil", what))
			return nil
		}
		handle, err := s.enter()
		if err != nil {
			a.fail(closed(s.path))
			return nil
		}
		entered = append(entered, s)
		return handle
	}
	if o.ParentSnapshot != nil {
		opts.parent_snapshot = enter("ParentSnapshot", o.ParentSnapshot)
	}
	if len(o.Bases) > 0 {
		size := unsafe.Sizeof((*C.hexz_snapshot)(nil))
		list := unsafe.Slice((**C.hexz_snapshot)(a.zeroed(uintptr(len(o.Bases))*size)), len(o.Bases))
		for i, base := range o.Bases {
			list[i] = enter(fmt.Sprintf("Bases[%d]", i), base)
		}
		opts.bases = &list[0]
		opts.base_count = C.size_t(len(list))
	}
	return func() {
		for _, s := range entered {
			s.leave()
		}
	}
}

func reportOf(r *C.hexz_build_report) *BuildReport {
	return &BuildReport{
		BytesRead:      int64(r.bytes_read),
		BytesZero:      int64(r.bytes_zero),
		BytesDuplicate: int64(r.bytes_duplicate),
		BytesInherited: int64(r.bytes_inherited),
		BytesUnique:    int64(r.bytes_unique),
		BytesStored:    int64(r.bytes_stored),
		BytesDead:      int64(r.bytes_dead),
		Blocks:         int64(r.blocks),
		FileSize:       int64(r.file_size),
		Root:           rootOf(&r.root),
		ReadTime:       time.Duration(r.read_ns),
		HashTime:       time.Duration(r.hash_ns),
		CompressTime:   time.Duration(r.compress_ns),
		SealTime:       time.Duration(r.seal_ns),
		WriteTime:      time.Duration(r.write_ns),
		SyncTime:       time.Duration(r.sync_ns),
		TotalTime:      time.Duration(r.total_ns),
	}
}

func rootOf(c *[32]C.uint8_t) Root {
	return *(*Root)(unsafe.Pointer(c))
}
