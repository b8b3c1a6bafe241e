// Snapshot makes a snapshot of disk.img and memory.dump, and reads a page of
// the disk back from it.
package main

import (
	"context"
	"log"

	"hexz"
)

func main() {
	if err := run(context.Background(), make([]byte, 4096)); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, page []byte) error {
	report, err := hexz.Build(ctx, &hexz.BuildOptions{Source: "disk.img", Memory: "memory.dump", Output: "machine.hxz"})
	if err != nil {
		return err // says what was tried, on what, why, and what to do about it
	}
	snapshot, err := hexz.Open(ctx, "machine.hxz", &hexz.OpenOptions{ExpectRoot: &report.Root})
	if err != nil {
		return err
	}
	defer snapshot.Close()
	disk, err := snapshot.Stream("disk") // an io.ReaderAt; disk.Reader() is an io.SectionReader
	if err != nil {
		return err
	}
	_, err = disk.ReadAt(page, 8192)
	return err
}
