package hexz

// #include "shim.h"
import "C"

import (
	"context"
	"math"
)

// VerifyOptions is how to verify. Zero in any field is the default, and so is a
// nil pointer to it.
type VerifyOptions struct {
	// Threads is as BuildOptions.Threads.
	Threads int
	// Progress is told how far the work has come, or nil.
	Progress ProgressFunc
}

// VerifyReport is what a verify found.
type VerifyReport struct {
	// BlocksChecked are the blocks looked at, bad ones among them.
	BlocksChecked int64
	// BlocksBad are damaged, or cannot be found because the index is.
	BlocksBad int64
	// BadStream is the first stream with damage; nil: none, or the damage is in
	// no stream.
	BadStream *Stream
	// BadOffset is the first offset in BadStream that cannot be read; -1
	// without one.
	BadOffset int64
}

// Verify checks all of the snapshot's file: every block, every hash, every page
// of the index. Damage does not stop it: the report is complete when the error
// is nil, and when it is [ErrCorrupt].
func (s *Snapshot) Verify(ctx context.Context, options *VerifyOptions) (VerifyReport, error) {
	if options == nil {
		options = &VerifyOptions{}
	}
	var a arguments
	opts := C.hexz_verify_opts{
		struct_size: C.sizeof_hexz_verify_opts,
		threads:     a.uint32("Threads", options.Threads),
	}
	if err := a.err(); err != nil {
		return VerifyReport{BadOffset: -1}, err
	}
	handle, err := s.enter()
	if err != nil {
		return VerifyReport{BadOffset: -1}, err
	}
	defer s.leave()
	// As the library leaves it after any other failure.
	report := C.hexz_verify_report{
		struct_size: C.sizeof_hexz_verify_report,
		bad_stream:  math.MaxUint32,
		bad_offset:  math.MaxUint64,
	}
	err = run(ctx, &callbacks{progress: options.Progress},
		func(hooks C.hexz_go_hooks, cancel *C.hexz_cancel, left *C.hexz_go_error) C.hexz_status {
			opts.cancel = cancel
			return C.hexz_go_verify(handle, &opts, hooks, &report, left)
		})
	found := VerifyReport{
		BlocksChecked: int64(report.blocks_checked),
		BlocksBad:     int64(report.blocks_bad),
		// UINT64_MAX is -1 already.
		BadOffset: int64(report.bad_offset),
	}
	if i := uint32(report.bad_stream); i != math.MaxUint32 {
		found.BadStream = s.streams[i]
	}
	return found, err
}
