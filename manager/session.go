package manager

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// A Session is one client's connection, as objects see it: the owner of holds and waits. Two sessions are the same when
// their pointers are.
type Session struct {
	id     uint64
	server *Server
	since  time.Time
	local  bool // in the server's own process
	conn   *wire.Conn

	client  atomic.Pointer[greeting] // nil until the client has greeted
	transit *transit                 // what it has dispatched; of the registry

	// Of the goroutine that reads.
	recent recentCalls
	fresh  []Request // for the next calls

	// Guarded by the registry's lock.
	ended      bool
	references table[uint64, int]
	watched    map[uint64]*entry
}

// ID returns the session's number, which no other session of the manager has or will have.
func (s *Session) ID() uint64 { return s.id }

// PID returns the process that the session says it belongs to, or 0 before it said so.
func (s *Session) PID() int {
	if g := s.client.Load(); g != nil {
		return g.PID
	}
	return 0
}

// Words returns the words that the session shares with the manager, or nil as long as there are none: sessions over networks
// never have any. An object may take some of them, and tell the client by a result. When the session has ended, an object
// finds them as they were left until its SessionEnded has returned. It does not block.
func (s *Session) Words() *wire.Words {
	if s.conn == nil {
		return nil // it is nobody's
	}
	return s.conn.Words()
}

// Expel ends the session, of which an object has found that its client breaks the rules. It does not block.
func (s *Session) Expel() {
	if s.conn != nil {
		_ = s.conn.Close() // it is of no use any more
	}
}

// String names the session and its process, for people.
func (s *Session) String() string {
	g := s.client.Load()
	if g == nil {
		return fmt.Sprintf("session %d", s.id)
	}
	return fmt.Sprintf("session %d of %s (pid %d)", s.id, g.Name, g.PID)
}

// serve answers the session's calls until its connection ends, and then takes back everything that it had.
func (s *Session) serve(ctx context.Context) error {
	o := &s.server.options
	err := wire.Serve(ctx, s.conn, s.handle, &wire.ServeOptions{
		MaxCalls: o.MaxCalls, OutputLimit: o.OutputLimit, ShareMemory: !o.NoSharedMemory,
		Ended: func() {
			for _, e := range s.watching() {
				e.object.(SessionWatcher).SessionEnded(s)
			}
		},
	})
	s.server.endTransit(s)
	tellGone(s.server.registry.forget(s))
	return err
}

// isEnding reports whether the connection is closed, so that nobody waits for an answer.
func (s *Session) isEnding() bool { return s.conn.NetConn().SetWriteDeadline(time.Time{}) != nil }

// watching returns the objects that are to be told of the session's end, the oldest first.
func (s *Session) watching() []*entry {
	r := s.server.registry
	r.mu.RLock()
	defer r.mu.RUnlock()
	watched := make([]*entry, 0, len(s.watched))
	for _, e := range s.watched {
		watched = append(watched, e)
	}
	slices.SortFunc(watched, func(a, b *entry) int { return cmp.Compare(a.id, b.id) })
	return watched
}

// forget takes all references of a session that is over.
func (r *registry) forget(s *Session) (gone []*entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.ended = true
	for id, count := range s.references.elements {
		gone = r.dropLocked(gone, id, count)
	}
	s.references = table[uint64, int]{}
	for _, e := range s.watched {
		e.watchers = slices.DeleteFunc(e.watchers, func(w *Session) bool { return w == s })
	}
	s.watched = nil
	return gone
}

// handle begins one call. The server's own methods, and objects', are carried out by the goroutine that reads, in the
// order of their requests, but for those that run code which may take its time.
func (s *Session) handle(q *wire.Request) {
	if q.Object == serverObject {
		s.handleOwn(q)
		return
	}
	e := s.recent.find(q)
	if e == nil {
		if e = s.find(q); e == nil {
			return
		}
		s.recent.note(q, e)
	}
	c := s.newRequest(q.Argument)
	c.Method, c.Argument, c.Session, c.call = q.Method, q.Argument, s, q
	c.carryOut(e.object)
	if !c.cancellable && !q.Answered() {
		c.OnCancel(func() { c.Fail(context.Canceled) })
	}
}

// find returns the object that q calls, or nil if something else is to be done, which it has begun.
func (s *Session) find(q *wire.Request) *entry {
	e := s.server.registry.find(q.Object, s)
	switch {
	case e == nil || !e.isMade():
		q.Answer(wire.ErrorReply(noSuchObject(q.Object)))
	case q.Method == methodValue, q.Method == methodDescribe:
		wire.InGoroutines(func(context.Context, *wire.Request) wire.Reply { return s.builtin(e, q.Method) })(q)
	case !slices.Contains(e.kind.Methods, q.Method):
		q.Answer(wire.ErrorReply(fmt.Errorf("%w: %s of %s", ErrNoSuchMethod, q.Method, e.kind.Name)))
	default:
		return e
	}
	return nil
}

// handleOwn begins a call of the server itself.
func (s *Session) handleOwn(q *wire.Request) {
	carryOut := func(ctx context.Context, q *wire.Request) wire.Reply {
		reply, err := s.administer(ctx, q.Method, q.Argument)
		if err != nil {
			return wire.ErrorReply(err)
		}
		return wire.Reply{Payload: reply}
	}
	if lengthyServerMethods[q.Method] {
		wire.InGoroutines(carryOut)(q)
		return
	}
	q.Answer(carryOut(context.Background(), q)) // which the others don't heed
}

// carryOut calls the object: the boundary at which panics stop.
func (c *Request) carryOut(o Object) {
	defer func() {
		if recovered := recover(); recovered != nil {
			c.fault(recovered)
		}
	}()
	o.Call(c)
}

// builtin answers the methods that every object has.
func (s *Session) builtin(e *entry, method string) wire.Reply {
	if method == methodDescribe {
		text := fmt.Sprintf("%s %d", e.kind.Name, e.id)
		if named, ok := e.object.(fmt.Stringer); ok {
			text = named.String()
		}
		return wire.Reply{Payload: encode(text)}
	}
	v, ok := e.object.(Valuer)
	if !ok {
		return wire.ErrorReply(fmt.Errorf("%w: a %s has no value", ErrNoSuchMethod, e.kind.Name))
	}
	value, err := v.Value()
	if err != nil {
		return wire.ErrorReply(err)
	}
	return s.pack(value)
}
