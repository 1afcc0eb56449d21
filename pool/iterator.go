package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	stdsync "sync"
	"unsafe"

	"github.com/multiproc-go/multiproc/wire"
)

// Result is one outcome of an Iterator.
type Result[R any] struct {
	Index int   // position of the input
	Value R     // what the function returned; zero when Err is set
	Err   error // why the task failed
}

// Iterator yields the results of IMap or IMapUnordered. It is safe for concurrent use: each result goes to
// one caller of Next. It must be read to its end or closed; a loop over All or Results does that.
type Iterator[R any] struct {
	job     *job
	codec   *wire.Codec[R]
	ordered bool
	bytes   int64 // bound of undelivered bytes

	mu          stdsync.Mutex // guards the fields below
	ready       stdsync.Cond  // a result can be taken, or the end was reached
	room        stdsync.Cond  // more input may be read
	pending     []slot[R]     // ordered: results from index taken on; unordered: those that are there
	taken       int           // results handed out
	submitted   int           // inputs read
	undelivered int64         // encoded bytes of the results in pending
	exhausted   bool          // the input has ended
	closed      bool
	waiting     int // callers of Next that wait
	panicked    any // what the input sequence panicked with
	failure     error
	released    bool // the pool waits for this input no more
}

// slot holds a result until its turn.
type slot[R any] struct {
	Result[R]
	size  int64
	there bool
}

func (f *Function[A, R]) newIterator(ctx context.Context, p Runner, ordered bool) *Iterator[R] {
	j := f.newJob(ctx, p, false)
	it := &Iterator[R]{job: j, codec: f.codecs.results, ordered: ordered, bytes: p.settings().ResultBytes}
	it.ready.L, it.room.L = &it.mu, &it.mu
	it.job.sink = it
	return it
}

// iterate starts an Iterator. A pool that takes no tasks is told by the first Next.
func (f *Function[A, R]) iterate(ctx context.Context, p Runner, inputs iter.Seq2[A, error], ordered bool) *Iterator[R] {
	err := f.admissible(ctx, p)
	if err == nil {
		err = p.begin(ctx)
	}
	it := f.newIterator(ctx, p, ordered)
	if err != nil {
		it.failure, it.exhausted, it.released = err, true, true
		return it
	}
	it.job.watch()
	go f.pull(ctx, it, inputs) // ends with the input; one that blocks for ever is abandoned by Close
	return it
}

// pull reads inputs as fast as results are taken, and submits them one by one.
func (f *Function[A, R]) pull(ctx context.Context, it *Iterator[R], inputs iter.Seq2[A, error]) {
	var failure error = errGoexit // until another end is known
	defer func() { it.exhaust(failure, recover()) }()
	failure = f.pullAll(ctx, it, inputs)
}

const errGoexit = cutShortBy("it called runtime.Goexit")

// pullAll returns why the input was not read to its end, nil when it was or when nobody wants more.
func (f *Function[A, R]) pullAll(ctx context.Context, it *Iterator[R], inputs iter.Seq2[A, error]) error {
	var slab []byte
	arg := new(A)
	for input, err := range inputs {
		index, ok := it.next()
		if !ok {
			return cutShort(it.job.cause())
		}
		if err != nil {
			it.settle(index, outcome{kind: Failed, err: err})
			continue
		}
		if cap(slab)-len(slab) < 64 || cap(slab) > slabBytes { // one that grew holds something large
			slab = make([]byte, 0, slabBytes)
		}
		*arg = input
		t, encoded, err := f.encodeTask(ctx, it.job, index, slab, arg)
		if err != nil {
			it.settle(index, outcome{kind: Failed, err: err})
			continue
		}
		slab = encoded
		if err := it.job.pool.submitOne(ctx, t); err != nil {
			it.job.settle(index, outcome{kind: Cancelled, err: err})
			return cutShort(err)
		}
	}
	return cutShort(context.Cause(ctx)) // a sequence may end because ctx has
}

