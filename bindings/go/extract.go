package hexz

// #include "shim.h"
import "C"

import (
	"context"
	"io"
)

// ExtractOptions is how to extract. Zero in any field is the default, and so is
// a nil pointer to it.
type ExtractOptions struct {
	// Overwrite replaces an output that is there, in one step, once the new one
	// is complete.
	Overwrite bool
	// NoSync does not wait until the output is on stable storage.
	NoSync bool
	// InPlace writes over an output that is there: a regular file, which
	// becomes as long as the stream, or a block device, which must be as long
	// at least. Not whole or nothing: a failure leaves some of the old bytes
	// and some of the new, and the error says so. Not with Overwrite.
	InPlace bool
	// ForceShare, with InPlace, writes although a running machine or another
	// program holds the output.
	ForceShare bool
	// Threads is as BuildOptions.Threads.
	Threads int
	// Progress is told how far the work has come, or nil.
	Progress ProgressFunc
}

// Extract writes the stream out as a raw file with holes where it has zeros.
// The file appears when it is complete, or not at all, with mode 0600 less the
// umask, unless InPlace is set.
func (st *Stream) Extract(ctx context.Context, output string, options *ExtractOptions) error {
	return st.extract(ctx, output, nil, options)
}

func (st *Stream) extract(ctx context.Context, output string, sink io.Writer, options *ExtractOptions) error {
	if options == nil {
		options = &ExtractOptions{}
	}
	var a arguments
	defer a.free()
	opts := C.hexz_extract_opts{
		struct_size: C.sizeof_hexz_extract_opts,
		flags: flag(options.Overwrite, C.HEXZ_EXTRACT_OVERWRITE) |
			flag(options.NoSync, C.HEXZ_EXTRACT_NO_SYNC) |
			flag(options.InPlace, C.HEXZ_EXTRACT_IN_PLACE) |
			flag(options.ForceShare, C.HEXZ_EXTRACT_FORCE_SHARE),
		stream:  st.index,
		threads: a.uint32("Threads", options.Threads),
	}
	if sink == nil {
		opts.output = a.text("output", output)
	}
	if err := a.err(); err != nil {
		return err
	}
	handle, err := st.snapshot.enter()
	if err != nil {
		return err
	}
	defer st.snapshot.leave()
	return run(ctx, &callbacks{progress: options.Progress, sink: sink},
		func(hooks C.hexz_go_hooks, cancel *C.hexz_cancel, left *C.hexz_go_error) C.hexz_status {
			opts.cancel = cancel
			return C.hexz_go_extract(handle, &opts, hooks, left)
		})
}
