package pool

import (
	"context"
	"errors"
	"slices"
	stdsync "sync"

	"github.com/tinylib/msgp/msgp"

	"github.com/multiproc-go/multiproc/manager"
)

func init() {
	manager.RegisterType(manager.Type{
		Name: sharedType, ByMethodsOnly: true,
		Methods: []string{methodGet, methodNext, methodReady, methodCancel, methodTaken},
	})
}

// sharedJob is a job of a hosted pool whose outcomes stay in the manager, as a shared object. It is their sink.
// SharedResult and SharedIterator are the other ends; who feeds it does so through its attachment.
type sharedJob struct {
	*job
	ordered bool
	valve   *valve

	mu        stdsync.Mutex         // guards the fields below; taken before the valve's
	host      *manager.Host         // that of the pool's object at first, then its own
	kept      map[int]keep          // by task: what its argument keeps alive
	pending   map[int]sharedOutcome // of tasks that have ended, until they are handed out
	arrived   []int                 // the same, in the order of their ends; unordered alone
	submitted int
	ended     int
	next      int    // how many outcomes were handed out
	fed       bool   // no more tasks come
	unfeed    func() // withdraws the announcement that more would come
	failure   error  // why fewer came than were to come
	waiters   []*manager.Request
	feeder    *manager.Request // waits for room
	delivered map[*manager.Session]map[int]keep
	dropped   []keep // to be let go of by unlock
	gone      bool
}

// unlock unlocks mu, and lets go of what was dropped under it: with that other objects may end, or this one.
func (s *sharedJob) unlock() {
	dropped := s.dropped
	s.dropped = nil
	s.mu.Unlock()
	dropAll(dropped)
}

// sharedOutcome is an outcome and what keeps alive the objects in it.
type sharedOutcome struct {
	outcome
	kept  keep
	holds bool
}

// size is about how much memory an outcome takes, in bytes.
func (o sharedOutcome) size() int {
	size := len(o.value) + 64
	var remote *RemoteError
	if errors.As(o.err, &remote) {
		size += len(remote.Message) + len(remote.Stack)
	}
	return size
}

// Call carries out a method.
func (s *sharedJob) Call(c *manager.Request) {
	switch c.Method {
	case methodReady:
		s.mu.Lock()
		defer s.unlock()
		c.Return(msgp.AppendBool(nil, s.fed && s.ended == s.submitted))
	case methodCancel:
		s.stop()
		c.Return(nil)
	case methodTaken:
		index, _, _ := msgp.ReadIntBytes(c.Argument) // of an index that is none nothing is kept
		s.mu.Lock()
		defer s.unlock()
		s.dropped = append(s.dropped, s.delivered[c.Session][index])
		delete(s.delivered[c.Session], index)
		c.Return(nil)
	default:
		c.OnCancel(func() { s.giveUp(c) })
		s.mu.Lock()
		defer s.unlock()
		s.waiters = append(s.waiters, c)
		s.serveLocked()
	}
}

// stop cancels what has not ended, and takes no more.
func (s *sharedJob) stop() {
	s.cancel(errCancelled)
	s.valve.cancelled()
	s.endFeed(cutShort(errCancelled))
}

func (s *sharedJob) giveUp(c *manager.Request) {
	s.mu.Lock()
	defer s.unlock()
	s.waiters = slices.DeleteFunc(s.waiters, func(w *manager.Request) bool { return w == c })
	c.Fail(context.Canceled)
}

// settle takes the outcome of a task. It is called by links.
func (s *sharedJob) settle(index int, o outcome) {
	o.value = slices.Clone(o.value)
	if o.err != nil || !s.entry.holds {
		s.place(index, sharedOutcome{outcome: o})
		return
	}
	s.pool.callback(func() { // taking the proxies over may wait for their managers
		s.mu.Lock()
		host := s.host
		s.mu.Unlock()
		k, err := keepResult(host, o.value)
		if err != nil {
			o = outcome{kind: Failed, err: err}
		}
		s.place(index, sharedOutcome{outcome: o, kept: k, holds: err == nil})
	})
}

