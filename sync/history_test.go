package sync_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"net"
	stdsync "sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/multiproc-go/multiproc/manager"
)

// An action is one call in a history, with what it answered.
type action struct {
	worker    int
	kind      string
	argument  int
	call, ret int64 // moments by a clock that counts them
	result    int
	fence     uint64
	ok        bool  // what a Try and the like report
	err       error // what the model has to explain; nil where the call was given up
	gaveUp    bool  // its context ended: it must have had no effect
	lost      bool  // nobody knows whether it had one
	died      bool  // what OwnerDied or Redelivered says
}

func (a action) String() string {
	switch {
	case a.lost:
		return fmt.Sprintf("%d-?: %d %s %d: lost", a.call, a.worker, a.kind, a.argument)
	case a.gaveUp:
		return fmt.Sprintf("%d-%d: %d %s %d: given up", a.call, a.ret, a.worker, a.kind, a.argument)
	}
	return fmt.Sprintf("%d-%d: %d %s %d = %d %t died=%t %v", a.call, a.ret, a.worker, a.kind, a.argument, a.result, a.ok, a.died, a.err)
}

// ends is the kind of action that is the end of a worker's session, however it came.
const ends = "end"

// A model says what may come of a state of an object by an action, with that answer: nothing, if the answer is wrong or
// it is not the time for it. States are compared as they are printed.
type model[S any] struct {
	begin S
	next  func(s S, a action) []S
}

// explain reports whether there is an order of the actions in which each has its effect at one moment between its call
// and its return, and all answers are right.
func explain[S any](m model[S], actions []action) bool {
	var all []action
	for _, a := range actions {
		if !a.gaveUp {
			all = append(all, a)
		}
	}
	if len(all) > 64 {
		panic("a history is too long")
	}
	type point struct {
		done  uint64
		state string
	}
	seen := map[point]bool{}
	var search func(done uint64, s S) bool
	search = func(done uint64, s S) bool {
		at := point{done, fmt.Sprint(s)}
		if seen[at] {
			return false
		}
		seen[at] = true
		horizon, left := int64(math.MaxInt64), false
		ended := 0
		for i, a := range all {
			switch {
			case done&(1<<i) != 0:
				if a.kind == ends {
					ended |= 1 << a.worker
				}
			case !a.lost:
				left = true
				horizon = min(horizon, a.ret)
			}
		}
		if !left {
			return true
		}
		for i, a := range all {
			if done&(1<<i) != 0 || a.call > horizon || ended&(1<<a.worker) != 0 {
				continue
			}
			if a.kind == ends && certain(all, done, a.worker) {
				continue
			}
			for _, next := range m.next(s, a) {
				if search(done|1<<i, next) {
					return true
				}
			}
		}
		return false
	}
	return search(0, m.begin)
}

// certain reports whether a worker has answers that are not accounted for.
func certain(all []action, done uint64, worker int) bool {
	for i, a := range all {
		if a.worker == worker && a.kind != ends && !a.lost && done&(1<<i) == 0 {
			return true
		}
	}
	return false
}

// A step is what a worker is to do.
type step struct {
	kind     string
	argument int
	limit    time.Duration // after which the call is given up; below 0 before it has begun, and 0 never
}

// A script is a worker's life.
type script struct {
	steps []step
	cut   bool          // its connection breaks, and is not closed in order
	after time.Duration // from the beginning to its end; 0 is after the last step
}

// drawScripts draws what a few workers do, with arguments up to a limit.
func drawScripts(t *rapid.T, workers, steps, arguments int, kinds ...string) []script {
	scripts := make([]script, workers)
	limits := []time.Duration{0, 0, -1, 50 * time.Microsecond, 300 * time.Microsecond, 2 * time.Millisecond}
	for i := range scripts {
		s := &scripts[i]
		for range rapid.IntRange(1, steps).Draw(t, "steps") {
			s.steps = append(s.steps, step{
				kind:     rapid.SampledFrom(kinds).Draw(t, "kind"),
				argument: rapid.IntRange(1, arguments).Draw(t, "argument"),
				limit:    rapid.SampledFrom(limits).Draw(t, "limit"),
			})
		}
		s.cut = rapid.Bool().Draw(t, "cut")
		if rapid.IntRange(0, 2).Draw(t, "early") == 0 {
			s.after = time.Duration(rapid.IntRange(1, 1500).Draw(t, "end")) * time.Microsecond
		}
	}
	return scripts
}

// wires are connections in the clear that can be cut: whoever dials leaves them in its context.
var wires = manager.RegisterSecurity("sync_test.wires",
	func(_ context.Context, c net.Conn) (net.Conn, error) { return c, nil },
	func(ctx context.Context, c net.Conn) (net.Conn, error) {
		if w, ok := ctx.Value(wireOf{}).(*net.Conn); ok {
			*w = c
		}
		return c, nil
	})

type wireOf struct{}

// A stage is where histories are played: a manager, and a clock.
type stage struct {
	*host
	clock atomic.Int64
	local bool // sessions share memory with the manager, from their beginning
}

// newStage starts a manager. Unless -rapid.checks says how many histories there are to be, they are as many as take
// about a second.
func newStage(t *testing.T) *stage {
	t.Helper()
	limitHistories(t)
	return &stage{host: newHostWith(t, &manager.Options{Address: "tcp:127.0.0.1:0", Security: wires})}
}

// newLocalStage is newStage with sessions that share memory with the manager, so that locks are lent to them.
func newLocalStage(t *testing.T) *stage {
	t.Helper()
	limitHistories(t)
	return &stage{host: newHost(t), local: true}
}

