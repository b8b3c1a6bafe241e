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

func TestBuildAndReadBack(t *testing.T) {
	changes := map[string]func(*hexz.BuildOptions){
		"plain":     func(o *hexz.BuildOptions) {},
		"eda":       func(o *hexz.BuildOptions) { o.Profile = "eda" },
		"embedded":  func(o *hexz.BuildOptions) { o.Profile = "embedded" },
		"cdc":       func(o *hexz.BuildOptions) { o.CDC = true },
		"sync":      func(o *hexz.BuildOptions) { o.NoSync = false },
		"raw":       func(o *hexz.BuildOptions) { o.SourceFormat = hexz.FormatRaw; o.ForceShare = true },
		"limited":   func(o *hexz.BuildOptions) { o.MemoryLimit = 128 << 20; o.Threads = 1 },
		"encrypted": encrypted("secret"),
	}
	i := newImage(t)
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			report := i.build(t, name, change)
			options := &hexz.OpenOptions{ExpectRoot: &report.Root}
			if name == "encrypted" {
				options.Password = hexz.Password([]byte("secret"))
			}
			s := i.open(t, name, options)
			sameBytes(t, stream(t, s, "disk"), i.disk)
			sameBytes(t, stream(t, s, "memory"), i.memory)

			info := s.Info()
			if info.Root != report.Root || info.FileSize != report.FileSize || info.Blocks != report.Blocks {
				t.Errorf("built %+v, opened %+v", report, info)
			}
			if info.LogicalSize != int64(len(i.disk)+len(i.memory)) {
				t.Errorf("%d logical bytes", info.LogicalSize)
			}
			if info.CDC != (name == "cdc") || info.Encrypted != (name == "encrypted") {
				t.Errorf("info %+v", info)
			}
		})
	}
}

func TestBuildReport(t *testing.T) {
	i := newImage(t)
	report := i.build(t, "a.hxz")
	file, err := os.Stat(i.path("a.hxz"))
	must(t, err)
	if report.FileSize != file.Size() {
		t.Errorf("%d bytes reported, %d made", report.FileSize, file.Size())
	}
	if all := report.BytesZero + report.BytesDuplicate + report.BytesUnique; all != int64(len(i.disk)+len(i.memory)) {
		t.Errorf("zero, duplicate and unique bytes are %d of %d", all, len(i.disk)+len(i.memory))
	}
	if report.BytesDuplicate < 384<<10 || report.BytesZero == 0 || report.BytesRead == 0 {
		t.Errorf("report %+v", report)
	}
	if report.TotalTime <= 0 || report.Root == (hexz.Root{}) {
		t.Errorf("report %+v", report)
	}
}

func TestSameBytesWhateverTheThreads(t *testing.T) {
	i := newImage(t)
	i.build(t, "one", func(o *hexz.BuildOptions) { o.Threads = 1 })
	i.build(t, "four", func(o *hexz.BuildOptions) { o.Threads = 4 })
	one, err := os.ReadFile(i.path("one"))
	must(t, err)
	four, err := os.ReadFile(i.path("four"))
	must(t, err)
	if !bytes.Equal(one, four) {
		t.Error("the files differ")
	}
}

func TestCustomProfile(t *testing.T) {
	i := newImage(t)
	profile, err := hexz.LookupProfile("embedded")
	must(t, err)
	profile.BlockSize = 1 << 20
	profile.Level = -5
	profile.Dictionary = false
	i.build(t, "a.hxz", func(o *hexz.BuildOptions) { o.Custom = &profile })
	info := i.open(t, "a.hxz", nil).Info()
	if info.BlockSize != 1<<20 || info.Level != -5 || info.Compression != hexz.CompressionZstd || info.DictionarySize != 0 {
		t.Errorf("info %+v", info)
	}
}

func TestAnOutputThatIsThere(t *testing.T) {
	i := newImage(t)
	i.write(t, "a.hxz", []byte("precious"))
	_, err := hexz.Build(context.Background(), i.options("a.hxz"))
	e := wants(t, err, hexz.ErrExists, fs.ErrExist)
	if !strings.Contains(e.Text, "set BuildOptions.Overwrite") {
		t.Errorf("the text does not say what to set in Go: %s", e.Text)
	}
	if left, _ := os.ReadFile(i.path("a.hxz")); string(left) != "precious" {
		t.Error("the old output was touched")
	}
	i.build(t, "a.hxz", func(o *hexz.BuildOptions) { o.Overwrite = true })
	sameBytes(t, stream(t, i.open(t, "a.hxz", nil), "disk"), i.disk)
}

