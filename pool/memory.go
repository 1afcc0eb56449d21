package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/spawn"
)

// softShare is which part of MaxMemory Go's own memory limit is, in percent: the collector works harder before the
// worker is ended.
const softShare = 90

// memoryMechanism returns what keeps the pool's workers within their memory limit.
func (o *Options) memoryMechanism() MemoryMechanism {
	if o.MaxMemory == 0 {
		return MemoryUnlimited
	}
	if o.Cgroup != "" {
		return MemoryCgroup
	}
	return MemorySampling
}

// validateMemory returns every fault of the options about memory.
func (o *Options) validateMemory() error {
	if o.MaxMemory < 0 {
		return fmt.Errorf("pool: MaxMemory is %d bytes; it cannot be negative", o.MaxMemory)
	}
	if o.Cgroup != "" && o.MaxMemory == 0 {
		return errors.New("pool: Cgroup is set and MaxMemory is not; the cgroups are for that limit")
	}
	if o.MaxMemory > 0 && !canSample {
		return errors.New("pool: MaxMemory is set; the memory of a worker and of what it starts can be limited on Linux alone")
	}
	return nil
}

// softMemoryLimit is Go's own memory limit in each worker, in bytes.
func (o *Options) softMemoryLimit() int64 {
	if o.MemoryLimit > 0 || o.MaxMemory == 0 {
		return o.MemoryLimit
	}
	return max(1, o.MaxMemory/100*softShare)
}

// announceMemory logs once what keeps workers within their limit.
func (p *Pool) announceMemory() {
	if m := p.options.memoryMechanism(); m != MemoryUnlimited {
		p.log(slog.LevelInfo, "workers' memory is limited", p.about(), slog.Int64("limit", p.options.MaxMemory),
			slog.String("mechanism", string(m)))
	}
}

// openCgroups prepares the user's directory, if there is one.
func (p *Pool) openCgroups() (err error) {
	if p.options.memoryMechanism() == MemoryCgroup {
		p.cgroups, err = openCgroups(p.options.Cgroup, p.options.MaxMemory)
	}
	return err
}

// kernelVerdict returns what the kernel did about the memory of the process, by its cgroup.
func (p *Pool) kernelVerdict(g *cgroup, pid int) *MemoryLimitError {
	if g == nil {
		return nil
	}
	kills, err := g.oomKills()
	if err != nil {
		p.log(slog.LevelError, "cannot read what the kernel did in a worker's cgroup", p.about(slog.Int("pid", pid)), slog.Any("error", err))
	}
	if kills == 0 {
		return nil
	}
	limit := p.options.MaxMemory
	return &MemoryLimitError{PID: pid, Used: max(g.peak(), limit), Limit: limit, Mechanism: MemoryCgroup}
}

// hearKernel blames a worker that is gone for its use of memory, if that is why the kernel killed it.
func (l *link) hearKernel() {
	excess := l.pool.kernelVerdict(l.group, l.process.PID())
	l.mu.Lock()
	defer l.mu.Unlock()
	if excess != nil && l.fault == nil {
		l.fault = excess
	}
}

// dissolve removes the cgroup of a worker that is gone.
func (l *link) dissolve() {
	if err := l.group.remove(); err != nil {
		l.log(slog.LevelError, "cannot remove a worker's cgroup", slog.Any("error", err))
	}
}

// limitMemory keeps the worker within the pool's limit until undo is called.
func (l *link) limitMemory() (undo func()) {
	if l.pool.options.memoryMechanism() != MemorySampling {
		return func() {}
	}
	sampler.add(l)
	return func() { sampler.remove(l) }
}

// measurement is the last exact look at a worker's tree. What the kernel counts anyway, the resident pages of each process,
// says between two of them whether the tree may have come over its limit: an exact look walks through page tables.
type measurement struct {
	at, cost       int64 // clock when it was taken, and how long that took; 0 for none
	resident, used int64 // bytes: what was counted then, and what was in use
}

