package pool

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/multiproc-go/multiproc/wire"
)

// Pieces in use never overlap, and lie within their memory; one that is given back is used again.
func TestPiecesDoNotOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 1 << 20
		var p pieces
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			if len(p) > 0 && rapid.Bool().Draw(t, "give") {
				p.give(p[rapid.IntRange(0, len(p)-1).Draw(t, "which")])
				continue
			}
			size := rapid.IntRange(1, limit/3).Draw(t, "size")
			made, ok := p.take(size, limit)
			if ok && (made.at%alignPiece != 0 || made.at+made.size > limit || made.size != size) {
				t.Fatalf("got %+v for %d bytes", made, size)
			}
			if !ok && len(p) == 0 {
				t.Fatal("there is no room in empty memory")
			}
			for i := 1; i < len(p); i++ {
				if p[i-1].at+p[i-1].size > p[i].at {
					t.Fatalf("pieces overlap: %+v", p)
				}
			}
		}
	})
}

// sharedFor makes memory for a link, with an arena where there are such, until the test has ended.
func sharedFor(t *testing.T) (*shared, *arena) {
	t.Helper()
	s, a, file, err := newShared()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.close(), file.Close()); err != nil {
			t.Error(err)
		}
	})
	return s, a
}

// sharedWith is sharedFor where there are arenas.
func sharedWith(t *testing.T) (*shared, *arena) {
	t.Helper()
	s, a := sharedFor(t)
	if a == nil {
		t.Skip("there are no arenas here")
	}
	return s, a
}

// Large bytes begin with a cache line at either end: copying them takes twice as long otherwise.
func TestLargeBytesAreAligned(t *testing.T) {
	s, a := sharedWith(t)
	codec, err := wire.CodecOf[[]byte]()
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("payload."), 20_000)
	check := func(what string, half, where []byte) {
		t.Helper()
		at, size := binary.NativeEndian.Uint64(where), binary.NativeEndian.Uint64(where[8:])
		encoded, err := pieceOf(half, at, size)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		if err := codec.DecodeShared(encoded, &got, wire.CloneBytes); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: %d bytes, %v", what, len(got), err)
		}
		if start := at + wire.BytesHeader; start%64 != 0 {
			t.Errorf("%s begin at %d", what, start)
		}
	}
	l := &link{arena: a, leaving: true}
	room := make([]byte, pieceSize)
	for range 2 {
		sent := task{arg: body, raw: true}
		place, ok := l.berth(&sent)
		if !ok {
			t.Fatal("there is no room")
		}
		l.ship(placement{task: sent, room: room, piece: place})
		check("arguments", a.args, room)
	}
	w := &worker{shared: s, arena: a, results: ringWriter{ring: s.results(), tail: s.word(wordResultTail), head: s.word(wordResultHead)}}
	if err := w.answerBytes(body); err != nil {
		t.Fatal(err)
	}
	r, ok, err := firstRecord(s.results())
	if err != nil || !ok {
		t.Fatal(err)
	}
	check("results", a.results, r.payload)
}

// A link looks at no place outside of an arena, whatever its worker says.
func TestResultsOutsideOfAnArenaAreRefused(t *testing.T) {
	_, a := sharedWith(t)
	half := uint64(arenaHalf)
	l := &link{arena: a, pool: &Pool{options: &Options{MaxPayload: 1 << 30}}}
	for _, where := range [][2]uint64{{half, 1}, {0, half + 1}, {1 << 63, 1}, {1, 1<<64 - 1}, {half - 1, 2}} {
		answered := answer{payload: wherePiece(nil, where[0], where[1])}
		if err := l.openResult(&answered); !errors.Is(err, errCorrupt) && !errors.Is(err, wire.ErrFrameTooLarge) {
			t.Errorf("%x: %v", where, err)
		}
	}
	short := answer{payload: make([]byte, pieceSize-1)}
	if err := l.openResult(&short); !errors.Is(err, errCorrupt) {
		t.Error(err)
	}
	good := answer{payload: wherePiece(nil, half-8, 8)}
	if err := l.openResult(&good); err != nil || len(good.payload) != 8 || !good.shared {
		t.Error(err, len(good.payload))
	}
}

