package sync

import (
	"maps"
	"slices"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// A kind is a type of objects as a fuzz target sees it.
type kind struct {
	name     string
	make     maker
	argument message // that New takes
	methods  []string
	call     func(o manager.Object, method string, argument []byte, c call)
}

func kindOf[O any](name string, m methods[O], made maker, argument message, as func(manager.Object) O) kind {
	return kind{name, made, argument, slices.Sorted(maps.Keys(m)), func(o manager.Object, method string, argument []byte, c call) {
		m.carryOut(as(o), method, argument, c)
	}}
}

func same[O any](o manager.Object) O { return o.(O) }

// kinds are those types of which no other is a mere variety.
var kinds = []kind{
	kindOf("Lock", lockTable, lockMaker(false), nil, same[*lockObject]),
	kindOf("RLock", lockTable, lockMaker(true), nil, same[*lockObject]),
	kindOf("Condition", conditionTable, newConditionObject, message(nil).uint(0).value(nothing), same[*conditionObject]),
	kindOf("Semaphore", semaphoreTable, semaphoreMaker(false), message(nil).int(1), same[*semaphoreObject]),
	kindOf("BoundedSemaphore", semaphoreTable, semaphoreMaker(true), message(nil).int(2), same[*semaphoreObject]),
	kindOf("Event", eventTable, newEventObject, nil, same[*eventObject]),
	kindOf("Barrier", barrierTable, newBarrierObject, message(nil).int(2), same[*barrierObject]),
	kindOf("Queue", queueTable, queueMaker(false), message(nil).int(2).string(""), same[*queueObject]),
	kindOf("JoinableQueue", queueTable, queueMaker(true), message(nil).int(0).string(""), same[*queueObject]),
	kindOf("List", listTable, newListObject, message(nil).string("").values(nil),
		func(o manager.Object) *sequenceObject { return o.(listObject).sequenceObject }),
	kindOf("Array", arrayTable, newArrayObject, message(nil).string("").values([][]byte{{1}, {2}, {0xc0}}),
		func(o manager.Object) *sequenceObject { return o.(arrayObject).sequenceObject }),
	kindOf("Dict", dictTable, newDictObject, message(nil).string(""),
		func(o manager.Object) *tableObject { return o.(dictObject).tableObject }),
	kindOf("Set", setTable, newSetObject, message(nil).string(""),
		func(o manager.Object) *tableObject { return o.(setObject).tableObject }),
}

// A count is what an object keeps: references by the numbers of what they are to.
type count struct {
	t    *testing.T
	kept map[uint64]int
}

// Keep refuses proxies for objects with odd numbers, as if they had gone.
func (c *count) Keep(value []byte) error {
	tokens, err := wire.FindTokens(value)
	if err != nil {
		return err
	}
	for _, token := range tokens {
		if token.ID%2 == 1 {
			return manager.ErrNoSuchObject
		}
	}
	for _, token := range tokens {
		c.kept[token.ID]++
	}
	return nil
}

func (c *count) Drop(value []byte) {
	tokens, err := wire.FindTokens(value)
	if err != nil {
		c.t.Fatalf("% x was kept: %v", value, err)
	}
	for _, token := range tokens {
		if c.kept[token.ID]--; c.kept[token.ID] < 0 {
			c.t.Fatalf("object %d was dropped more often than kept", token.ID)
		}
	}
}

// A fakeRequest sees to it that it is answered once.
type fakeRequest struct {
	t         *testing.T
	what      string
	session   *manager.Session
	answered  bool
	reply     []byte
	onCancel  func()
	cancelled bool
}

func (q *fakeRequest) answer() {
	if q.answered {
		q.t.Fatalf("%s was answered twice", q.what)
	}
	q.answered = true
}

func (q *fakeRequest) Return(value []byte) {
	q.answer()
	r := wire.NewReader(value)
	for len(r.Rest()) > 0 && r.Err() == nil {
		r.Value()
	}
	if r.Err() != nil {
		q.t.Fatalf("%s returned % x: %v", q.what, value, r.Err())
	}
	q.reply = slices.Clone(value)
}

func (q *fakeRequest) Fail(err error) {
	q.answer()
	if err == nil {
		q.t.Fatalf("%s failed with nothing", q.what)
	}
}

func (q *fakeRequest) OnCancel(fn func()) {
	q.onCancel = fn
	if q.cancelled && !q.answered {
		fn()
	}
}

func (q *fakeRequest) cancel() {
	q.cancelled = true
	if q.answered {
		return
	}
	if q.onCancel == nil {
		q.t.Fatalf("%s waits, and cannot be cancelled", q.what)
	}
	if q.onCancel(); !q.answered {
		q.t.Fatalf("%s was cancelled, and goes on waiting", q.what)
	}
}

// A play is what clients do to one object.
type play struct {
	t        *testing.T
	kind     kind
	object   manager.Object
	keeper   *count
	sessions [3]*manager.Session
	waiting  []*fakeRequest
	grant    [5]uint64 // the last one that a lock has made, by the places in its reply
}

// step calls a method, ends a session, or cancels what waits, as the program says, and returns the rest of it.
func (p *play) step(program []byte) []byte {
	action, which := program[0], int(program[1])
	program = program[2:]
	switch {
	case action < 0xe0:
		n := min(int(program[0]), len(program)-1)
		argument := program[1 : 1+n]
		p.call(p.sessions[int(action)%len(p.sessions)], p.kind.methods[which%len(p.kind.methods)], argument, action >= 0xc0)
		return program[1+n:]
	case action < 0xf0 && len(p.waiting) > 0:
		p.waiting[which%len(p.waiting)].cancel()
	case action >= 0xf0:
		p.end(which % len(p.sessions))
	}
	return program
}

// call calls a method. The byte that means nothing in MessagePack stands for a part of the last grant.
func (p *play) call(s *manager.Session, method string, argument []byte, cancelled bool) {
	if method == "Repeat" && p.isLong(argument) {
		return
	}
	var expanded message
	for i := 0; i < len(argument); i++ {
		if argument[i] == 0xc1 && i+1 < len(argument) {
			i++
			expanded = expanded.uint(p.grant[int(argument[i])%len(p.grant)])
		} else {
			expanded = append(expanded, argument[i])
		}
	}
	q := &fakeRequest{t: p.t, what: p.kind.name + "." + method, session: s, cancelled: cancelled}
	p.kind.call(p.object, method, expanded, call{q, s})
	if q.answered {
		p.note(q)
		return
	}
	if q.onCancel == nil || cancelled {
		p.t.Fatalf("%s was not answered", q.what)
	}
	p.waiting = append(p.waiting, q)
	for _, w := range p.waiting {
		if w.answered {
			p.note(w)
		}
	}
	p.waiting = slices.DeleteFunc(p.waiting, func(w *fakeRequest) bool { return w.answered })
}

// isLong reports whether a list would become too long for a test.
func (p *play) isLong(argument []byte) bool {
	n := wire.NewReader(argument).Int()
	return n > 50 || n*p.object.(listObject).values.Len() > 1000
}

// note remembers what a lock has granted.
func (p *play) note(q *fakeRequest) {
	r := wire.NewReader(q.reply)
	g := [5]uint64{r.Uint(), b2u(r.Bool()), b2u(r.Bool()), r.Uint(), r.Uint()}
	if r.End() == nil {
		p.grant = g
	}
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// end ends a session, as a manager does: its calls are answered first. Another takes its place.
func (p *play) end(which int) {
	gone := p.sessions[which]
	for _, q := range p.waiting {
		if q.session == gone {
			q.cancel()
		}
	}
	p.waiting = slices.DeleteFunc(p.waiting, func(w *fakeRequest) bool { return w.answered })
	if watcher, ok := p.object.(manager.SessionWatcher); ok {
		watcher.SessionEnded(gone)
	}
	p.sessions[which] = new(manager.Session)
}

// finish ends all sessions: the object must be as if nobody had ever held or waited, and keep what is in it alone.
func (p *play) finish() {
	for i := range p.sessions {
		p.end(i)
	}
	if len(p.waiting) > 0 {
		p.t.Fatalf("%s waits, and its session has ended", p.waiting[0].what)
	}
	if i := p.object.(manager.Inspector).Inspect(); len(i.Holders) > 0 || len(i.Waiters) > 0 {
		p.t.Fatalf("%s: held or waited for without sessions: %+v", p.kind.name, i)
	}
	p.empty()
	if v, ok := p.object.(manager.Valuer); ok {
		value, err := v.Value()
		if err != nil {
			p.t.Fatal(err)
		}
		if err := wire.NewReader(value).End(); err == nil {
			p.t.Fatal("no value")
		}
		p.keeper.Drop(value)
	}
	for id, n := range p.keeper.kept {
		if n != 0 {
			p.t.Fatalf("%s: object %d is kept %d times more than it is stored", p.kind.name, id, n)
		}
	}
	if d, ok := p.object.(manager.Destroyer); ok {
		d.Destroyed()
	}
}

// empty takes everything out of a queue.
func (p *play) empty() {
	o, ok := p.object.(*queueObject)
	if !ok {
		return
	}
	s := new(manager.Session)
	for range o.queue.Len() {
		q := &fakeRequest{t: p.t, what: "the last Get", session: s}
		p.kind.call(p.object, "Get", nil, call{q, s})
		r := wire.NewReader(q.reply)
		if _, number := r.Bool(), r.Uint(); r.Err() == nil {
			for _, method := range []string{"Arrived", "Done"} {
				p.kind.call(p.object, method, message(nil).uint(number), call{&fakeRequest{t: p.t, what: method}, s})
			}
		}
	}
	if o.queue.Len() != 0 || len(o.queue.Holders()) != 0 || o.queue.Unfinished() != 0 {
		p.t.Fatalf("a queue that was emptied has %+v", o.Inspect())
	}
}

// Whatever clients send to an object, in whatever order, with cancels and ends of sessions in between: every call is
// answered once, and afterwards nothing is held that nobody has.
func FuzzObjects(f *testing.F) {
	for i := range kinds {
		f.Add(byte(i), []byte{}, []byte{})
	}
	f.Fuzz(func(t *testing.T, which byte, argument, program []byte) {
		k := kinds[int(which)%len(kinds)]
		keeper := &count{t, map[uint64]int{}}
		o, err := k.make(wire.NewReader(argument), keeper)
		if err != nil {
			for id, n := range keeper.kept {
				if n != 0 {
					t.Fatalf("%d references to %d are kept by nothing", n, id)
				}
			}
			if o, err = k.make(wire.NewReader(k.argument), keeper); err != nil {
				t.Fatal(err)
			}
		}
		p := &play{t: t, kind: k, object: o, keeper: keeper}
		for i := range p.sessions {
			p.sessions[i] = new(manager.Session)
		}
		for len(program) > 3 {
			program = p.step(program)
		}
		p.finish()
	})
}