// measureAgain bounds how old an exact look at a tree near its limit may be. An exact look is taken again after ten times
// as long as the last one took, so that looking costs a tenth of a processor at the most, and after this time in any case.
const measureAgain = int64(500 * time.Millisecond)

// due reports whether an exact look is called for. The count misses a little on machines of many processors; and when
// processes that shared much end while others grow, it stays the same though more is used: hence the age.
func (m *measurement) due(resident, limit, now int64) bool {
	switch {
	case resident < limit-limit/8:
		return false
	case m.at == 0 || m.used+resident-m.resident > limit:
		return true
	}
	return now-m.at >= min(10*m.cost, measureAgain)
}

// take looks at the members of the tree exactly, and returns how many bytes they use.
func (m *measurement) take(members []finalize.Member, resident int64) int64 {
	began := clock()
	used := footprintOf(members)
	*m = measurement{at: clock(), cost: clock() - began, resident: resident, used: used}
	return used
}

// memoryTree is what the worker and all that it has started are known by.
func (l *link) memoryTree() finalize.Tree {
	identity := l.process.Identity()
	return finalize.Tree{
		Roots: []finalize.Identity{identity}, Marks: []string{l.process.Mark()}, Groups: []int{identity.PID},
		Since: identity.Start,
	}
}

// exceed ends a worker whose tree uses too much memory: what it runs fails with that, and what waits behind it goes back
// to the queue. It does not wait for the end, and reports false for a worker that ends already.
func (l *link) exceed(excess *MemoryLimitError) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil || l.buried {
		return false
	}
	recalled := l.recallLocked(0, nil)
	l.goroutines.Go(func() { l.pool.requeue(recalled) })
	l.blameLocked(excess)
	return true
}

// excessLocked returns why the worker was ended, if it used too much memory.
func (l *link) excessLocked() *MemoryLimitError {
	var excess *MemoryLimitError
	errors.As(l.fault, &excess)
	return excess
}

// outOfMemoryLocked returns the outcome of the task that ran in a worker that was ended for its use of memory.
func (l *link) outOfMemoryLocked(t task) (outcome, bool) {
	excess := l.excessLocked()
	if excess == nil {
		return outcome{}, false
	}
	l.charged = true
	told := *excess
	told.Function = t.job.entry.name
	return outcome{kind: OutOfMemory, err: &told}, true
}

// useless returns the fault of a worker that used too much memory before any task had begun in it: the next one will
// most likely do the same.
func (l *link) useless() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if excess := l.excessLocked(); excess != nil && l.ended == 0 && !l.charged {
		return fmt.Errorf("a worker was ended before its first task: %w", excess)
	}
	return nil
}

// judgeUse counts workers that were useless, in a row, and reports whether the pool is to be given up for that: not
// while others run or start, which may do better.
func (p *Pool) judgeUse(fault error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fault == nil {
		p.useless = 0
		return false
	}
	p.useless++
	return p.living == 0 && p.starting.Load() == 0 && p.useless >= p.options.StartFailures
}

// startIn starts a worker, in a cgroup of its own where the kernel limits its memory.
func (s *seat) startIn(ctx context.Context, argument []byte, files []*os.File) (*cgroup, *spawn.Process, error) {
	group, err := s.pool.cgroups.create()
	if err != nil {
		return nil, nil, fmt.Errorf("pool: cannot make a cgroup for a worker: %w", err)
	}
	options := s.spawnOptions()
	if group != nil {
		options.Cgroup = group.file()
	}
	process, err := spawn.StartRole(ctx, workerRole, argument, files, options)
	if err == nil {
		return group, process, nil
	}
	var start *spawn.StartError
	if errors.As(err, &start) {
		if excess := s.pool.kernelVerdict(group, start.Exit.PID); excess != nil {
			err = fmt.Errorf("%w: %w", excess, err)
		}
	}
	return nil, nil, errors.Join(err, group.remove())
}
