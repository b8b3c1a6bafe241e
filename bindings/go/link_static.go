//go:build hexz_static

package hexz

// By its file name, since the linker would take the shared library that lies
// beside it. The others are what the library itself needs of the system.

// #cgo LDFLAGS: -l:libhexz.a -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
import "C"
