package hexz

// #include "shim.h"
import "C"

import "fmt"

// Profile is a set of pack parameters. [LookupProfile] gives one to start from;
// change some fields and build with [BuildOptions].Custom.
type Profile struct {
	// Compression of the blocks.
	Compression Compression
	// Level of the compression: more is smaller and slower. Zstd has -7 to 22,
	// the others 0.
	Level int
	// BlockSize is how many bytes are compressed together, a power of two from
	// 4 KiB to 16 MiB. More is smaller, less reads faster at random.
	BlockSize int
	// Dictionary trains one from a sample of the sources, and keeps it if it
	// pays. Zstd only.
	Dictionary bool
	// CDCMin is the smallest chunk, 1 KiB to 1 MiB. The three CDC fields matter
	// with BuildOptions.CDC only; they are even and rise; all three 0 are the
	// default: 16, 64 and 128 KiB.
	CDCMin int
	// CDCAvg is the average chunk aimed at, at most 4 MiB.
	CDCAvg int
	// CDCMax is the largest chunk, at most 16 MiB.
	CDCMax int
}

// Compression is an algorithm.
type Compression uint32

const (
	// CompressionNone deduplicates only.
	CompressionNone Compression = C.HEXZ_COMPRESSION_NONE
	// CompressionLZ4 is the LZ4 block format: fastest to unpack.
	CompressionLZ4 Compression = C.HEXZ_COMPRESSION_LZ4
	// CompressionZstd is Zstandard (RFC 8878).
	CompressionZstd Compression = C.HEXZ_COMPRESSION_ZSTD
)

// String is a word for people, such as "zstd".
func (c Compression) String() string {
	switch c {
	case CompressionNone:
		return "none"
	case CompressionLZ4:
		return "lz4"
	case CompressionZstd:
		return "zstd"
	}
	return fmt.Sprintf("compression %d", uint32(c))
}

// LookupProfile gives the parameters of a profile: "generic" (VM disks), "eda"
// (netlists, layouts, waveforms), "embedded" (firmware) or "ml" (weights). ""
// is "generic". Another name is [ErrUnknownProfile].
func LookupProfile(name string) (Profile, error) {
	var a arguments
	defer a.free()
	c := a.optional("profile", name)
	if err := a.err(); err != nil {
		return Profile{}, err
	}
	out := C.hexz_profile{struct_size: C.sizeof_hexz_profile}
	var left C.hexz_go_error
	if status := C.hexz_go_profile_resolve(c, &out, &left); status != C.HEXZ_OK {
		return Profile{}, failure(status, &left)
	}
	return Profile{
		Compression: Compression(out.compression),
		Level:       int(out.level),
		BlockSize:   int(out.block_size),
		Dictionary:  out.dictionary != 0,
		CDCMin:      int(out.cdc_min),
		CDCAvg:      int(out.cdc_avg),
		CDCMax:      int(out.cdc_max),
	}, nil
}

// ProfileNames lists the names that [LookupProfile] and
// [BuildOptions].Profile take.
func ProfileNames() []string {
	var names []string
	for i := C.size_t(0); ; i++ {
		name := C.hexz_profile_name(i)
		if name == nil {
			return names
		}
		names = append(names, C.GoString(name))
	}
}

// fill puts the parameters into out, which is C's memory because options of C
// point to it.
func (p *Profile) fill(a *arguments, out *C.hexz_profile) {
	*out = C.hexz_profile{
		struct_size: C.sizeof_hexz_profile,
		compression: C.uint32_t(p.Compression),
		level:       a.int32("Custom.Level", p.Level),
		block_size:  a.uint32("Custom.BlockSize", p.BlockSize),
		dictionary:  C.uint32_t(flag(p.Dictionary, 1)),
		cdc_min:     a.uint32("Custom.CDCMin", p.CDCMin),
		cdc_avg:     a.uint32("Custom.CDCAvg", p.CDCAvg),
		cdc_max:     a.uint32("Custom.CDCMax", p.CDCMax),
	}
}
