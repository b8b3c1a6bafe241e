package hexz

// #include "shim.h"
import "C"

import "context"

// run makes one call that a context cancels and that calls back.
func run(ctx context.Context, c *callbacks,
	call func(C.hexz_go_hooks, *C.hexz_cancel, *C.hexz_go_error) C.hexz_status) error {
	hooks, handle := c.hooks()
	defer handle.Delete()
	cancel, release, err := cancelWith(ctx)
	if err != nil {
		return err
	}
	defer release()

	var left C.hexz_go_error
	status := call(hooks, cancel, &left)
	var failed *Error
	if status != C.HEXZ_OK {
		failed = failure(status, &left, reasons(ctx, Status(status), c.err)...)
	}
	c.resume()
	if failed != nil {
		return failed
	}
	return nil
}

// reasons are what the user gave for the end of a call, most telling first.
func reasons(ctx context.Context, status Status, callback error) []error {
	switch {
	case callback != nil && (status == ErrCancelled || status == ErrCallback):
		return []error{callback}
	case status != ErrCancelled || ctx.Err() == nil:
		return nil
	}
	cause := context.Cause(ctx)
	if cause == ctx.Err() {
		return []error{cause}
	}
	return []error{cause, ctx.Err()}
}

// cancelWith makes a cancel handle that is triggered when the context ends;
// NULL for a context that never does. release is to be called after the call.
func cancelWith(ctx context.Context) (cancel *C.hexz_cancel, release func(), err error) {
	if ctx.Done() == nil {
		return nil, func() {}, nil
	}
	var left C.hexz_go_error
	if status := C.hexz_go_cancel_new(&cancel, &left); status != C.HEXZ_OK {
		return nil, nil, failure(status, &left)
	}
	if ctx.Err() != nil {
		C.hexz_cancel_trigger(cancel)
		return cancel, func() { C.hexz_cancel_free(cancel) }, nil
	}
	triggered := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(triggered)
		C.hexz_cancel_trigger(cancel)
	})
	return cancel, func() {
		// What has begun uses the handle still.
		if !stop() {
			<-triggered
		}
		C.hexz_cancel_free(cancel)
	}, nil
}
