package hexz_test

import (
	"context"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"hexz"
)

func TestVerify(t *testing.T) {
	_, s := opened(t)
	report, err := s.Verify(context.Background(), nil)
	must(t, err)
	if report.BlocksChecked != s.Info().Blocks || report.BlocksBad != 0 || report.BadStream != nil || report.BadOffset != -1 {
		t.Errorf("report %+v", report)
	}
	_, err = s.Verify(context.Background(), &hexz.VerifyOptions{Threads: -1})
	wants(t, err, hexz.ErrInvalidArgument)
}

func TestDamageIsFound(t *testing.T) {
	i, _ := opened(t)
	file, err := os.ReadFile(i.path("a.hxz"))
	must(t, err)
	file[len(file)/2] ^= 0x10
	i.write(t, "bad.hxz", file)
	s := i.open(t, "bad.hxz", nil)

	report, err := s.Verify(context.Background(), &hexz.VerifyOptions{Threads: 2})
	wants(t, err, hexz.ErrCorrupt)
	if report.BlocksBad != 1 || report.BadStream == nil || report.BlocksChecked != s.Info().Blocks {
		t.Fatalf("report %+v", report)
	}
	buf := make([]byte, 1)
	n, err := report.BadStream.ReadAt(buf, report.BadOffset)
	wants(t, err, hexz.ErrCorrupt)
	if n != 0 {
		t.Errorf("%d bytes were read", n)
	}

	before := i.entries(t)
	wants(t, report.BadStream.Extract(context.Background(), i.path("out"), nil), hexz.ErrCorrupt)
	if after := i.entries(t); after != before {
		t.Errorf("left behind: %s", after)
	}
}

func TestOpenRefuses(t *testing.T) {
	i, s := opened(t)
	file, err := os.ReadFile(i.path("a.hxz"))
	must(t, err)
	i.write(t, "cut", file[:len(file)-9])
	i.write(t, "empty", nil)
	other := s.Info().Root
	other[31] ^= 1
	cases := []struct {
		name, file string
		options    *hexz.OpenOptions
		want       []error
	}{
		{"a file that is not there", "none", nil, []error{hexz.ErrIO, fs.ErrNotExist, syscall.ENOENT}},
		{"a disk", "disk.img", nil, []error{hexz.ErrNotSnapshot}},
		{"an empty file", "empty", nil, []error{hexz.ErrNotSnapshot}},
		{"a file that was cut", "cut", nil, []error{hexz.ErrCorrupt}},
		{"another root", "a.hxz", &hexz.OpenOptions{ExpectRoot: &other}, []error{hexz.ErrCorrupt}},
		{"a cache below none", "a.hxz", &hexz.OpenOptions{CacheSize: -1}, []error{hexz.ErrInvalidArgument}},
		{"a path with NUL", "a.hxz\x00", nil, []error{hexz.ErrInvalidArgument, syscall.EINVAL}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := hexz.Open(context.Background(), i.path(c.file), c.options)
			wants(t, err, c.want...)
			if s != nil {
				t.Error("there is a snapshot")
			}
		})
	}
	t.Run("no path", func(t *testing.T) {
		_, err := hexz.Open(context.Background(), "", nil)
		wants(t, err, hexz.ErrIO)
	})
}
