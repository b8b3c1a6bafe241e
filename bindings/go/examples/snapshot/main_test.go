package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"

	"hexz"
)

func TestRun(t *testing.T) {
	t.Chdir(t.TempDir())
	disk := bytes.Repeat([]byte("0123456789abcde\n"), 1<<12)
	for _, name := range []string{"disk.img", "memory.dump"} {
		if err := os.WriteFile(name, disk, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	page := make([]byte, 4096)
	if err := run(context.Background(), page); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, disk[8192:8192+4096]) {
		t.Error("another page was read")
	}
	if err := run(context.Background(), page); !errors.Is(err, hexz.ErrExists) {
		t.Errorf("a second time: %v", err)
	}
}
