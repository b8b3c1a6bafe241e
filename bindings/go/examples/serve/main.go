// Serve gives the streams of a snapshot out over HTTP, with ranges, straight
// from the file: /disk, /memory, and what they are at /. Given an image too, it
// builds the snapshot first. Ctrl-C ends it at any time.
//
//	serve machine.hxz
//	serve -build disk.img -memory memory.dump machine.hxz
//	curl -r 4096-8191 http://localhost:8080/disk
//
// The password of an encrypted snapshot comes from -password-file.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"hexz"
)

type settings struct {
	listen, image, memory, profile, passwordFile, snapshot string
}

func main() {
	var set settings
	flag.StringVar(&set.listen, "listen", "localhost:8080", "`address` to serve at")
	flag.StringVar(&set.image, "build", "", "disk `image` to build the snapshot from first")
	flag.StringVar(&set.memory, "memory", "", "memory `dump` to build in too")
	flag.StringVar(&set.profile, "profile", "", "`name` of the profile to build with")
	flag.StringVar(&set.passwordFile, "password-file", "", "`file` whose first line is the password")
	flag.Parse()
	set.snapshot = flag.Arg(0)
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, set); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, set settings) error {
	var password hexz.PasswordFunc
	if set.passwordFile != "" {
		password = fromFile(set.passwordFile)
	}
	if set.image != "" {
		if err := build(ctx, set, password); err != nil {
			return err
		}
	}
	// AllowPlain is not set: a password is for a file that is encrypted.
	snapshot, err := hexz.Open(ctx, set.snapshot, &hexz.OpenOptions{Password: password})
	if err != nil {
		return err
	}
	defer snapshot.Close()

	listener, err := net.Listen("tcp", set.listen)
	if err != nil {
		return err
	}
	fmt.Printf("serving %s at http://%s/\n", set.snapshot, listener.Addr())
	server := &http.Server{Handler: handler(snapshot), ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func build(ctx context.Context, set settings, password hexz.PasswordFunc) error {
	options := &hexz.BuildOptions{
		Source:  set.image,
		Memory:  set.memory,
		Output:  set.snapshot,
		Profile: set.profile,
		Progress: func(p hexz.Progress) error {
			fmt.Fprintf(os.Stderr, "\r%-7v %3d%%", p.Phase, p.Done*100/max(p.Total, 1))
			return nil
		},
	}
	if password != nil {
		options.Encryption = &hexz.Encryption{Password: password}
	}
	report, err := hexz.Build(ctx, options)
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return err
	}
	fmt.Printf("built %d bytes in %v, root %v\n", report.FileSize, report.TotalTime, report.Root)
	return nil
}

// fromFile answers with the first line of a file, read when it is needed and
// wiped after that.
func fromFile(path string) hexz.PasswordFunc {
	return func(asked hexz.PasswordRequest, buf []byte) (int, error) {
		content, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		defer clear(content)
		line, _, _ := bytes.Cut(content, []byte("\n"))
		return hexz.Password(line)(asked, buf)
	}
}

// handler serves each stream under its name. net/http does the ranges, on an
// io.ReadSeeker of its own for each request.
func handler(snapshot *hexz.Snapshot) http.Handler {
	info := snapshot.Info()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{name}", func(w http.ResponseWriter, r *http.Request) {
		stream, err := snapshot.Stream(r.PathValue("name"))
		if err != nil {
			status := http.StatusInternalServerError
			if errors.Is(err, hexz.ErrNoStream) || errors.Is(err, hexz.ErrInvalidArgument) {
				status = http.StatusNotFound
			}
			http.Error(w, http.StatusText(status), status)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		// The root names the bytes: what a client has is new as long as it is the same.
		w.Header().Set("ETag", fmt.Sprintf("%q", info.Root))
		http.ServeContent(w, r, "", time.Time{}, stream.Reader())
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "root %v\n", info.Root)
		for _, stream := range snapshot.Streams() {
			fmt.Fprintf(w, "%v %q: %d bytes\n", stream.Info().Kind, stream.Name(), stream.Size())
		}
	})
	return mux
}
