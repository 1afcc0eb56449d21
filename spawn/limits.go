package spawn

import (
	"fmt"
	"syscall"
)

// maxProcessors bounds Options.Affinity: the width of the kernel's own default mask.
const maxProcessors = 1024

// checkLimit refuses what no child could set or live with.
func checkLimit(limit Limit) error {
	if limit.Resource == syscall.RLIMIT_AS {
		return fmt.Errorf("RLIMIT_AS: the Go runtime reserves more address space than it uses and would not " +
			"start; set Options.MemoryLimit instead")
	}
	if limit.Resource < 0 {
		return fmt.Errorf("no resource %d", limit.Resource)
	}
	if limit.Soft > limit.Hard {
		return fmt.Errorf("resource %d: soft limit %d is above the hard limit %d", limit.Resource, limit.Soft, limit.Hard)
	}
	return nil
}

// setLimits is called by a child at boot. The syscall package's own Setrlimit is used, since that is what tells the
// Go runtime that RLIMIT_NOFILE is no longer its to restore for commands.
func setLimits(limits []Limit) error {
	for _, limit := range limits {
		value := syscall.Rlimit{Cur: limit.Soft, Max: limit.Hard}
		if err := syscall.Setrlimit(limit.Resource, &value); err != nil {
			return fmt.Errorf("set limit of resource %d to %d (hard %d): %w", limit.Resource, limit.Soft, limit.Hard, err)
		}
	}
	return nil
}
