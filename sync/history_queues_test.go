package sync_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	mpsync "github.com/multiproc-go/multiproc/sync"
)

// queued is an item: its place is among all that were put.
type queued struct{ place, value, deliveries int }

// handed is an item that a worker has.
type handed struct {
	worker int
	item   queued
	unread bool // the worker died before it got the answer
}

// queueState is a queue, joinable or not. Values are never put twice.
type queueState struct {
	items  []queued
	out    []handed // in the order of the handing out
	places int
	closed bool
}

// take takes out what was handed to a worker.
func (s *queueState) take(worker int) (its []handed) {
	s.out = slices.DeleteFunc(s.out, func(h handed) bool {
		if h.worker == worker {
			its = append(its, h)
		}
		return h.worker == worker
	})
	return its
}

func (s *queueState) putBack(its []handed) {
	for _, h := range its {
		s.items = append(s.items, h.item)
	}
	slices.SortFunc(s.items, func(a, b queued) int { return a.place - b.place })
}

func queueModel(capacity int, joinable bool) model[queueState] {
	return model[queueState]{queueState{}, func(s queueState, a action) []queueState {
		s.items, s.out = slices.Clone(s.items), slices.Clone(s.out)
		if a.kind == ends {
			return s.end(a, joinable)
		}
		if !joinable { // what it got before has arrived
			s.take(a.worker)
		}
		if !s.act(a, capacity, joinable) {
			return nil
		}
		return []queueState{s}
	}}
}

// end is the end of a worker: a.ok says that it came in order, after its last call; and a.died that it came by itself
// after that.
func (s *queueState) end(a action, joinable bool) []queueState {
	its := s.take(a.worker)
	gone := *s
	s.items = slices.Clone(s.items)
	s.putBack(its)
	switch {
	case joinable || len(its) == 0 || its[0].unread || a.died:
		return []queueState{*s}
	case a.ok:
		return []queueState{gone}
	}
	return []queueState{*s, gone}
}

func (s *queueState) act(a action, capacity int, joinable bool) bool {
	closed := errors.Is(a.err, mpsync.ErrClosed)
	full := len(s.items) >= capacity
	others := joinable && slices.ContainsFunc(s.out, func(h handed) bool { return h.worker != a.worker })
	exhausted := s.closed && len(s.items) == 0 && !others
	switch a.kind {
	case "close":
		s.closed = true
	case "put", "tryput":
		switch {
		case closed || a.lost && s.closed:
			return s.closed
		case a.kind == "tryput" && (!a.lost && !a.ok || a.lost && full):
			return full && !s.closed
		case full || s.closed:
			return false
		}
		s.places++
		s.items = append(s.items, queued{s.places, a.argument, 0})
	case "get", "tryget":
		switch {
		case closed || a.lost && exhausted:
			return exhausted
		case a.kind == "tryget" && !a.lost && !a.ok:
			return len(s.items) == 0 && !exhausted
		case len(s.items) == 0:
			return false
		}
		item := s.items[0]
		if !a.lost && (a.result != item.value || a.died != (item.deliveries > 0)) {
			return false
		}
		s.items = s.items[1:]
		item.deliveries++
		s.out = append(s.out, handed{a.worker, item, a.lost})
	case "done":
		at := slices.IndexFunc(s.out, func(h handed) bool { return h.worker == a.worker })
		none := len(s.out) == 0
		if none != errors.Is(a.err, mpsync.ErrTooManyDone) && !a.lost {
			return false
		}
		if !none {
			s.out = slices.Delete(s.out, max(at, 0), max(at, 0)+1)
		}
	case "join":
		return len(s.items)+len(s.out) == 0
	case "unfinished":
		return a.lost || a.result == len(s.items)+len(s.out)
	}
	return true
}

// A line is a queue of either kind, for one worker.
type line struct {
	put, close func(context.Context, int) error
	tryPut     func(context.Context, int) (bool, error)
	get        func(context.Context) (mpsync.Item[int], error)
	tryGet     func(context.Context) (mpsync.Item[int], bool, error)
	joinable   *mpsync.JoinableQueue[int]
}

