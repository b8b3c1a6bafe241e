package hexz

// #include "shim.h"
import "C"

import "fmt"

// ProgressFunc is told how far a call has come, 10 to 50 times a second, first
// and last of each phase included. An error stops the call, which then returns
// that error within one that is [ErrCancelled].
//
// It may use other snapshots and read from the one that is being verified or
// extracted, but not close it: Close waits for the call, and the call for the
// callback.
type ProgressFunc func(Progress) error

// Progress is how far a call has come.
type Progress struct {
	// Phase is what is being done.
	Phase Phase
	// Done are logical bytes done in this phase, holes counted; rises to Total.
	Done int64
	// Total are the logical bytes of all streams worked on; 0: not known.
	Total int64
	// Stored are the bytes written to the output so far.
	Stored int64
}

// Phase is a part of a call. Phases come in the order of their numbers; some do
// not come at all.
type Phase uint32

const (
	// PhaseTrain samples the sources and trains a dictionary.
	PhaseTrain Phase = C.HEXZ_PHASE_TRAIN
	// PhasePack reads, deduplicates, compresses and writes.
	PhasePack Phase = C.HEXZ_PHASE_PACK
	// PhaseSync waits until the output is on stable storage, and names it.
	PhaseSync Phase = C.HEXZ_PHASE_SYNC
	// PhaseVerify checks a snapshot.
	PhaseVerify Phase = C.HEXZ_PHASE_VERIFY
	// PhaseExtract writes a stream out.
	PhaseExtract Phase = C.HEXZ_PHASE_EXTRACT
)

// String is a word for people, such as "pack".
func (p Phase) String() string {
	switch p {
	case PhaseTrain:
		return "train"
	case PhasePack:
		return "pack"
	case PhaseSync:
		return "sync"
	case PhaseVerify:
		return "verify"
	case PhaseExtract:
		return "extract"
	}
	return fmt.Sprintf("phase %d", uint32(p))
}
