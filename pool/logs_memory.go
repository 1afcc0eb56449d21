package pool

import (
	"fmt"
	"os"
)

// The memory through which a worker's log records go: words in a cache line each, and a ring.
const (
	wordLogTail    = 0 * 64 // worker: records published
	wordLogHead    = 1 * 64 // link: records taken
	wordLogDropped = 2 * 64 // worker: how many records found no room
	wordLogWanted  = 3 * 64 // 1 while the link waits to be told of one
	wordLogPID     = 4 * 64 // worker: its pid
	logRingAt      = 4096
	logRingBytes   = 1 << 20
	logMemory      = logRingAt + logRingBytes
)

func mapLogs(file *os.File) (*shared, error) {
	memory, err := mapFile(file, logMemory, logMemory)
	if err != nil {
		return nil, fmt.Errorf("pool: cannot map the memory for log records: %w", err)
	}
	return &shared{memory: memory}, nil
}

func (s *shared) logRing() []byte { return s.memory[logRingAt:logMemory:logMemory] }