// A link takes large results one by one, whatever comes before and after them.
func TestLargeResultsAreTakenOneByOne(t *testing.T) {
	s, a := sharedWith(t)
	w := &worker{shared: s, arena: a, results: ringWriter{ring: s.results(), tail: s.word(wordResultTail), head: s.word(wordResultHead)}}
	l := &link{
		arena: a, pool: &Pool{options: &Options{MaxPayload: 1 << 30}},
		results: ringReader{ring: s.results(), tail: s.word(wordResultTail), head: s.word(wordResultHead)},
	}
	small, large := []byte("small"), make([]byte, 100_000)
	for _, payload := range [][]byte{small, small, large, large, small, large} {
		if err := w.answer(payload, resultValue); err != nil {
			t.Fatal(err)
		}
	}
	for _, expected := range [][]int{{5, 5}, {100_000}, {100_000}, {5}, {100_000}} {
		span, err := l.results.span()
		if err != nil {
			t.Fatal(err)
		}
		used, err := l.parse(span)
		if err != nil {
			t.Fatal(err)
		}
		var sizes []int
		for _, a := range l.answers {
			sizes = append(sizes, len(a.payload))
		}
		if !slices.Equal(sizes, expected) {
			t.Fatalf("results of %v bytes were taken, and not of %v", sizes, expected)
		}
		l.results.release(used)
	}
	if !l.results.empty() {
		t.Error("there are more")
	}
}

var returns = RegisterNamed("test.returns", func(_ context.Context, b []byte) ([]byte, error) { return b, nil })

// sentBefore is a sink that writes down how many tasks its pool's worker had been sent when an outcome came, before it is used.
type sentBefore struct {
	pool  *Pool
	sent  []int
	err   error
	ended chan struct{}
}

func (s *sentBefore) settle(_ int, o outcome) {
	l := s.pool.seats[0].link.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	s.sent, s.err = append(s.sent, l.sent), errors.Join(s.err, o.err)
	if len(s.sent) == cap(s.sent) {
		close(s.ended)
	}
}

// The next large task is on its way to the worker before a large result is copied, unless that takes much of the arena.
func TestNextLargeTaskDoesNotWaitForACopy(t *testing.T) {
	if arenaHalf == 0 {
		t.Skip("there are no arenas here")
	}
	p, err := New(t.Context(), &Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	for size, ahead := range map[int]int{100_000: 3, arenaHalf/feedShare + 1: 2} { // two were sent before any has ended
		if _, err := returns.Apply(t.Context(), p, nil); err != nil {
			t.Fatal(err)
		}
		l := p.seats[0].link.Load()
		l.mu.Lock()
		before := l.sent
		l.target = 1
		l.mu.Unlock()
		sink := &sentBefore{pool: p, sent: make([]int, 0, 4), ended: make(chan struct{})}
		j := returns.newJob(t.Context(), p, false)
		j.sink, j.borrows = sink, true
		tasks := make([]task, cap(sink.sent))
		for i := range tasks {
			tasks[i] = task{job: j, index: i, arg: make([]byte, size), raw: true}
		}
		if err := p.submit(t.Context(), tasks); err != nil {
			t.Fatal(err)
		}
		if <-sink.ended; sink.err != nil || sink.sent[0]-before != ahead {
			t.Errorf("of %d bytes: %d tasks were sent, and not %d, when the first had ended: %v", size, sink.sent[0]-before, ahead, sink.err)
		}
	}
}

// outgrown is a sink that has its pool's worker be due at an outcome, and of each one waits for the next to be there.
type outgrown struct {
	pool  *Pool
	first *link
	at    int
	seen  int
	late  int // outcomes of the first worker after it was due
	err   error
	left  int
	ended chan struct{}
}

func (s *outgrown) settle(_ int, o outcome) {
	l := s.pool.seats[0].link.Load()
	s.err = errors.Join(s.err, o.err)
	if s.left--; s.left == 0 {
		close(s.ended)
	}
	if l != s.first {
		return
	}
	switch s.seen++; {
	case s.seen == s.at:
		l.outgrow()
	case s.seen > s.at:
		s.late++
	}
	for l.busy() && !l.shared.resultsWait() && l.process.ExitCode() < 0 && l.process.Signal() == 0 {
		runtime.Gosched()
	}
}

// A worker that always has the next large result ready when one was taken is replaced when it is due.
func TestWorkerThatIsAheadOfItsLinkIsReplaced(t *testing.T) {
	if arenaHalf == 0 {
		t.Skip("there are no arenas here")
	}
	p, err := New(t.Context(), &Options{Workers: 1, Spares: 1, MaxAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := returns.Apply(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
	for p.successorsReady.Load() == 0 && t.Context().Err() == nil {
		runtime.Gosched()
	}
	sink := &outgrown{pool: p, first: p.seats[0].link.Load(), at: 5, left: 400, ended: make(chan struct{})}
	j := returns.newJob(t.Context(), p, false)
	j.sink, j.borrows = sink, true
	tasks, arg := make([]task, sink.left), make([]byte, 100_000)
	for i := range tasks {
		tasks[i] = task{job: j, index: i, arg: arg, raw: true}
	}
	if err := p.submit(t.Context(), tasks); err != nil {
		t.Fatal(err)
	}
	if <-sink.ended; sink.err != nil || sink.late > 100 { // it has been sent some ahead
		t.Errorf("a worker ended %d tasks after it was due: %v", sink.late, sink.err)
	}
}
