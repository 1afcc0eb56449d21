package pool

import (
	"errors"
	"log/slog"
	"os"
	"slices"
	stdsync "sync"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
)

// sampleEvery is how long the sampler waits between two looks. After one that took longer it waits for as long as that took.
const sampleEvery = 50 * time.Millisecond

// sampler looks after the memory of the workers of all pools of this process.
var sampler memorySampler

// memorySampler looks at the memory of workers, all in one pass over /proc, while there are workers with a limit. Its
// goroutine is started by the first of them and stopped, and waited for, by the removal of the last.
//
// Locks are taken in the order change, mu, a link's mu.
type memorySampler struct {
	change stdsync.Mutex // held while the goroutine is started or stopped
	stop   chan struct{} // nil while there is none; guarded by change, as is ended
	ended  chan struct{}

	mu    stdsync.Mutex // guards the field below
	links []*link
}

// add has a link looked after. It does not block for longer than the stopping of an idle sampler takes.
func (s *memorySampler) add(l *link) {
	s.change.Lock()
	defer s.change.Unlock()
	s.mu.Lock()
	s.links = append(s.links, l)
	s.mu.Unlock()
	if s.stop == nil {
		s.stop, s.ended = make(chan struct{}), make(chan struct{})
		go s.run(s.stop, s.ended)
	}
}

// remove ends that: when it returns, nothing more is done to the link. The last one waits for the look that goes on.
func (s *memorySampler) remove(l *link) {
	s.change.Lock()
	defer s.change.Unlock()
	s.mu.Lock()
	if at := slices.Index(s.links, l); at >= 0 {
		s.links = slices.Delete(s.links, at, at+1)
	}
	left := len(s.links)
	s.mu.Unlock()
	if left == 0 && s.stop != nil {
		close(s.stop)
		<-s.ended
		s.stop = nil
	}
}

func (s *memorySampler) run(stop, ended chan struct{}) {
	defer close(ended)
	var census finalize.Census
	timer := time.NewTimer(sampleEvery)
	defer timer.Stop()
	failed := false
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
		}
		began := time.Now()
		err := s.look(&census)
		if err != nil && !failed {
			s.report(err)
		}
		failed = err != nil
		timer.Reset(max(sampleEvery, time.Since(began)))
	}
}

// report tells, once for each time that looking begins to fail, that limits are not kept.
func (s *memorySampler) report(err error) {
	s.mu.Lock()
	links := slices.Clone(s.links)
	s.mu.Unlock()
	told := map[*Pool]bool{}
	for _, l := range links {
		if !told[l.pool] {
			told[l.pool] = true
			l.pool.log(slog.LevelError, "cannot look at the memory of workers", l.pool.about(), slog.Any("error", err))
		}
	}
}

// look makes one pass, and ends the workers that use too much.
func (s *memorySampler) look(census *finalize.Census) error {
	s.mu.Lock()
	links := slices.Clone(s.links)
	s.mu.Unlock()
	trees := make([]finalize.Tree, len(links))
	for i, l := range links {
		trees[i] = l.memoryTree()
	}
	all, err := census.Take(trees)
	if err != nil {
		return err
	}
	for i, members := range all {
		l := links[i]
		limit := l.pool.options.MaxMemory
		resident := residentOf(members)
		if !present(members, trees[i].Roots[0]) || !l.measured.due(resident, limit, clock()) {
			continue
		}
		if used := l.measured.take(members, resident); used > limit {
			s.verdict(l, &MemoryLimitError{
				PID: l.process.PID(), Used: used, Limit: limit, Mechanism: MemorySampling,
			})
		}
	}
	return nil
}

// verdict ends a worker, unless it was removed.
func (s *memorySampler) verdict(l *link, excess *MemoryLimitError) {
	s.mu.Lock()
	ends := slices.Contains(s.links, l) && l.exceed(excess)
	s.mu.Unlock()
	if ends {
		l.log(slog.LevelWarn, "worker uses too much memory; killing it with all that it started",
			slog.Int64("used", excess.Used), slog.Int64("limit", excess.Limit), slog.String("mechanism", string(excess.Mechanism)))
	}
}

// present reports whether the worker itself was seen. Once it is gone its process group may be another's.
func present(members []finalize.Member, worker finalize.Identity) bool {
	return slices.ContainsFunc(members, func(m finalize.Member) bool { return m.Identity == worker })
}

// residentOf adds up what processes have in RAM, in bytes, which costs nothing and counts shared pages again and again:
// if that is little, their footprints are less.
func residentOf(members []finalize.Member) (size int64) {
	for _, m := range members {
		size += int64(m.Resident)
	}
	return size
}

// footprintOf adds up the footprints of processes, in bytes: shared pages count once. Of one that may not be looked at
// it takes what it has in RAM.
func footprintOf(members []finalize.Member) (size int64) {
	for _, m := range members {
		footprint, err := m.Footprint()
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			footprint = m.Resident
		}
		size += int64(footprint)
	}
	return size
}
