package hexz_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"hexz"
)

var _ io.ReaderAt = (*hexz.Stream)(nil)
var _ io.Closer = (*hexz.Snapshot)(nil)

func TestReaderIsOne(t *testing.T) {
	i, s := opened(t)
	reader := stream(t, s, "memory").Reader()
	must(t, iotest.TestReader(reader, i.memory))
}

func TestReadAtKeepsItsContract(t *testing.T) {
	i, s := opened(t)
	disk := stream(t, s, "disk")
	size := int64(len(i.disk))
	cases := []struct {
		name   string
		len    int
		off    int64
		want   int
		wanted error
	}{
		{"to the last byte", 10, size - 10, 10, nil},
		{"over the end", 20, size - 10, 10, io.EOF},
		{"at the end", 1, size, 0, io.EOF},
		{"far beyond the end", 1, 1<<63 - 1, 0, io.EOF},
		{"nothing", 0, 5, 0, nil},
		{"nothing at the end", 0, size, 0, nil},
		{"all and more", int(size) + 1, 0, int(size), io.EOF},
	}
	for _, c := range cases {
		buf := make([]byte, c.len)
		n, err := disk.ReadAt(buf, c.off)
		// io.SectionReader and others compare with ==.
		if n != c.want || err != c.wanted {
			t.Errorf("%s: %d, %v", c.name, n, err)
		}
		if n > 0 && !bytes.Equal(buf[:n], i.disk[c.off:c.off+int64(n)]) {
			t.Errorf("%s: other bytes", c.name)
		}
	}
	_, err := disk.ReadAt(make([]byte, 1), -1)
	wants(t, err, hexz.ErrInvalidArgument)
}

func TestReadAtAllocatesNothing(t *testing.T) {
	_, s := opened(t)
	disk := stream(t, s, "disk")
	buf := make([]byte, 4096)
	allocations := testing.AllocsPerRun(100, func() {
		if _, err := disk.ReadAt(buf, 4096); err != nil {
			t.Error(err)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations for each read", allocations)
	}
}

func TestManyGoroutinesRead(t *testing.T) {
	i, s := opened(t)
	disk, memory := stream(t, s, "disk"), stream(t, s, "memory")
	var all sync.WaitGroup
	for g := range 16 {
		all.Add(1)
		go func() {
			defer all.Done()
			random := rand.New(rand.NewSource(int64(g)))
			st, want := disk, i.disk
			if g%2 == 1 {
				st, want = memory, i.memory
			}
			buf := make([]byte, 9000)
			for range 200 {
				off := random.Intn(len(want) - len(buf))
				if _, err := st.ReadAt(buf, int64(off)); err != nil {
					t.Error(err)
					return
				}
				if !bytes.Equal(buf, want[off:off+len(buf)]) {
					t.Errorf("%s: other bytes at %d", st.Name(), off)
					return
				}
			}
		}()
	}
	all.Wait()
}

// A goroutine may take a thread while it is in C, and ten thousand of them would
// end the program: so reads wait while as many run as there may be.
func TestReadsTakeFewThreads(t *testing.T) {
	_, s := opened(t)
	disk := stream(t, s, "disk")
	for range cap(hexz.Reads) {
		hexz.Reads <- struct{}{}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := disk.ReadAt(make([]byte, 1), 0); err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-done:
		t.Errorf("a read ran beside %d others", cap(hexz.Reads))
	case <-time.After(50 * time.Millisecond):
	}
	<-hexz.Reads
	<-done
	for range cap(hexz.Reads) - 1 {
		<-hexz.Reads
	}
}

func TestStreams(t *testing.T) {
	i, s := opened(t)
	streams := s.Streams()
	if len(streams) != 2 || streams[0].Name() != "disk" || streams[1].Name() != "memory" {
		t.Fatalf("streams %v", streams)
	}
	disk := streams[0].Info()
	if disk.Kind != hexz.StreamDisk || disk.Size != int64(len(i.disk)) || disk.DataSize+disk.ZeroSize != disk.Size ||
		disk.ZeroSize == 0 || disk.StoredSize == 0 {
		t.Errorf("disk %+v", disk)
	}
	if kind := streams[1].Info().Kind; kind != hexz.StreamMemory {
		t.Errorf("memory is %v", kind)
	}
	if streams[0].Snapshot() != s || s.Path() != i.path("a.hxz") {
		t.Error("streams do not know their snapshot")
	}
	streams[0] = nil
	if s.Streams()[0] == nil {
		t.Error("the caller's slice is the snapshot's")
	}

	_, err := s.Stream("tape")
	e := wants(t, err, hexz.ErrNoStream)
	if !strings.Contains(e.Text, "tape") {
		t.Errorf("%q does not say what was looked for", e.Text)
	}
	_, err = s.Stream("disk\x00")
	wants(t, err, hexz.ErrInvalidArgument)
}

func TestExtents(t *testing.T) {
	i, s := opened(t)
	disk := stream(t, s, "disk")
	end := int64(0)
	var zeros int64
	for extent, err := range disk.Extents() {
		must(t, err)
		if extent.Offset != end || extent.Len < 1 {
			t.Fatalf("%+v after %d", extent, end)
		}
		end += extent.Len
		if extent.Kind != hexz.ExtentZero {
			continue
		}
		zeros += extent.Len
		if part := i.disk[extent.Offset:end]; len(bytes.Trim(part, "\x00")) > 0 {
			t.Errorf("%+v has data", extent)
		}
	}
	if end != disk.Size() || zeros != disk.Info().ZeroSize {
		t.Errorf("%d bytes in all, %d of zeros; wanted %+v", end, zeros, disk.Info())
	}

	for range disk.Extents() {
		break // must not go on
	}
	_, err := disk.Extent(disk.Size())
	wants(t, err, hexz.ErrOutOfRange)
	_, err = disk.Extent(-1)
	wants(t, err, hexz.ErrInvalidArgument)
	must(t, s.Close())
	for _, err := range disk.Extents() {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("an extent of a closed snapshot: %v", err)
		}
	}
}
