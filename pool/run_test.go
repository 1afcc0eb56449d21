package pool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// What is put into a run comes out of it, in order and whole, however it is split.
func TestRunCarriesItsElements(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 8), rapid.IntRange(250, 260), rapid.Just(1000)), 1, 40).Draw(t, "sizes")
		whole := task{job: &job{entry: &entry{}}, index: 7, run: len(sizes)}
		errs := 0
		for i, size := range sizes {
			start := len(whole.arg)
			failed := i%5 == 4
			errs += btoi(failed)
			whole.arg = append(append(whole.arg, 0), bytes.Repeat([]byte{byte(i)}, size)...)
			whole.arg = sealRun(whole.arg, start, failed)
		}
		if size, failed, err := measureRun(whole.arg, len(sizes)); err != nil || size != len(whole.arg) || failed != errs {
			t.Fatal(size, failed, err)
		}
		from := rapid.IntRange(0, len(sizes)-1).Draw(t, "from")
		to := rapid.IntRange(from+1, len(sizes)).Draw(t, "to")
		part := whole.between(from, to)
		if part.index != 7+from || part.count() != to-from {
			t.Fatalf("tasks %d to %d are %d from %d on", from, to, part.count(), part.index)
		}
		rest := part.arg
		for i := from; i < to; i++ {
			element, failed := rest, i%5 == 4
			if part.run > 0 {
				var err error
				if element, rest, failed, err = cutRun(rest); err != nil {
					t.Fatal(err)
				}
			}
			if failed != (i%5 == 4) || !bytes.Equal(element, bytes.Repeat([]byte{byte(i)}, sizes[i])) {
				t.Fatalf("element %d: %v, of an error: %v", i, element, failed)
			}
		}
	})
}

// Whatever a run's bytes are, they are cut without a panic, and never beyond their end.
func FuzzRun(f *testing.F) {
	f.Add([]byte{1, 2, 0, markLong, 1, 0, 0, 0, 9}, 3)
	f.Add([]byte{markError, 0xff, 0xff, 0xff, 0xff}, 1)
	f.Add([]byte{markLong, 0}, 1)
	f.Fuzz(func(t *testing.T, run []byte, n int) {
		n %= 1 << 10
		size, _, err := measureRun(run, n)
		rest := run
		for range n {
			_, after, _, cutErr := cutRun(rest)
			if cutErr != nil {
				if err == nil {
					t.Fatal("a run was measured that cannot be cut")
				}
				return
			}
			rest = after
		}
		if err != nil || size != len(run)-len(rest) {
			t.Fatalf("measured %d bytes (%v), cut %d", size, err, len(run)-len(rest))
		}
	})
}

// aRun is a link with a run of four tasks in flight, of which two are claimed and one has ended.
func aRun(t *testing.T) (*link, *flying) {
	s, _ := sharedFor(t)
	l := &link{shared: s, target: 1}
	whole := task{job: &job{entry: &entry{}}, run: 4, arg: []byte{1, 10, 1, 11, 1, 12, 1, 13}}
	l.aloft = 4
	l.flight.pushBack(flying{task: whole, run: l.launchLocked(whole, make([]byte, runHeader+8))})
	f := l.flight.at(0)
	copy(f.run.block.results(), []byte{1, 20, 1, 21})
	*f.run.block.used() = 2
	f.run.block.word().Add(uint64(2*oneBegun + oneEnded))
	return l, f
}

// Of a run, what has ended is taken, what has not begun is taken back, and the task that runs stays.
func TestRunIsTakenApart(t *testing.T) {
	l, f := aRun(t)
	back := l.recallLocked(0, nil)
	if len(back) != 1 || back[0].index != 2 || back[0].run != 2 || !bytes.Equal(back[0].arg, []byte{1, 12, 1, 13}) {
		t.Fatalf("took back %+v", back)
	}
	if again := l.recallLocked(0, nil); len(again) != 0 {
		t.Fatalf("took back %+v a second time", again)
	}
	var buffer []byte
	verdicts, err := l.harvestLocked(f, nil, &buffer)
	if err != nil || len(verdicts) != 1 || verdicts[0].count() != 1 || !bytes.Equal(verdicts[0].packed, []byte{1, 20}) {
		t.Fatalf("took %+v, %v", verdicts, err)
	}
	if !l.begunLocked(f, 0) || f.recalled || l.aloft != 1 {
		t.Fatal("the task that runs is not known any more")
	}
}

// A worker that died when it had published a result and not claimed the next task has lost none.
func TestDeathBetweenTwoTasksOfARun(t *testing.T) {
	l, f := aRun(t)
	*f.run.block.used() = 4
	f.run.block.word().Add(uint64(oneEnded))
	verdicts, again := l.wreckLocked(f, nil, nil)
	if len(verdicts) != 1 || verdicts[0].count() != 2 || verdicts[0].packed == nil {
		t.Fatalf("got verdicts %+v", verdicts)
	}
	if len(again) != 1 || again[0].index != 2 || again[0].run != 2 {
		t.Fatalf("%+v is to be run again", again)
	}
}

// A link trusts nothing that a worker writes about a run.
func TestRunRefusesCorruption(t *testing.T) {
	cases := map[string]func(b block){
		"another run's number": func(b block) { b.word().Add(uint64(oneRun)) },
		"more tasks":           func(b block) { b.word().Add(uint64(oneEnd)) },
		"fewer tasks":          func(b block) { b.word().Add(^uint64(0)) },
		"two begun at once":    func(b block) { b.word().Add(uint64(oneBegun)) },
		"begun beyond the end": func(b block) { b.word().Add(uint64(3*oneBegun + 3*oneEnded)) },
		"ended before begun":   func(b block) { b.word().Add(uint64(2 * oneEnded)) },
		"all ones":             func(b block) { b.word().Store(1<<64 - 1) },
		"zero":                 func(b block) { b.word().Store(0) },
		"results beyond":       func(b block) { *b.used() = runBlock },
		"results missing":      func(b block) { *b.used() = 1 },
		"a length that lies":   func(b block) { b.results()[0] = 200 },
		"a long length lies": func(b block) {
			b.results()[0] = markLong
			*b.used() = 8
			binary.NativeEndian.PutUint32(b.results()[1:], 1<<31)
		},
	}
	for name, corrupt := range cases {
		t.Run(name, func(t *testing.T) {
			l, f := aRun(t)
			corrupt(f.run.block)
			var buffer []byte
			if verdicts, err := l.harvestLocked(f, nil, &buffer); !errors.Is(err, errCorrupt) || len(verdicts) > 0 {
				t.Fatalf("took %+v, %v", verdicts, err)
			}
		})
	}
	t.Run("taken back", func(t *testing.T) {
		l, f := aRun(t)
		var buffer []byte
		if _, err := l.harvestLocked(f, nil, &buffer); err != nil {
			t.Fatal(err)
		}
		f.run.block.word().Add(^uint64(oneEnded + oneBegun - 1))
		if _, err := l.harvestLocked(f, nil, &buffer); !errors.Is(err, errCorrupt) {
			t.Fatalf("got %v", err)
		}
	})
}
