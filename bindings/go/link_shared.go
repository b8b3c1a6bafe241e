//go:build !hexz_static

package hexz

// #cgo pkg-config: hexz
import "C"
