package finalize

import (
	"fmt"
	"os"
	"time"
)

// clockTick is the unit of times in /proc, for programs of every architecture, whatever the kernel's own is.
const clockTick = 10 * time.Millisecond

func usage(id Identity) (Usage, error) {
	s, err := processStat(id.PID)
	if err == nil && (s.start != id.Start || s.gone()) {
		err = os.ErrProcessDone
	}
	if err != nil {
		return Usage{}, fmt.Errorf("finalize: the usage of %v: %w", id, err)
	}
	return Usage{Resident: s.resident * pageSize, Processor: time.Duration(s.processor) * clockTick}, nil
}
