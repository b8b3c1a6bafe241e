// Package hexz turns a disk image and a memory dump into one snapshot file,
// deduplicated, compressed, checked, and readable at any offset without
// unpacking. It is libhexz, called through cgo.
//
//	report, err := hexz.Build(ctx, &hexz.BuildOptions{
//		Source: "disk.img",
//		Memory: "memory.dump",
//		Output: "machine.hxz",
//	})
//
// and bytes from it:
//
//	snapshot, err := hexz.Open(ctx, "machine.hxz", nil)
//	if err != nil {
//		return err
//	}
//	defer snapshot.Close()
//	disk, err := snapshot.Stream("disk")
//	if err != nil {
//		return err
//	}
//	n, err := disk.ReadAt(buf, offset) // or disk.Reader(), an *io.SectionReader
//
// # Errors
//
// A call that fails returns an [*Error]: what was tried, on what, why, and
// what to do about it. Each kind of failure is a [Status], which errors.Is
// finds, as it finds the errno behind it and what a callback returned:
//
//	errors.Is(err, hexz.ErrWrongPassword)
//	errors.Is(err, fs.ErrNotExist)
//	errors.Is(err, context.Canceled)
//
// # Concurrency
//
// Everything may be used from any number of goroutines at once. A call takes
// an operating system thread while it runs; see [Stream.ReadAt] for how many
// reads do. [Snapshot.Close] waits until calls that run are over.
//
// # Contexts
//
// Building, opening, verifying and extracting end within about 100 ms of the
// end of their context, with [ErrCancelled] and nothing left behind. A build
// or extract that has begun to give its output its name completes.
//
// # Callbacks
//
// A [PasswordFunc] or [ProgressFunc] runs while the call that was given it
// waits, in a goroutine of its own, one at a time, and never after the call
// returned. An error that it returns ends the call and is in the call's error.
// A panic in it ends the call too, which then panics with a [*CallbackPanic];
// [runtime.Goexit], which testing.T.FailNow uses, ends the calling goroutine.
//
// So it is with a [Source], an [AncestorFunc] and an io.Writer. An io.ReaderAt that
// a snapshot lies in ([OpenFrom]) is read by any number of goroutines, until that
// snapshot is closed; its failures come out of the calls that needed the bytes.
//
// # Units
//
// Sizes, offsets and lengths are in bytes unless they say otherwise. Zero in
// any field of options is the default. Options are only read, and not needed
// after the call.
//
// # Linking
//
// The package finds the installed libhexz by pkg-config. With the build tag
// hexz_static it links libhexz.a from the linker's path and needs no libhexz
// where the program runs.
package hexz
