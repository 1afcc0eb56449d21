//go:build !linux

package finalize

import (
	"fmt"
	"os"
	"time"

	"github.com/shirou/gopsutil/v3/process"
)

func usage(id Identity) (Usage, error) {
	if !id.Alive() {
		return Usage{}, fmt.Errorf("finalize: the usage of %v: %w", id, os.ErrProcessDone)
	}
	p := &process.Process{Pid: int32(id.PID)} // process.NewProcess would look whether it is there once more
	memory, err := p.MemoryInfo()
	if err != nil {
		return Usage{}, fmt.Errorf("finalize: the memory of %v: %w", id, err)
	}
	times, err := p.Times()
	if err != nil {
		return Usage{}, fmt.Errorf("finalize: the processor time of %v: %w", id, err)
	}
	return Usage{
		Resident:  memory.RSS,
		Processor: time.Duration((times.User + times.System) * float64(time.Second)),
	}, nil
}