func TestBuildRefuses(t *testing.T) {
	i := newImage(t)
	cases := []struct {
		name   string
		change func(*hexz.BuildOptions)
		want   []error
		says   string
	}{
		{"a source that is not there", func(o *hexz.BuildOptions) { o.Source = i.path("none") },
			[]error{hexz.ErrSource, fs.ErrNotExist, syscall.ENOENT}, i.path("none")},
		{"a source that is a folder", func(o *hexz.BuildOptions) { o.Source = i.folder },
			[]error{hexz.ErrSource}, i.folder},
		{"no source", func(o *hexz.BuildOptions) { o.Source = "" },
			[]error{hexz.ErrInvalidArgument, fs.ErrInvalid}, "Build: Source is not given"},
		{"no output", func(o *hexz.BuildOptions) { o.Output = "" },
			[]error{hexz.ErrInvalidArgument}, "Build: Output is not given"},
		{"an output in no folder", func(o *hexz.BuildOptions) { o.Output = i.path("none/a.hxz") },
			[]error{hexz.ErrOutput, fs.ErrNotExist}, "none/a.hxz"},
		{"the source as output", func(o *hexz.BuildOptions) { o.Output = o.Source; o.Overwrite = true },
			[]error{hexz.ErrInvalidArgument}, "disk.img"},
		{"a profile that is none", func(o *hexz.BuildOptions) { o.Profile = "fast" },
			[]error{hexz.ErrUnknownProfile}, "embedded"},
		{"two profiles", func(o *hexz.BuildOptions) { o.Profile = "ml"; o.Custom = &hexz.Profile{} },
			[]error{hexz.ErrInvalidArgument}, "both Profile and Custom"},
		{"a profile of nonsense", func(o *hexz.BuildOptions) { o.Custom = &hexz.Profile{BlockSize: 5} },
			[]error{hexz.ErrInvalidArgument}, "Custom"},
		{"a level beyond C", func(o *hexz.BuildOptions) { o.Custom = &hexz.Profile{Level: 1 << 40} },
			[]error{hexz.ErrInvalidArgument, fs.ErrInvalid}, "Custom.Level is 1099511627776"},
		{"threads below none", func(o *hexz.BuildOptions) { o.Threads = -1 },
			[]error{hexz.ErrInvalidArgument}, "Threads is -1"},
		{"threads beyond C", func(o *hexz.BuildOptions) { o.Threads = 1 << 32 },
			[]error{hexz.ErrInvalidArgument}, "Threads is 4294967296"},
		{"less than no memory", func(o *hexz.BuildOptions) { o.MemoryLimit = -1 },
			[]error{hexz.ErrInvalidArgument}, "MemoryLimit is -1"},
		{"too little memory", func(o *hexz.BuildOptions) { o.MemoryLimit = 4096 },
			[]error{hexz.ErrInvalidArgument}, "memory"},
		{"a format that is none", func(o *hexz.BuildOptions) { o.SourceFormat = 77 },
			[]error{hexz.ErrInvalidArgument}, "SourceFormat"},
		{"a password that costs nonsense", func(o *hexz.BuildOptions) {
			encrypted("secret")(o)
			o.Encryption.KDF.Lanes = 99
		}, []error{hexz.ErrInvalidArgument}, "KDF.Lanes"},
		{"encryption without a password", func(o *hexz.BuildOptions) { o.Encryption = &hexz.Encryption{} },
			[]error{hexz.ErrPasswordRequired}, "a.hxz"},
		{"a source with NUL", func(o *hexz.BuildOptions) { o.Source += "\x00.img" },
			[]error{hexz.ErrInvalidArgument, syscall.EINVAL}, `\x00.img`},
		{"an output with NUL", func(o *hexz.BuildOptions) { o.Output += "\x00" },
			[]error{hexz.ErrInvalidArgument}, "NUL"},
		{"a memory dump with NUL", func(o *hexz.BuildOptions) { o.Memory = "\x00" },
			[]error{hexz.ErrInvalidArgument}, "NUL"},
		{"a profile with NUL", func(o *hexz.BuildOptions) { o.Profile = "eda\x00" },
			[]error{hexz.ErrInvalidArgument}, "NUL"},
	}
	before := i.entries(t)
	t.Run("no options", func(t *testing.T) {
		_, err := hexz.Build(context.Background(), nil)
		wants(t, err, hexz.ErrInvalidArgument)
	})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			options := i.options("a.hxz")
			c.change(options)
			report, err := hexz.Build(context.Background(), options)
			e := wants(t, err, c.want...)
			if report != nil {
				t.Error("there is a report")
			}
			if !strings.Contains(e.Text, c.says) {
				t.Errorf("%q does not say %q", e.Text, c.says)
			}
			if strings.Contains(e.Text, "opts.") || strings.Contains(e.Text, "HEXZ_") {
				t.Errorf("%q speaks of C", e.Text)
			}
			if after := i.entries(t); after != before {
				t.Errorf("left behind: %s", after)
			}
		})
	}
}