func lineOf(ctx context.Context, p *player, capacity int, joinable bool) (line, error) {
	if joinable {
		q, err := mpsync.NewJoinableQueue[int](ctx, p.m, capacity, mpsync.Named("queue"))
		if err != nil {
			return line{}, err
		}
		end := func(ctx context.Context, _ int) error { return q.Close(ctx) }
		return line{q.Put, end, q.TryPut, q.GetItem, q.TryGetItem, q}, nil
	}
	q, err := mpsync.NewQueue[int](ctx, p.m, capacity, mpsync.Named("queue"))
	if err != nil {
		return line{}, err
	}
	end := func(ctx context.Context, _ int) error { return q.Close(ctx) }
	return line{q.Put, end, q.TryPut, q.GetItem, q.TryGetItem, nil}, nil
}

func (l line) do(p *player, s step) *action {
	if s.kind == "put" || s.kind == "tryput" {
		s.argument = 1000*p.number + len(p.actions)
	}
	return p.do(s, func(ctx context.Context, a *action) (err error) {
		var item mpsync.Item[int]
		switch s.kind {
		case "put":
			return l.put(ctx, s.argument)
		case "tryput":
			a.ok, err = l.tryPut(ctx, s.argument)
		case "get":
			item, err = l.get(ctx)
		case "tryget":
			item, a.ok, err = l.tryGet(ctx)
		case "close":
			return l.close(ctx, 0)
		case "done":
			return l.joinable.TaskDone(ctx)
		case "join":
			return l.joinable.Join(ctx)
		case "unfinished":
			a.result, err = l.joinable.Unfinished(ctx)
			return err
		}
		a.result, a.died = item.Value, item.Redelivered
		return err
	})
}

// follow carries out a step. Nobody waits who has something that others may wait for. A drain gets everything.
func (l line) follow(p *player, s step) {
	for l.joinable != nil && (s.kind == "get" || s.kind == "join" || s.kind == "put") && p.hasItems() {
		l.do(p, step{kind: "done"})
		if p.isLost() {
			return
		}
	}
	if s.kind != "drain" {
		l.do(p, s)
		return
	}
	for a := l.do(p, step{kind: "tryget"}); a.ok; a = l.do(p, step{kind: "tryget"}) {
		if l.joinable != nil {
			l.do(p, step{kind: "done"})
		}
	}
}

// hasItems reports whether there are items that the player has got and not done.
func (p *player) hasItems() bool {
	n := 0
	for _, a := range p.actions {
		switch {
		case a.gaveUp || a.lost || a.err != nil && a.kind != "done":
		case a.kind == "get", a.kind == "tryget" && a.ok:
			n++
		case a.kind == "done":
			n = max(0, n-1)
		}
	}
	return n > 0
}

func TestHistoriesOfQueues(t *testing.T) {
	checkQueues(t, false, "put", "put", "get", "get", "tryput", "tryget")
}
func TestHistoriesOfJoinableQueues(t *testing.T) {
	checkQueues(t, true, "put", "put", "put", "get", "get", "tryget", "done", "join", "unfinished")
}

// The queue is closed when all that are left wait, and nothing of what was put may be missing or there twice.
func checkQueues(t *testing.T, joinable bool, kinds ...string) {
	s := newStage(t)
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.IntRange(1, 3).Draw(t, "capacity")
		checkExplained(t, queueModel(capacity, joinable), s.perform(t, play{
			scripts: drawScripts(t, 4, 5, 1, kinds...),
			prepare: func(ctx context.Context, p *player) (func(step), error) {
				l, err := lineOf(ctx, p, capacity, joinable)
				return func(s step) { l.follow(p, s) }, err
			},
			free: []step{{kind: "close"}, {kind: "drain"}},
			last: []step{{kind: "drain"}},
		}))
	})
}