func (s *sharedJob) place(index int, o sharedOutcome) {
	s.mu.Lock()
	defer s.unlock()
	s.dropped = append(s.dropped, s.kept[index])
	delete(s.kept, index)
	if s.gone {
		s.dropped = append(s.dropped, o.kept)
		return
	}
	o.kept = s.ownLocked(o.kept)
	s.pending[index] = o
	s.ended++
	s.valve.add(o.size())
	if !s.ordered {
		s.arrived = append(s.arrived, index)
	}
	s.serveLocked()
}

// ownLocked makes the object itself the one that keeps.
func (s *sharedJob) ownLocked(k keep) keep {
	if k.local == nil || k.host == s.host {
		return k
	}
	if err := s.host.Keep(k.local); err != nil {
		return k // the earlier keeper keeps it, so that it is there
	}
	s.dropped = append(s.dropped, keep{host: k.host, local: k.local})
	k.host = s.host
	return k
}

// settleIn is told the object's own host.
func (s *sharedJob) settleIn(host *manager.Host) {
	s.mu.Lock()
	defer s.unlock()
	s.host = host
	for index, k := range s.kept {
		s.kept[index] = s.ownLocked(k)
	}
	for index, o := range s.pending {
		o.kept = s.ownLocked(o.kept)
		s.pending[index] = o
	}
}

// serveLocked answers the waiters whose outcome is there, in their order.
func (s *sharedJob) serveLocked() {
	s.waiters = slices.DeleteFunc(s.waiters, func(c *manager.Request) bool {
		switch {
		case c.Cancelled():
			return false // giveUp answers it
		case c.Method == methodNext:
			return s.handOutLocked(c)
		}
		o, there := s.pending[0]
		if there {
			c.Return(s.tell(c, 0, o))
		}
		return there
	})
	s.feedLocked()
}

// handOutLocked answers with the next outcome, which is this caller's alone, or with nothing at the end.
func (s *sharedJob) handOutLocked(c *manager.Request) bool {
	index := s.next
	if !s.ordered && len(s.arrived) > 0 {
		index = s.arrived[0]
	}
	o, there := s.pending[index]
	switch {
	case there:
	case !s.fed || s.next < s.submitted:
		return false
	case s.failure != nil:
		c.Fail(s.failure)
		return true
	default:
		c.Return(nil)
		return true
	}
	if !s.ordered {
		s.arrived = s.arrived[1:]
	}
	delete(s.pending, index)
	s.next++
	s.valve.took(o.size())
	c.Return(s.tell(c, index, o))
	if o.kept.foreign == nil && o.kept.proxies == nil {
		s.dropped = append(s.dropped, o.kept) // the caller's session has what is of this manager
		return true
	}
	if s.delivered[c.Session] == nil {
		s.delivered[c.Session] = map[int]keep{}
	}
	s.delivered[c.Session][index] = o.kept
	return true
}

// tell encodes an outcome for a caller, whose argument is how large a message it bears.
func (s *sharedJob) tell(c *manager.Request, index int, o sharedOutcome) []byte {
	most := s.host.MaxMessage()
	if theirs, _, err := msgp.ReadInt64Bytes(c.Argument); err == nil && theirs > messageRoom {
		most = min(most, theirs)
	}
	told := fit(s.entry.name, o.outcome, most)
	return appendOutcome(msgp.AppendArrayHeader(nil, outcomeFields), 0, index, told, o.holds && told.err == nil)
}

// SessionEnded drops what a client was handed and has not confirmed.
func (s *sharedJob) SessionEnded(of *manager.Session) {
	s.mu.Lock()
	defer s.unlock()
	for _, k := range s.delivered[of] {
		s.dropped = append(s.dropped, k)
	}
	delete(s.delivered, of)
}

// Destroyed cancels what has not ended: nobody refers to the result.
func (s *sharedJob) Destroyed() {
	s.mu.Lock()
	s.gone = true
	for _, o := range s.pending {
		s.dropped = append(s.dropped, o.kept)
	}
	for _, of := range s.delivered {
		for _, k := range of {
			s.dropped = append(s.dropped, k)
		}
	}
	s.pending, s.delivered, s.arrived = nil, nil, nil
	host := s.host
	s.unlock()
	host.Go(func(context.Context) {
		s.stop()
		s.valve.end()
	})
}

var _ manager.SessionWatcher = (*sharedJob)(nil)
