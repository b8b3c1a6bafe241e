package hexz_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"hexz"
)

// demo is a folder with a small image in it.
func demo() (folder string) {
	folder, err := os.MkdirTemp("", "hexz")
	if err != nil {
		panic(err)
	}
	image := make([]byte, 1<<20)
	copy(image[4096:], "a file system of some sort")
	if err := os.WriteFile(filepath.Join(folder, "disk.img"), image, 0o600); err != nil {
		panic(err)
	}
	return folder
}

func Example() {
	folder := demo()
	defer os.RemoveAll(folder)
	ctx := context.Background()

	report, err := hexz.Build(ctx, &hexz.BuildOptions{
		Source: filepath.Join(folder, "disk.img"),
		Output: filepath.Join(folder, "machine.hxz"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	snapshot, err := hexz.Open(ctx, filepath.Join(folder, "machine.hxz"), &hexz.OpenOptions{
		ExpectRoot: &report.Root,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer snapshot.Close()
	disk, err := snapshot.Stream("disk")
	if err != nil {
		fmt.Println(err)
		return
	}
	buf := make([]byte, 26)
	if _, err := disk.ReadAt(buf, 4096); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", buf)
	// Output: a file system of some sort
}

func ExampleStream_Reader() {
	folder := demo()
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "machine.hxz")
	ctx := context.Background()
	if _, err := hexz.Build(ctx, &hexz.BuildOptions{Source: filepath.Join(folder, "disk.img"), Output: path}); err != nil {
		fmt.Println(err)
		return
	}
	snapshot, err := hexz.Open(ctx, path, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer snapshot.Close()

	for _, stream := range snapshot.Streams() {
		n, err := io.Copy(io.Discard, stream.Reader())
		fmt.Println(stream.Name(), n, err)
	}
	// Output: disk 1048576 <nil>
}

func ExamplePasswordFunc() {
	folder := demo()
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "machine.hxz")
	ctx := context.Background()
	_, err := hexz.Build(ctx, &hexz.BuildOptions{
		Source:     filepath.Join(folder, "disk.img"),
		Output:     path,
		Encryption: &hexz.Encryption{Password: hexz.Password([]byte("correct horse"))},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	_, err = hexz.Open(ctx, path, &hexz.OpenOptions{
		Password: func(asked hexz.PasswordRequest, buf []byte) (int, error) {
			if asked.Attempt == 1 {
				return 0, hexz.ErrDeclined
			}
			return copy(buf, "battery staple"), nil
		},
	})
	fmt.Println(errors.Is(err, hexz.ErrWrongPassword))
	// Output: true
}

func ExampleError() {
	_, err := hexz.Open(context.Background(), "no-such-file.hxz", nil)
	var e *hexz.Error
	if errors.As(err, &e) {
		fmt.Println(e.Status, "/", e.Errno)
	}
	fmt.Println(errors.Is(err, hexz.ErrIO), errors.Is(err, fs.ErrNotExist))
	// Output:
	// HEXZ_ERR_IO / no such file or directory
	// true true
}
