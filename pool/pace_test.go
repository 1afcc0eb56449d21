package pool

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// paced is a link that has just found that four tasks have ended, and looked last so long ago.
func paced(t *testing.T, since time.Duration) *link {
	s, _ := sharedFor(t)
	return &link{pool: &Pool{}, shared: s, target: 4, ended: 4, since: clock() - int64(since)}
}

// A link naps for a millisecond where nothing else keeps the process awake, which is just as much work as it sends ahead: of
// however few tasks it had sent, each seemed to take its share of that, so that one worker never got more.
func TestPaceGrowsBeyondWhatANapHides(t *testing.T) {
	for name, test := range map[string]struct {
		napped bool
		left   int // tasks that had not ended after the nap
		want   int
	}{
		"all had ended":                {napped: true, want: 8},
		"the worker was still at work": {napped: true, left: 1, want: 4},
		"no nap":                       {want: 4},
	} {
		t.Run(name, func(t *testing.T) {
			l := paced(t, time.Duration(aheadTime-aheadTime/10))
			l.aloft, l.napped = test.left, test.napped
			l.paceLocked()
			if l.target != test.want || l.napped {
				t.Errorf("%d tasks may be in flight, want %d", l.target, test.want)
			}
		})
	}
}

// A link that was kept from looking took the time for that of the tasks, and sent them one by one. Of tasks that have all ended it
// goes by the worker's clock, as long as what the worker says can be so, and of others by its own.
func TestPaceIsThatOfTheWorkersClock(t *testing.T) {
	const late = 20 * time.Millisecond
	micros := func(n uint64) uint64 { return n * uint64(time.Microsecond) }
	for name, test := range map[string]struct {
		begun, over, tasks, ended uint64 // of the stint; the first two since the link looked last
		aloft, want               int
	}{
		"short tasks":                       {micros(100), micros(180), 4, 4, 0, 8},
		"long tasks":                        {micros(100), micros(9100), 1, 4, 0, 1},
		"short tasks after a pause":         {micros(10000), micros(10080), 2, 4, 0, 8},
		"a stint that began before":         {^micros(500000), micros(80), 100, 4, 0, 8},
		"one that ends with long tasks":     {^micros(500000), micros(19000), 1 << 40, 4, 0, 1},
		"a stint without a beginning":       {0, micros(80), 4, 4, 0, 8},
		"nothing of the last task":          {micros(100), micros(180), 3, 3, 0, 1},
		"more than there is":                {micros(100), micros(180), 5, 5, 0, 1},
		"the worker is at work":             {micros(100), micros(180), 4, 4, 1, 1},
		"an end in the future":              {micros(100), micros(1 << 40), 4, 4, 0, 1},
		"an end before the beginning":       {micros(100), micros(50), 4, 4, 0, 8},
		"a beginning in the future":         {micros(1 << 40), micros(1<<40 + 8000), 4, 4, 0, 1},
		"a beginning before there was time": {1 << 63, micros(80), 4, 4, 0, 8},
		"no tasks":                          {micros(100), micros(19000), 0, 4, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := paced(t, late)
			l.aloft = test.aloft
			if test.begun != 0 {
				test.begun += uint64(l.since)
			}
			l.shared.word(wordStintBegun).Store(test.begun)
			l.shared.word(wordStintOver).Store(uint64(l.since) + test.over)
			l.shared.word(wordStintTasks).Store(test.tasks)
			l.shared.word(wordStintEnded).Store(test.ended)
			l.paceLocked()
			if l.target != test.want {
				t.Errorf("%d tasks may be in flight, want %d", l.target, test.want)
			}
		})
	}
}

// A link that is kept from looking again and again sends as much ahead as it must for its worker to have something to do
// meanwhile, unless one task is as much as that, and soon no more than others when it can look again.
func TestLinkThatIsKeptFromLookingSendsMoreAhead(t *testing.T) {
	const each = int64(20 * time.Microsecond)
	l := paced(t, 0)
	look := func(late, each int64, dry bool) {
		l.ended += 4
		l.since = clock() - late
		l.aloft = 0
		if !dry {
			l.aloft = 1
			l.since = clock() - 4*each
		}
		l.shared.word(wordStintBegun).Store(uint64(l.since))
		l.shared.word(wordStintOver).Store(uint64(l.since + 4*each))
		l.shared.word(wordStintTasks).Store(4)
		l.shared.word(wordStintEnded).Store(l.ended)
		l.paceLocked()
	}
	for range 20 {
		look(2*int64(tickEvery), each, true)
	}
	if most := int(int64(tickEvery) / each); l.target <= most/2 || l.target > most {
		t.Errorf("%d tasks may be in flight, want %d", l.target, most)
	}
	look(8*int64(tickEvery), int64(tickEvery)+1, true)
	if l.target != 1 {
		t.Errorf("%d long tasks may be in flight, want 1", l.target)
	}
	for range 20 {
		look(2*int64(tickEvery), each, true)
	}
	for range 10_000 { // 800 ms of them
		look(0, each, false)
	}
	if most := int(aheadTime / each); l.target > most {
		t.Errorf("%d tasks may be in flight, want at most %d", l.target, most)
	}
}

