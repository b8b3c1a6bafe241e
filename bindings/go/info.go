package hexz

// #include "shim.h"
import "C"

import "fmt"

// Info is what a snapshot is.
type Info struct {
	// Root names the contents.
	Root Root
	// FormatVersion is the version of the file format.
	FormatVersion int
	// Encrypted tells an encrypted snapshot from a plain one.
	Encrypted bool
	// CDC tells one of content-defined chunks from one of fixed units.
	CDC bool
	// Compression that was asked for.
	Compression Compression
	// Level that was asked for.
	Level int
	// BlockSize is how many bytes were compressed together.
	BlockSize int
	// DictionarySize is the size of the dictionary; 0: none.
	DictionarySize int
	// FileSize is the length of the snapshot file.
	FileSize int64
	// LogicalSize is that of all streams together.
	LogicalSize int64
	// Blocks stored in the file.
	Blocks int64
	// ParentRoot is the root of the parent that it was built on, whether it leans
	// on that or not; zero without one.
	ParentRoot Root
	// AncestorCount is how many snapshots it leans on: see [Snapshot.Ancestors].
	AncestorCount int
}

// StreamInfo is what a stream is.
type StreamInfo struct {
	// Name, in UTF-8. From a file of any origin: mind what you print, or use
	// %q.
	Name string
	// Kind of its contents.
	Kind StreamKind
	// Size of its contents.
	Size int64
	// DataSize are those of them in extents of data.
	DataSize int64
	// ZeroSize are those of them in extents of zeros.
	ZeroSize int64
	// StoredSize are the bytes in the file of the blocks that this stream
	// brought in.
	StoredSize int64
}

// StreamKind is what a stream holds.
type StreamKind uint32

const (
	// StreamDisk is a disk.
	StreamDisk StreamKind = C.HEXZ_STREAM_DISK
	// StreamMemory is memory of a machine.
	StreamMemory StreamKind = C.HEXZ_STREAM_MEMORY
	// StreamBlob is anything else.
	StreamBlob StreamKind = C.HEXZ_STREAM_BLOB
)

// String is a word for people, such as "disk".
func (k StreamKind) String() string {
	switch k {
	case StreamDisk:
		return "disk"
	case StreamMemory:
		return "memory"
	case StreamBlob:
		return "blob"
	}
	return fmt.Sprintf("kind %d", uint32(k))
}

// readInfo fills in what the snapshot is, and counts its streams.
func (s *Snapshot) readInfo() (streams int, err error) {
	out := C.hexz_info{struct_size: C.sizeof_hexz_info}
	var left C.hexz_go_error
	if status := C.hexz_go_info(s.handle, &out, &left); status != C.HEXZ_OK {
		return 0, failure(status, &left)
	}
	s.info = Info{
		Root:           rootOf(&out.root),
		FormatVersion:  int(out.format_version),
		Encrypted:      out.encrypted != 0,
		CDC:            out.cdc != 0,
		Compression:    Compression(out.compression),
		Level:          int(out.level),
		BlockSize:      int(out.block_size),
		DictionarySize: int(out.dictionary_size),
		FileSize:       int64(out.file_size),
		LogicalSize:    int64(out.logical_size),
		Blocks:         int64(out.blocks),
		ParentRoot:     rootOf(&out.parent_root),
		AncestorCount:  int(out.ancestor_count),
	}
	return int(out.stream_count), nil
}

// addStream adds stream number index, which is the next one.
func (s *Snapshot) addStream(index int) error {
	out := C.hexz_stream_info{struct_size: C.sizeof_hexz_stream_info}
	var left C.hexz_go_error
	if status := C.hexz_go_stream(s.handle, C.uint32_t(index), &out, &left); status != C.HEXZ_OK {
		return failure(status, &left)
	}
	s.streams = append(s.streams, &Stream{
		snapshot: s,
		index:    C.uint32_t(index),
		info: StreamInfo{
			Name:       C.GoString(&out.name[0]),
			Kind:       StreamKind(out.kind),
			Size:       int64(out.size),
			DataSize:   int64(out.data_size),
			ZeroSize:   int64(out.zero_size),
			StoredSize: int64(out.stored_size),
		},
	})
	return nil
}
