//go:build cgo

package hexz

import "strings"

// flagsInGo renames what the texts of the library speak of or say to set.
var flagsInGo = strings.NewReplacer(
	"HEXZ_BUILD_OVERWRITE", "BuildOptions.Overwrite",
	"HEXZ_BUILD_ALLOW_BACKING", "BuildOptions.AllowBacking",
	"HEXZ_BUILD_FORCE_SHARE", "BuildOptions.ForceShare",
	"HEXZ_BUILD_ALLOW_CHANGE", "BuildOptions.AllowChange",
	"HEXZ_EXTRACT_FORCE_SHARE", "ExtractOptions.ForceShare",
	"kdf_memory_max_kib", "the option KDFMemoryMaxKiB",
	"HEXZ_BUILD_NO_SYNC", "BuildOptions.NoSync",
	"HEXZ_EXTRACT_NO_SYNC", "ExtractOptions.NoSync",
	"HEXZ_BUILD_ENCRYPT", "BuildOptions.Encryption",
	"HEXZ_EXTRACT_OVERWRITE", "ExtractOptions.Overwrite",
	"HEXZ_EXTRACT_IN_PLACE", "ExtractOptions.InPlace",
	"HEXZ_OPEN_ALLOW_PLAIN", "OpenOptions.AllowPlain",
	"HEXZ_OPEN_NO_HINTS", "OpenOptions.NoHints",
	"'opts.storage'", "the io.ReaderAt",
	"the password callback declined and returned 1", "the PasswordFunc declined",
	"give a password callback", "give a PasswordFunc",
	"the cancel handle was triggered", "the context ended",
	"the progress callback returned -1", "the ProgressFunc returned an error",
	"the password callback failed and returned -1", "the PasswordFunc returned an error",
	"HEXZ_FORMAT_RAW", "FormatRaw",
	"HEXZ_FORMAT_AUTO", "FormatAuto",
	"HEXZ_FORMAT_QCOW2", "FormatQcow2",
)

// argumentsInGo renames functions and fields, which only texts about invalid
// arguments name. Of two that begin alike the longer comes first.
var argumentsInGo = strings.NewReplacer(
	"hexz_build: ", "Build: ",
	"hexz_snapshot_open: ", "Open: ",
	"hexz_snapshot_extract: ", "Extract: ",
	"hexz_snapshot_verify: ", "Verify: ",
	"hexz_snapshot_rekey: ", "changing a password: ",
	"opts.source is NULL, and there are no streams", "Source is not given",
	"neither opts.output nor opts.sink is given", "Output is not given",
	"opts.source_format", "SourceFormat",
	"opts.source", "Source",
	"opts.memory_limit", "MemoryLimit",
	"opts.memory", "Memory",
	"opts.output", "Output",
	"opts.profile", "Profile",
	"opts.custom", "Custom",
	"opts.threads", "Threads",
	"opts.cache_size", "CacheSize",
	"opts.parent_snapshot", "ParentSnapshot",
	"opts.parent", "Parent",
	"opts.kdf_memory_kib", "KDF.MemoryKiB",
	"opts.kdf_passes", "KDF.Passes",
	"opts.kdf_lanes", "KDF.Lanes",
)

// inGoTerms puts the names of this package into a text that speaks of those of
// the C API.
func inGoTerms(text string, status Status) string {
	text = flagsInGo.Replace(text)
	if status == ErrInvalidArgument {
		text = argumentsInGo.Replace(text)
	}
	return text
}
