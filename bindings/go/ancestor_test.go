package hexz_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"hexz"
)

// The golden files of a base and its child.
const (
	golden    = "../../tests/decoder/golden/"
	baseName  = "thin-base-v1.hxz"
	childName = "thin-child-v1.hxz"
)

// chain is a folder with a child, and its base there under another name.
type chain struct {
	*image
	base *hexz.Snapshot
}

func newChain(t *testing.T) *chain {
	t.Helper()
	if _, err := os.Stat(golden); errors.Is(err, fs.ErrNotExist) {
		t.Skip("skipped: the module stands alone, without the golden files")
	}
	c := &chain{image: &image{folder: t.TempDir()}}
	c.write(t, "child.hxz", contents(t, golden+childName))
	c.write(t, "moved.hxz", contents(t, golden+baseName))
	c.base = c.open(t, "moved.hxz", nil)
	whole, err := hexz.Open(context.Background(), golden+childName, nil)
	must(t, err)
	defer whole.Close()
	c.disk, err = io.ReadAll(stream(t, whole, "disk").Reader())
	must(t, err)
	return c
}

// opens checks that the child opens so, and is whole.
func (c *chain) opens(t *testing.T, options *hexz.OpenOptions) {
	t.Helper()
	s, err := hexz.Open(context.Background(), c.path("child.hxz"), options)
	must(t, err)
	defer s.Close()
	sameBytes(t, stream(t, s, "disk"), c.disk)
	_, err = s.Verify(context.Background(), nil)
	must(t, err)
}

// fails is the failure to open the child so.
func (c *chain) fails(t *testing.T, options *hexz.OpenOptions, targets ...error) *hexz.Error {
	t.Helper()
	s, err := hexz.Open(context.Background(), c.path("child.hxz"), options)
	if err == nil {
		s.Close()
	}
	return wants(t, err, targets...)
}

// misses checks that it is said which root is missing.
func (c *chain) misses(t *testing.T, options *hexz.OpenOptions) {
	t.Helper()
	if e := c.fails(t, options, hexz.ErrParent); !strings.Contains(e.Text, c.base.Info().Root.String()) {
		t.Errorf("no root in: %s", e.Text)
	}
}

func TestAncestorsAreTold(t *testing.T) {
	c := newChain(t)
	child := c.open(t, "child.hxz", &hexz.OpenOptions{ParentSnapshot: c.base})
	ancestors, err := child.Ancestors()
	must(t, err)
	want := hexz.AncestorInfo{
		Root:           c.base.Info().Root,
		Hint:           baseName,
		BytesInherited: 8192 + 8192 + 100 + 4096,
		FileSize:       c.base.Info().FileSize,
	}
	if len(ancestors) != 1 || ancestors[0] != want {
		t.Errorf("%+v", ancestors)
	}
	if info := child.Info(); info.ParentRoot != want.Root || info.AncestorCount != 1 {
		t.Errorf("%+v", info)
	}
	if none, err := c.base.Ancestors(); len(none) != 0 || err != nil || c.base.Info().ParentRoot != (hexz.Root{}) {
		t.Errorf("the base: %+v, %v", none, err)
	}
	kinds := ""
	for extent, err := range stream(t, child, "disk").Extents() {
		must(t, err)
		kinds += extent.Kind.String() + " "
	}
	if kinds != "parent data zero parent " {
		t.Errorf("extents: %s", kinds)
	}
	must(t, child.Close())
	_, err = child.Ancestors()
	wants(t, err, hexz.ErrState, fs.ErrClosed)
}

func TestParentsAreGiven(t *testing.T) {
	c := newChain(t)
	c.misses(t, nil)
	c.opens(t, &hexz.OpenOptions{Parent: c.path("moved.hxz")})
	c.opens(t, &hexz.OpenOptions{ParentSnapshot: c.base})
	c.misses(t, &hexz.OpenOptions{Parent: c.path("child.hxz")})
	c.fails(t, &hexz.OpenOptions{Parent: "a\x00b"}, hexz.ErrInvalidArgument)
	e := c.fails(t, &hexz.OpenOptions{Parent: c.path("moved.hxz"), ParentSnapshot: c.base}, hexz.ErrInvalidArgument)
	if !strings.Contains(e.Text, "Parent and ParentSnapshot") {
		t.Errorf("both: %s", e.Text)
	}
	// A parent may be closed once its child is open.
	child := c.open(t, "child.hxz", &hexz.OpenOptions{ParentSnapshot: c.base})
	must(t, c.base.Close())
	must(t, os.Remove(c.path("moved.hxz")))
	sameBytes(t, stream(t, child, "disk"), c.disk)
	c.fails(t, &hexz.OpenOptions{ParentSnapshot: c.base}, fs.ErrClosed)
	// Beside it, under the name that it records.
	c.write(t, baseName, contents(t, golden+baseName))
	c.opens(t, nil)
	c.misses(t, &hexz.OpenOptions{NoHints: true})
}

