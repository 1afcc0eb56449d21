package spawn

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/multiproc-go/multiproc/finalize"
)

// children are the processes that this one has started and that run.
var children registry

type registry struct {
	finalizer sync.Once

	mu     sync.Mutex // guards the fields below
	active map[*Process]struct{}
	ending bool
}

// begin takes a new child in, and starts what serves it. When the program is already ending, it ends the child and
// returns ErrEnding.
func (r *registry) begin(p *Process) error {
	r.finalizer.Do(func() { finalize.Register(finalize.PriorityProcess, r.endAll) })
	r.mu.Lock()
	ending := r.ending && !p.detached
	if r.active == nil {
		r.active = map[*Process]struct{}{}
	}
	r.active[p] = struct{}{}
	r.mu.Unlock()
	p.serve()
	if !ending {
		guard.cover(p)
		return nil
	}
	close(p.started)
	return errors.Join(ErrEnding, p.KillTree(context.Background()))
}

// serve starts the goroutines of a Process: they end after the child has exited.
func (p *Process) serve() {
	for _, pump := range p.stdio.pumps {
		go pump.run()
	}
	if p.stdio.feed != nil {
		go p.stdio.feed()
	}
	go p.watch()
}

func (r *registry) remove(p *Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.active, p)
}

func (r *registry) list() []*Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*Process, 0, len(r.active))
	for p := range r.active {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *Process) int { return cmp.Compare(a.pid, b.pid) })
	return list
}

// endAll is the finalizer that ends what the program has left running, all at the same time, and then the guardian.
func (r *registry) endAll(ctx context.Context) error {
	r.mu.Lock()
	r.ending = true
	r.mu.Unlock()
	list := slices.DeleteFunc(r.list(), func(p *Process) bool { return p.detached })
	faults := make([]error, len(list))
	var ended sync.WaitGroup
	for i, p := range list {
		ended.Go(func() { faults[i] = p.Shutdown(ctx) })
	}
	ended.Wait()
	guard.dismiss(ctx)
	return errors.Join(faults...)
}

// ActiveChildren returns the processes that this one has started and that have not exited, by pid; those that are still
// starting and detached ones included. It does not block.
func ActiveChildren() []*Process { return children.list() }