func limitHistories(t *testing.T) {
	t.Helper()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		checks := flag.Lookup("rapid.checks").Value
		before := checks.String()
		check(t, checks.Set("50"))
		t.Cleanup(func() { check(t, checks.Set(before)) })
	}
}

// A player is one worker of a history: a session of its own, and what it has done.
type player struct {
	stage   *stage
	number  int
	m       *manager.Manager
	wire    net.Conn       // of a session over a network
	exit    *manager.Proxy // of a local one: see shareMemory
	ending  stdsync.Once
	ended   atomic.Int64 // the moment at which the end began
	atLast  bool         // it ended after its last call, which was not given up
	inOrder bool         // it ended after its last call, by a Close
	actions []action
}

func (s *stage) enter(number int) *player {
	p := &player{stage: s, number: number}
	if s.local {
		p.m = must(manager.Connect(context.Background(), s.server.Address(), &manager.Options{Key: s.server.Key()}))
		p.exit = shareMemory(s.t, p.m)
		return p
	}
	ctx := context.WithValue(context.Background(), wireOf{}, &p.wire)
	o := &manager.Options{Key: s.server.Key(), Security: wires}
	p.m = must(manager.Connect(ctx, s.server.Address(), o))
	return p
}

func (p *player) end(cut bool) { p.ending.Do(func() { p.leave(cut) }) }

func (p *player) leave(cut bool) {
	p.ended.Store(p.stage.clock.Add(1))
	switch {
	case cut && p.exit != nil:
		expel(p.exit)
		return
	case cut:
		_ = p.wire.Close()
		return
	}
	_ = p.m.Close()
}

// do carries out one call, and notes it.
func (p *player) do(s step, call func(ctx context.Context, a *action) error) *action {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if s.limit < 0 {
		cancel()
	} else if s.limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, s.limit)
		defer cancel()
	}
	a := action{worker: p.number, kind: s.kind, argument: s.argument, call: p.stage.clock.Add(1)}
	err := call(ctx, &a)
	a.ret = p.stage.clock.Add(1)
	switch {
	case errors.Is(err, manager.ErrManagerLost), errors.Is(err, manager.ErrClosed):
		a.lost, a.ret = true, math.MaxInt64
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		a.gaveUp = true
		if s.limit == 0 {
			a.gaveUp, a.err = false, errStuck
		}
	default:
		a.err = err
	}
	p.actions = append(p.actions, a)
	return &p.actions[len(p.actions)-1]
}

var errStuck = errors.New("it waited for ever")

// A play is what workers do with one object, and who is there to help.
type play struct {
	scripts []script
	// prepare finds the objects for a player, by their names, and returns what carries out a step.
	prepare func(ctx context.Context, p *player) (func(step), error)
	free    []step // of a further player, the last one, whenever all that are left wait for one another
	last    []step // of that one, when all others have ended
}

// perform has workers follow their scripts, all at once. It returns what was done, after the last session has ended, and
// fails if something is left of it in the manager.
func (s *stage) perform(t *rapid.T, act play) []action {
	scripts := append(act.scripts, script{})
	players := make([]*player, len(scripts))
	follow := make([]func(step), len(scripts))
	for i := range scripts {
		players[i] = s.enter(i)
		f, err := act.prepare(context.Background(), players[i])
		if err != nil {
			t.Fatal(err)
		}
		follow[i] = f
	}
	helper, help := players[len(players)-1], follow[len(players)-1]
	players = players[:len(players)-1]
	var left atomic.Int64
	left.Store(int64(len(players)))
	var running stdsync.WaitGroup
	for i, p := range players {
		running.Go(func() {
			defer left.Add(-1)
			p.follow(scripts[i], follow[i])
		})
	}
	for act.free != nil && left.Load() > 0 {
		s.until("all that are left wait", func(i *manager.Info) bool { return int64(waiting(i)) >= left.Load() })
		for _, step := range act.free {
			help(step)
		}
	}
	running.Wait()
	var all []action
	for _, p := range players {
		_ = p.m.Close()
	}
	s.until("the sessions have ended", func(i *manager.Info) bool { return len(i.Sessions) == 2 })
	for _, p := range players {
		all = append(all, p.actions...)
		all = append(all, action{worker: p.number, kind: ends, ok: p.inOrder, died: p.atLast && !p.inOrder, call: p.ended.Load(), ret: s.clock.Add(1)})
	}
	for _, step := range act.last {
		help(step)
	}
	all = append(all, helper.actions...)
	helper.end(false)
	s.expectEmpty()
	for _, a := range all {
		if errors.Is(a.err, errStuck) {
			t.Fatalf("nothing was in the way, and %v; all: %v", a, all)
		}
	}
	return all
}

func (p *player) follow(s script, do func(step)) {
	if s.after > 0 {
		cut := time.AfterFunc(s.after, func() { p.end(s.cut) })
		defer cut.Stop()
	}
	for _, step := range s.steps {
		if do(step); p.isLost() {
			break
		}
	}
	p.ending.Do(func() {
		n := len(p.actions)
		p.atLast, p.inOrder = n > 0 && !p.isLost() && !p.actions[n-1].gaveUp, !s.cut && !p.isLost()
		p.leave(s.cut)
	})
}

func (p *player) isLost() bool { return len(p.actions) > 0 && p.actions[len(p.actions)-1].lost }

func waiting(i *manager.Info) int {
	n := 0
	for _, o := range i.Objects {
		n += len(o.Waiters)
	}
	return n
}

// checkExplained fails where a history has no explanation.
func checkExplained[S any](t *rapid.T, m model[S], actions []action) {
	if !explain(m, actions) {
		for _, a := range actions {
			t.Log(a)
		}
		t.Fatal("no order of these explains their answers")
	}
}
