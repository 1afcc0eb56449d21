package pool

import (
	"math/bits"

	"golang.org/x/sys/unix"
)

// arenaHalf is the size of an arena's half in bytes: address space, of which a process has little where it has 32 bits.
const arenaHalf = (32 << 20) >> (2 * (64/bits.UintSize - 1))

// trim gives an arena's memory back to the system. Nothing in it may be in use.
func (a *arena) trim() error {
	return unix.Fallocate(int(a.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, arenaAt, 2*arenaHalf)
}
