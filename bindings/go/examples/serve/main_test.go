package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hexz"
)

// built is a snapshot of an image of some text, made as the program makes it.
func built(t *testing.T, password string) (settings, []byte) {
	t.Helper()
	folder := t.TempDir()
	image := bytes.Repeat([]byte("sector of the disk, "), 50_000)
	set := settings{
		listen:   "localhost:0",
		image:    filepath.Join(folder, "disk.img"),
		snapshot: filepath.Join(folder, "a.hxz"),
	}
	write(t, set.image, image)
	var ask hexz.PasswordFunc
	if password != "" {
		set.passwordFile = filepath.Join(folder, "password")
		write(t, set.passwordFile, []byte(password+"\n"))
		ask = fromFile(set.passwordFile)
	}
	if err := build(context.Background(), set, ask); err != nil {
		t.Fatal(err)
	}
	return set, image
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestServesRanges(t *testing.T) {
	set, image := built(t, "secret")
	snapshot, err := hexz.Open(context.Background(), set.snapshot,
		&hexz.OpenOptions{Password: fromFile(set.passwordFile)})
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	server := httptest.NewServer(handler(snapshot))
	defer server.Close()

	get := func(path, header, value string) (int, []byte) {
		t.Helper()
		request, err := http.NewRequest("GET", server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			request.Header.Set(header, value)
		}
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, body
	}
	if status, body := get("/disk", "", ""); status != 200 || !bytes.Equal(body, image) {
		t.Errorf("%d, %d bytes", status, len(body))
	}
	if status, body := get("/disk", "Range", "bytes=70001-90000"); status != 206 || !bytes.Equal(body, image[70001:90001]) {
		t.Errorf("%d, %d bytes of a range", status, len(body))
	}
	if status, _ := get("/disk", "Range", "bytes=99999999-"); status != 416 {
		t.Errorf("%d for a range beyond the end", status)
	}
	if status, _ := get("/disk", "If-None-Match", `"`+snapshot.Info().Root.String()+`"`); status != 304 {
		t.Errorf("%d for what the client has", status)
	}
	if status, _ := get("/tape", "", ""); status != 404 {
		t.Errorf("%d for a stream that is none", status)
	}
	if status, body := get("/", "", ""); status != 200 || !strings.Contains(string(body), `disk "disk": 1000000 bytes`) {
		t.Errorf("%d: %s", status, body)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	set, _ := built(t, "")
	set.image = ""
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- run(ctx, set) }()
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	set, _ := built(t, "")
	set.listen = "localhost:0"
	if err := run(context.Background(), set); !errors.Is(err, hexz.ErrExists) {
		t.Errorf("a snapshot that is there: %v", err)
	}
	set.image = ""
	set.passwordFile = filepath.Join(t.TempDir(), "none")
	if err := run(context.Background(), set); !errors.Is(err, hexz.ErrNotEncrypted) {
		t.Errorf("a password for a plain snapshot: %v", err)
	}
}