// slabBytes is the size of the buffers in which encoded arguments stand together.
const slabBytes = runBytes

func cutShort(cause error) error {
	if cause == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrCutShort, cause)
}

// next blocks until one more input may be submitted and returns its index, or false when none is wanted.
func (it *Iterator[R]) next() (int, bool) {
	it.mu.Lock()
	defer it.mu.Unlock()
	for !it.closed && it.job.cause() == nil && it.full() {
		it.room.Wait()
	}
	if it.closed || it.job.cause() != nil {
		return 0, false
	}
	index := it.submitted
	it.submitted++
	if it.ordered {
		it.pending = append(it.pending, slot[R]{})
	}
	return index, true
}

func (it *Iterator[R]) full() bool {
	return it.submitted-it.taken >= it.job.pool.readAhead() || it.undelivered > it.bytes
}

// settle takes the outcome of a task. It is called by links.
func (it *Iterator[R]) settle(index int, o outcome) {
	if o.err == nil && it.codec.MayHoldProxy() {
		kept := outcome{kind: o.kind, value: append([]byte(nil), o.value...)}
		it.job.pool.callback(func() { it.place(index, kept) })
		return
	}
	it.place(index, o)
}

func (it *Iterator[R]) place(index int, o outcome) {
	direct := o.err == nil && it.codec.Direct()
	s := slot[R]{Result: Result[R]{Index: index}, size: int64(len(o.value)), there: true}
	if !direct { // code of the user's must not run under the lock
		s.Value, s.Err = decode(it.codec, o)
	}
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.closed {
		return
	}
	it.undelivered += s.size
	at := index - it.taken
	if it.ordered {
		it.pending[at] = s
	} else {
		at = len(it.pending)
		it.pending = append(it.pending, s)
	}
	if direct {
		it.pending[at].Err = decodeInto(it.codec, o, &it.pending[at].Value)
	}
	if it.waiting > 0 && (at == 0 || !it.ordered) {
		it.ready.Signal()
	}
}

// settleRun is settle for many, in one piece.
func (it *Iterator[R]) settleRun(index, count int, run []byte) {
	direct := it.codec.Direct()
	var slots []slot[R]
	if !direct { // code of the user's must not run under the lock
		slots = make([]slot[R], count)
		it.decodeRun(slots, index, run)
	}
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.closed {
		return
	}
	at := index - it.taken
	if !it.ordered {
		at = len(it.pending)
		it.pending = slices.Grow(it.pending, count)[:at+count]
	}
	into := it.pending[at : at+count]
	if direct {
		clear(into)
		it.decodeRun(into, index, run)
	} else {
		copy(into, slots)
	}
	it.undelivered += int64(len(run))
	if it.waiting > 0 && (at == 0 || !it.ordered) {
		it.ready.Broadcast()
	}
}

// decodeRun makes slots of a run's results.
func (it *Iterator[R]) decodeRun(slots []slot[R], index int, run []byte) {
	for i := range slots {
		element, rest, failed, err := it.job.entry.resultPacking.cut(run)
		s := &slots[i]
		s.Index, s.there, s.size, s.Err = index+i, true, int64(len(run)-len(rest)), err
		switch {
		case err != nil:
		case failed:
			s.Err = failure(it.job, element).err
		case it.job.entry.resultPacking > 0:
			it.codec.CopyFixed(unsafe.Slice(&s.Value, 1), element)
		default:
			s.Err = decodeInto(it.codec, outcome{value: element}, &s.Value)
		}
		run = rest
	}
}

// exhaust marks the end of the input: why it came early, and what the sequence panicked with.
func (it *Iterator[R]) exhaust(failure error, panicked any) {
	it.mu.Lock()
	defer it.mu.Unlock()
	it.exhausted, it.panicked = true, panicked
	if panicked == nil {
		it.failure = failure
	}
	it.ready.Broadcast()
	it.releaseLocked()
}

