package hexz

// #include "shim.h"
import "C"

// Version is the version of the library that is loaded, such as "0.1.0".
func Version() string {
	return C.GoString(C.hexz_version_string())
}

// VersionNumbers is the same as numbers.
func VersionNumbers() (major, minor, patch int) {
	v := uint32(C.hexz_version())
	return int(v >> 16), int(v >> 8 & 0xff), int(v & 0xff)
}