// What a worker tells of its work is what it has done since it had nothing to do, whatever it was.
func TestWorkerTellsOfItsStints(t *testing.T) {
	l := paced(t, 0)
	w := &worker{shared: l.shared}
	told := func() (begun, over, tasks, ended uint64) {
		return l.shared.word(wordStintBegun).Load(), l.shared.word(wordStintOver).Load(), l.shared.word(wordStintTasks).Load(), l.shared.word(wordStintEnded).Load()
	}
	start := uint64(clock())
	w.noteClaim()
	w.stint.tasks++
	w.noteClaim() // of a run
	w.stint.tasks += 10
	if _, over, _, ended := told(); over != 0 || ended != 0 {
		t.Error("it has told of a stint that goes on")
	}
	w.endStint()
	begun, over, tasks, ended := told()
	if begun < start || over < begun || over > uint64(clock()) || tasks != 11 || ended != 11 {
		t.Errorf("%d tasks of %d, from %d to %d", tasks, ended, begun, over)
	}
	w.endStint()
	if _, again, _, _ := told(); again != over {
		t.Error("it has told of a stint in which it did nothing")
	}
	w.stint.tasks += 2 // whose claims were not written down
	w.endStint()
	if begun, _, tasks, ended := told(); begun != 0 || tasks != 2 || ended != 13 {
		t.Errorf("%d tasks of %d, from %d", tasks, ended, begun)
	}
}

// What a link sends ahead because it is kept from looking is never what another worker could have begun.
func TestLinkThatIsKeptFromLookingLeavesOthersTheirShare(t *testing.T) {
	for _, test := range []struct{ workers, aloft, queued, want int }{
		{workers: 1, queued: 1000, want: 500},
		{workers: 1, aloft: 100, queued: 1000, want: 400},
		{workers: 2, queued: 1000, want: 500},
		{workers: 2, queued: 201, want: 101},
		{workers: 2, aloft: 100, queued: 201, want: 101},
		{workers: 2, queued: 20, want: 50},
		{workers: 2, aloft: 45, queued: 20, want: 10},
		{workers: 2, aloft: 100, queued: 1, want: 1},
	} {
		l := &link{pool: &Pool{}, target: 500, usual: 50, aloft: test.aloft}
		l.pool.size.Store(int64(test.workers))
		l.pool.queued = test.queued
		if room := l.pool.roomLocked(l, l.target-l.aloft); room != test.want {
			t.Errorf("%+v: there is room for %d", test, room)
		}
	}
}

var lasts = RegisterNamed("test.lasts", func(_ context.Context, d time.Duration) (int, error) {
	for start := time.Now(); time.Since(start) < d; {
	}
	return 0, nil
})

// Where the program's own goroutines keep its processors busy, short tasks travel many at a time all the same.
func TestBusyProgramSendsManyTasksAhead(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var over atomic.Bool
	defer over.Store(true)
	go func() { // ends by itself
		for !over.Load() {
		}
	}()
	p, err := New(t.Context(), &Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := lasts.Apply(t.Context(), p, 0); err != nil {
		t.Fatal(err)
	}
	sent := func() uint64 {
		l := p.seats[0].link.Load()
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.base
	}
	durations := slices.Repeat([]time.Duration{300 * time.Microsecond}, 100)
	records := uint64(0)
	for range 12 { // where there is no processor for the worker, its tasks take long
		before := sent()
		if _, err := lasts.Map(t.Context(), p, durations); err != nil {
			t.Fatal(err)
		}
		records = sent() - before
		if records <= uint64(len(durations)/4) {
			return
		}
	}
	t.Errorf("%d tasks were sent in %d records", len(durations), records)
}
