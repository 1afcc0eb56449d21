package finalize

// A Census finds out, again and again, who belongs to each of several trees and how much memory they use. It makes
// one pass over /proc for all trees, however many there are, and keeps from one pass to the next whose environments
// it has read, so that a pass costs little more than one line of /proc for each process of the machine.
//
// The zero value is ready. A Census is for one goroutine at a time. It holds no descriptor between two passes.
type Census struct{ census }

// A Member is a process in a Census.
type Member struct {
	Identity

	// Resident is the memory of the process that is in RAM, in bytes, as the kernel keeps count for the sake of
	// speed: pages that it shares with others count in full, and some hundred KiB for each processor of the machine
	// may be missing. Footprint is exact.
	Resident uint64
}

// Take returns the members of each tree, in the order of trees, as far as one pass sees them (see Tree.Members). A
// process that belongs to several is counted in one of them alone, so that trees that hold one another are not for a
// Census. Tree.Exclude is not looked at, nor is anything that started before each tree's Since. The calling process is
// never counted.
//
// Take does not block but for the pass. Outside Linux the error wraps errors.ErrUnsupported.
func (c *Census) Take(trees []Tree) ([][]Member, error) {
	for _, tree := range trees {
		if err := tree.validate(); err != nil {
			return nil, err
		}
	}
	return c.take(trees)
}

// Footprint returns how many bytes of memory a process uses, in RAM and swapped out. A page that n processes have in use
// counts as an n-th of itself for each, so that the sum over processes has it once. The kernel walks through the
// process's page tables for that: some microseconds for each MiB of small pages. The error wraps os.ErrProcessDone when
// the process is gone, os.ErrPermission when it may not be looked at, and errors.ErrUnsupported outside Linux. It does
// not block, save while the process itself changes its mappings.
func (id Identity) Footprint() (uint64, error) { return footprint(id) }
