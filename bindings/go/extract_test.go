package hexz_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"hexz"
)

func TestExtract(t *testing.T) {
	i, s := opened(t)
	disk := stream(t, s, "disk")
	out := i.path("out.img")
	same := func() {
		t.Helper()
		got, err := os.ReadFile(out)
		must(t, err)
		if !bytes.Equal(got, i.disk) {
			t.Fatal("other bytes came out")
		}
	}
	must(t, disk.Extract(context.Background(), out, nil))
	same()
	info, err := os.Stat(out)
	must(t, err)
	if stored := info.Sys().(*syscall.Stat_t).Blocks * 512; stored >= info.Size() {
		t.Errorf("no holes: %d bytes stored of %d", stored, info.Size())
	}

	err = disk.Extract(context.Background(), out, nil)
	e := wants(t, err, hexz.ErrExists, fs.ErrExist)
	if !strings.Contains(e.Text, "ExtractOptions.Overwrite") {
		t.Errorf("%q does not say what to set", e.Text)
	}
	i.write(t, "out.img", bytes.Repeat([]byte{7}, len(i.disk)+5))
	must(t, disk.Extract(context.Background(), out, &hexz.ExtractOptions{Overwrite: true, NoSync: true, Threads: 2}))
	same()
	i.write(t, "out.img", bytes.Repeat([]byte{7}, len(i.disk)+5))
	must(t, disk.Extract(context.Background(), out, &hexz.ExtractOptions{InPlace: true}))
	same()
}

func TestExtractRefuses(t *testing.T) {
	i, s := opened(t)
	disk := stream(t, s, "disk")
	cases := []struct {
		name, output string
		options      *hexz.ExtractOptions
		want         []error
	}{
		{"no folder", i.path("none/out"), nil, []error{hexz.ErrOutput, fs.ErrNotExist}},
		{"no output", "", nil, []error{hexz.ErrOutput}},
		{"NUL", i.path("out\x00"), nil, []error{hexz.ErrInvalidArgument}},
		{"threads below none", i.path("out"), &hexz.ExtractOptions{Threads: -1}, []error{hexz.ErrInvalidArgument}},
		{"two ways to write", i.path("out"), &hexz.ExtractOptions{Overwrite: true, InPlace: true},
			[]error{hexz.ErrInvalidArgument}},
	}
	before := i.entries(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wants(t, disk.Extract(context.Background(), c.output, c.options), c.want...)
		})
	}
	if after := i.entries(t); after != before {
		t.Errorf("left behind: %s", after)
	}
}
