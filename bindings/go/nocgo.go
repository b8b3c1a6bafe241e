//go:build !cgo

package hexz

// Without cgo nothing else of this package is compiled: the compiler's message
// about this name is all that a user sees.
var _ = hexz_calls_a_C_library__set_CGO_ENABLED_to_1_and_install_a_C_compiler