func TestAnAncestorIsFound(t *testing.T) {
	c := newChain(t)
	base := contents(t, golden+baseName)
	var place hexz.Ancestor
	var fail error
	options := &hexz.OpenOptions{Ancestor: func(asked hexz.AncestorRequest) (hexz.Ancestor, error) {
		if asked.Root != c.base.Info().Root || asked.Hint != baseName {
			t.Errorf("asked for %+v", asked)
		}
		return place, fail
	}}
	for _, place = range []hexz.Ancestor{
		{Path: c.path("moved.hxz")},
		{Snapshot: c.base},
		{ReaderAt: bytes.NewReader(base), Size: int64(len(base))},
	} {
		c.opens(t, options)
	}
	// One that leans on memory is read as such, by whoever leans on it.
	hostedBase, err := hexz.OpenFrom(context.Background(), bytes.NewReader(base), int64(len(base)), nil)
	must(t, err)
	defer hostedBase.Close()
	place = hexz.Ancestor{Snapshot: hostedBase}
	c.opens(t, options)
	c.opens(t, &hexz.OpenOptions{ParentSnapshot: hostedBase})
	child := contents(t, golden+childName)
	s, err := hexz.OpenFrom(context.Background(), bytes.NewReader(child), int64(len(child)), options)
	must(t, err)
	defer s.Close()
	sameBytes(t, stream(t, s, "disk"), c.disk)

	for name, bad := range map[string]hexz.Ancestor{
		"nothing": {},
		"two":     {Path: c.path("moved.hxz"), Snapshot: c.base},
		"NUL":     {Path: "a\x00b"},
		"size":    {ReaderAt: bytes.NewReader(base), Size: -1},
	} {
		place = bad
		t.Run(name, func(t *testing.T) { c.fails(t, options, hexz.ErrCallback, hexz.ErrInvalidArgument) })
	}
	must(t, hostedBase.Close())
	place = hexz.Ancestor{Snapshot: hostedBase}
	c.fails(t, options, hexz.ErrCallback, fs.ErrClosed)
	fail = hexz.ErrUnknownAncestor
	c.misses(t, options)
	fail = errors.New("the catalogue is gone")
	c.fails(t, options, hexz.ErrCallback, fail)
	defer func() {
		if p, ok := recover().(*hexz.CallbackPanic); !ok || p.Value != "odd" {
			t.Errorf("a panic came out as %v", p)
		}
	}()
	c.fails(t, &hexz.OpenOptions{Ancestor: func(hexz.AncestorRequest) (hexz.Ancestor, error) { panic("odd") }})
}

// An ancestor in Go that fails later tells it to whoever reads the child.
func TestAnAncestorThatFailsLater(t *testing.T) {
	c := newChain(t)
	h := &kept{Reader: bytes.NewReader(contents(t, golden+baseName))}
	child := c.open(t, "child.hxz", &hexz.OpenOptions{CacheSize: 1,
		Ancestor: func(hexz.AncestorRequest) (hexz.Ancestor, error) {
			return hexz.Ancestor{ReaderAt: h, Size: h.Size()}, nil
		}})
	mine := errors.New("the network is gone")
	h.failing(func([]byte) (int, error) { return 0, mine })
	disk := stream(t, child, "disk")
	_, err := disk.ReadAt(make([]byte, 10), 0)
	wants(t, err, hexz.ErrCallback, mine)
	h.fail.Store(nil)
	sameBytes(t, disk, c.disk)
}

func TestOnePasswordOpensAChain(t *testing.T) {
	c := newChain(t)
	s, err := hexz.Open(context.Background(), golden+"thin-sealed-child-v1.hxz", opens("password"))
	must(t, err)
	defer s.Close()
	if s.Info().AncestorCount != 2 {
		t.Errorf("%d ancestors", s.Info().AncestorCount)
	}
	sameBytes(t, stream(t, s, "disk"), c.disk)
}

func TestDiff(t *testing.T) {
	c := newChain(t)
	child := c.open(t, "child.hxz", &hexz.OpenOptions{ParentSnapshot: c.base})
	from, to := stream(t, c.base, "disk"), stream(t, child, "disk")
	patched, err := io.ReadAll(from.Reader())
	must(t, err)
	patched = append(patched, make([]byte, len(c.disk))...)[:len(c.disk)]
	end, kinds := int64(0), map[hexz.ExtentKind]int{}
	for extent, err := range hexz.Diff(from, to) {
		must(t, err)
		if extent.Offset != end {
			t.Fatalf("%+v behind %d", extent, end)
		}
		end += extent.Len
		kinds[extent.Kind]++
		switch part := patched[extent.Offset:end]; extent.Kind {
		case hexz.ExtentData:
			copy(part, c.disk[extent.Offset:])
		case hexz.ExtentZero:
			clear(part)
		case hexz.ExtentSame:
		default:
			t.Errorf("a difference of kind %v", extent.Kind)
		}
	}
	if end != to.Size() || kinds[hexz.ExtentZero] == 0 || !bytes.Equal(patched, c.disk) {
		t.Errorf("%d bytes of %d are patched: %v", end, to.Size(), kinds)
	}
	for extent, err := range hexz.Diff(to, to) {
		must(t, err)
		if want := (hexz.Extent{Kind: hexz.ExtentSame, Len: to.Size()}); extent != want {
			t.Errorf("with itself: %+v", extent)
		}
		break
	}
	must(t, c.base.Close())
	for _, err := range hexz.Diff(from, to) {
		wants(t, err, fs.ErrClosed)
	}
}
