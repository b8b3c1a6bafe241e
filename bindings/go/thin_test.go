package hexz_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"hexz"
)

// days is an image, a snapshot of its disk, and the disk with a page changed.
type days struct {
	*image
	changed []byte
}

const dirty = 40960

func newDays(t *testing.T, changes ...func(*hexz.BuildOptions)) *days {
	t.Helper()
	d := &days{image: newImage(t)}
	d.build(t, "day1.hxz", append(changes, func(o *hexz.BuildOptions) { o.Memory = "" })...)
	d.changed = append([]byte(nil), d.disk...)
	copy(d.changed[dirty:dirty+4096], d.memory)
	d.write(t, "disk.img", d.changed)
	return d
}

// second are the options of a build of the changed disk.
func (d *days) second() *hexz.BuildOptions {
	options := d.options("day2.hxz")
	options.Memory = ""
	return options
}

func TestDifferencesToAParent(t *testing.T) {
	d := newDays(t)
	options := d.second()
	options.Parent = d.path("day1.hxz")
	report, err := hexz.Build(context.Background(), options)
	must(t, err)
	sum := report.BytesZero + report.BytesDuplicate + report.BytesInherited + report.BytesUnique
	if report.BytesUnique != 4096 || sum != int64(len(d.changed)) {
		t.Errorf("%+v", report)
	}
	first := d.open(t, "day1.hxz", nil)
	child := d.open(t, "day2.hxz", nil)
	sameBytes(t, stream(t, child, "disk"), d.changed)
	if child.Info().ParentRoot != first.Info().Root {
		t.Errorf("%+v", child.Info())
	}
	// Open already, it is the same file, and so it is when what need not be folded may be.
	bytes := contents(t, d.path("day2.hxz"))
	options.Overwrite = true
	options.ParentSnapshot = first
	_, err = hexz.Build(context.Background(), options)
	wants(t, err, hexz.ErrInvalidArgument)
	options.Parent = ""
	for _, options.Fold = range []bool{false, true} {
		_, err = hexz.Build(context.Background(), options)
		must(t, err)
		if string(contents(t, d.path("day2.hxz"))) != string(bytes) {
			t.Errorf("another file, fold %v", options.Fold)
		}
	}
}

func TestBases(t *testing.T) {
	d := newDays(t)
	first := d.open(t, "day1.hxz", nil)
	moved := append(append([]byte(nil), d.memory[:4096]...), d.changed[dirty+4096:]...)
	d.write(t, "disk.img", moved)
	options := d.second()
	options.Bases = []*hexz.Snapshot{first, first}
	report, err := hexz.Build(context.Background(), options)
	must(t, err)
	must(t, first.Close())
	if report.BytesUnique != 4096 {
		t.Errorf("%+v", report)
	}
	child := d.open(t, "day2.hxz", nil)
	sameBytes(t, stream(t, child, "disk"), moved)
	if info := child.Info(); info.AncestorCount != 1 || info.ParentRoot != (hexz.Root{}) {
		t.Errorf("%+v", info)
	}
}

func TestASourceSaysWhatIsItsParents(t *testing.T) {
	d := newDays(t)
	options := d.second()
	options.Source = ""
	options.Parent = d.path("day1.hxz")
	options.Streams = []hexz.StreamInput{{Name: "disk", Kind: hexz.StreamDisk, Source: &hexz.Source{
		ReaderAt: strings.NewReader(string(d.changed)),
		Size:     int64(len(d.changed)),
		ExtentAt: func(offset, length int64) (hexz.ExtentKind, int64, error) {
			switch {
			case offset < dirty:
				return hexz.ExtentParent, dirty - offset, nil
			case offset < dirty+4096:
				return hexz.ExtentData, dirty + 4096 - offset, nil
			}
			return hexz.ExtentParent, length, nil
		},
	}}}
	report, err := hexz.Build(context.Background(), options)
	must(t, err)
	if report.BytesRead != 4096 {
		t.Errorf("%+v", report)
	}
	sameBytes(t, stream(t, d.open(t, "day2.hxz", nil), "disk"), d.changed)
	options.Overwrite = true
	options.Parent = ""
	_, err = hexz.Build(context.Background(), options)
	wants(t, err, hexz.ErrSource)
}

func TestParentsThatCannotBe(t *testing.T) {
	d := newDays(t)
	first := d.open(t, "day1.hxz", nil)
	gone := d.open(t, "day1.hxz", nil)
	must(t, gone.Close())
	many := make([]*hexz.Snapshot, 65)
	for i := range many {
		many[i] = first
	}
	before := d.entries(t)
	for name, c := range map[string]struct {
		change  func(*hexz.BuildOptions)
		targets []error
	}{
		"absent":      {func(o *hexz.BuildOptions) { o.Parent = d.path("absent") }, []error{hexz.ErrParent, fs.ErrNotExist}},
		"NUL":         {func(o *hexz.BuildOptions) { o.Parent = "a\x00b" }, []error{hexz.ErrInvalidArgument}},
		"closed":      {func(o *hexz.BuildOptions) { o.ParentSnapshot = gone }, []error{fs.ErrClosed}},
		"closed base": {func(o *hexz.BuildOptions) { o.Bases = []*hexz.Snapshot{first, gone} }, []error{fs.ErrClosed}},
		"nil base":    {func(o *hexz.BuildOptions) { o.Bases = []*hexz.Snapshot{nil} }, []error{hexz.ErrInvalidArgument}},
		"65":          {func(o *hexz.BuildOptions) { o.Bases = many }, []error{hexz.ErrParent}},
	} {
		t.Run(name, func(t *testing.T) {
			options := d.second()
			c.change(options)
			_, err := hexz.Build(context.Background(), options)
			wants(t, err, c.targets...)
			if after := d.entries(t); after != before {
				t.Errorf("left behind: %s", after)
			}
		})
	}
	// What a refused call entered, it left.
	must(t, first.Close())
}

func TestAnEncryptedParentIsAskedForFirst(t *testing.T) {
	d := newDays(t, encrypted("old"))
	options := d.second()
	options.Parent = d.path("day1.hxz")
	_, err := hexz.Build(context.Background(), options)
	wants(t, err, hexz.ErrInvalidArgument)
	asked := ""
	options.Encryption = &hexz.Encryption{KDF: cheap, Password: func(request hexz.PasswordRequest, buf []byte) (int, error) {
		asked += request.Purpose.String() + " "
		switch {
		case request.Purpose == hexz.PurposeCreate:
			return copy(buf, "new"), nil
		case request.Path != d.path("day1.hxz"):
			t.Errorf("asked for %+v", request)
		case request.Attempt == 0:
			return copy(buf, "wrong"), nil
		}
		return copy(buf, "old"), nil
	}}
	report, err := hexz.Build(context.Background(), options)
	must(t, err)
	if report.BytesUnique != 4096 || asked != "parent parent create " {
		t.Errorf("%s: %+v", asked, report)
	}
	sameBytes(t, stream(t, d.open(t, "day2.hxz", opens("new")), "disk"), d.changed)
	// What it returns is the reason.
	failed := errors.New("no keys today")
	options.Overwrite = true
	options.Encryption.Password = func(hexz.PasswordRequest, []byte) (int, error) { return 0, failed }
	_, err = hexz.Build(context.Background(), options)
	wants(t, err, hexz.ErrCallback, failed)
}