// wake tells those who wait that the job was cancelled. An input that does not end by itself is abandoned.
func (it *Iterator[R]) wake() {
	it.mu.Lock()
	defer it.mu.Unlock()
	it.ready.Broadcast()
	it.room.Broadcast()
	it.releaseLocked()
}

// releaseLocked tells the pool, once, that no more input is to come.
func (it *Iterator[R]) releaseLocked() {
	if !it.released {
		it.released = true
		it.job.pool.end()
	}
}

// Next blocks until the next result is there, and returns it: a task's own error is in Result.Err. At the end
// the error is io.EOF. When ctx ends first the error is its cause, and Next may be called again. When the pool
// took no task at all, the error says why; when the input was not read to its end, because the context of all tasks
// ended or the pool was closed, the error wraps ErrCutShort. A panic of the input sequence is raised here, once what
// came before it has been taken.
func (it *Iterator[R]) Next(ctx context.Context) (Result[R], error) {
	if ctx.Done() != nil {
		unwatch := context.AfterFunc(ctx, func() {
			it.mu.Lock()
			defer it.mu.Unlock()
			it.ready.Broadcast()
		})
		defer unwatch()
	}
	it.mu.Lock()
	defer it.mu.Unlock()
	for {
		if result, ok := it.takeLocked(); ok {
			return result, nil
		}
		if err := it.endLocked(); err != nil {
			return Result[R]{}, err
		}
		if ctx.Err() != nil {
			return Result[R]{}, context.Cause(ctx)
		}
		it.waiting++
		it.ready.Wait()
		it.waiting--
	}
}

// takeLocked takes the next result that is there.
func (it *Iterator[R]) takeLocked() (Result[R], bool) {
	if it.closed || len(it.pending) == 0 || !it.pending[0].there {
		return Result[R]{}, false
	}
	s := it.pending[0]
	it.pending[0] = slot[R]{}
	it.pending = it.pending[1:]
	it.taken++
	it.undelivered -= s.size
	if !it.full() {
		it.room.Signal()
	}
	if it.waiting > 0 && (it.doneLocked() || len(it.pending) > 0 && it.pending[0].there) {
		it.ready.Broadcast()
	}
	return s.Result, true
}

func (it *Iterator[R]) doneLocked() bool { return it.exhausted && it.taken == it.submitted }

// endLocked returns why there will be no further result, nil while there may be one.
func (it *Iterator[R]) endLocked() error {
	switch {
	case it.closed:
		return io.EOF
	case it.taken < it.submitted:
		return nil
	case !it.exhausted:
		return cutShort(it.job.cause()) // of a cancelled job: what the input still holds is abandoned
	case it.panicked != nil:
		value := it.panicked
		it.panicked = nil
		panic(value)
	case it.failure != nil:
		return it.failure
	}
	it.job.finish()
	return io.EOF
}

// Results yields every result to the end, and closes the Iterator when the loop is left early. When the pool
// took no task at all, or the input was cut short, the last result carries the error, with Index -1.
func (it *Iterator[R]) Results() iter.Seq[Result[R]] {
	return func(yield func(Result[R]) bool) {
		defer it.Close()
		for {
			result, err := it.Next(context.Background())
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Result[R]{Index: -1, Err: err})
				return
			}
			if !yield(result) {
				return
			}
		}
	}
}

// All yields the value and error of every result to the end, and closes the Iterator when the loop is left
// early. An error that is not a task's, as Next has it, comes last: errors.Is tells ErrCutShort.
func (it *Iterator[R]) All() iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for result := range it.Results() {
			if !yield(result.Value, result.Err) {
				return
			}
		}
	}
}

// Close ends the Iterator: no more input is read, what has not ended is cancelled, and results that were not
// taken are dropped. It does not block, and may be called more than once.
func (it *Iterator[R]) Close() {
	it.mu.Lock()
	over := it.closed || it.doneLocked()
	it.closed = true
	it.ready.Broadcast()
	it.room.Broadcast()
	it.mu.Unlock()
	it.job.finish()
	if !over {
		it.job.cancel(errCancelled)
	}
}
