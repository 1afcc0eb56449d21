package pool

import (
	"bytes"
	"context"
	"encoding/binary"
	stdsync "sync"
	"sync/atomic"

	"github.com/tinylib/msgp/msgp"

	"github.com/multiproc-go/multiproc/wire"

	"github.com/multiproc-go/multiproc/spawn"
)

// WithTrace returns a context with a trace context of W3C's form: the values of the headers traceparent and tracestate,
// which may be empty. What is called with it, in any kind of pool, gets it in the task's context; see Trace. The values are
// passed on as they are. It does not block.
func WithTrace(ctx context.Context, traceparent, tracestate string) context.Context {
	tracing.Store(true)
	return context.WithValue(ctx, traceKey{}, traceContext{traceparent, tracestate})
}

// Trace returns the trace context of ctx: in a task, that of the context with which its caller called the function. Both are
// empty when there is none.
func Trace(ctx context.Context) (traceparent, tracestate string) {
	t, _ := ctx.Value(traceKey{}).(traceContext)
	return t.parent, t.state
}

// Propagator carries what belongs to a context and is to follow it into another process, as OpenTelemetry's
// propagation.TextMapPropagator does: whose MapCarrier is the carrier's type here, so that an adapter has two methods of one
// line each (see the example of RegisterPropagator). Its methods must be safe for concurrent use and not block.
type Propagator interface {
	// Inject writes what belongs to ctx into the carrier, which it does not keep.
	Inject(ctx context.Context, carrier map[string]string)
	// Extract returns ctx with what is in the carrier, which it does not keep.
	Extract(ctx context.Context, carrier map[string]string) context.Context
}

// RegisterPropagator has p called for every context with which a function is called, in the calling process, and for the
// context of every task to which that gave anything, in the worker. Call it while packages initialise, as in an init
// function: the worker needs the propagator too, and a value in Options would not reach it. What it gives for one call may
// be 16 KiB; more is not carried. RegisterPropagator panics when it is called later, or a second time.
//
// Without a propagator, or WithTrace, tasks carry nothing and are not slower for it.
func RegisterPropagator(p Propagator) {
	spawn.MustRegister("pool.RegisterPropagator")
	if p == nil {
		panic("pool.RegisterPropagator: the propagator is nil")
	}
	if !propagator.CompareAndSwap(nil, &p) {
		panic("pool.RegisterPropagator: there is a propagator already; register one that calls both")
	}
	tracing.Store(true)
}

// tracing is false as long as no context in this process can have anything to carry.
var tracing atomic.Bool

var propagator atomic.Pointer[Propagator]

type traceKey struct{}

type traceContext struct{ parent, state string }

const (
	headerTraceparent = "traceparent"
	headerTracestate  = "tracestate"
	largestTrace      = 16 << 10 // encoded, in bytes
	traceSize         = 4        // of its length, which stands before it
)

// carriers are empty: most contexts have nothing to carry.
var carriers = stdsync.Pool{New: func() any { return map[string]string{} }}

// injectTrace encodes what is to follow ctx into a worker: nil for nothing.
func injectTrace(ctx context.Context) []byte {
	if !tracing.Load() {
		return nil
	}
	carrier := carriers.Get().(map[string]string)
	defer func() {
		clear(carrier)
		carriers.Put(carrier)
	}()
	if parent, state := Trace(ctx); parent != "" {
		carrier[headerTraceparent] = parent
		if state != "" {
			carrier[headerTracestate] = state
		}
	}
	if p := propagator.Load(); p != nil {
		(*p).Inject(ctx, carrier)
	}
	if len(carrier) == 0 {
		return nil
	}
	if encoded := msgp.AppendMapStrStr(nil, carrier); len(encoded) <= largestTrace {
		return encoded
	}
	return nil
}

// extractTrace returns ctx with what injectTrace has encoded. It ignores what is no trace.
func extractTrace(ctx context.Context, encoded []byte) context.Context {
	r := wire.NewReader(encoded)
	carrier := map[string]string{}
	for left := r.Map(); left > 0 && r.Err() == nil; left-- {
		key := r.Text()
		carrier[key] = r.Text()
	}
	if r.Err() != nil {
		return ctx
	}
	if parent := carrier[headerTraceparent]; parent != "" {
		ctx = WithTrace(ctx, parent, carrier[headerTracestate])
	}
	if p := propagator.Load(); p != nil {
		ctx = (*p).Extract(ctx, carrier)
	}
	return ctx
}

// trace is what follows the job's context, nil for nothing.
func (j *job) trace() []byte {
	if o := j.observed.Load(); o != nil {
		return o.trace
	}
	return nil
}

// carry gives a job in a manager the trace of its submission.
func (j *job) carry(trace []byte) {
	if trace != nil && len(trace) <= largestTrace {
		j.observed.Store(&observation{trace: bytes.Clone(trace)})
	}
}

// putTrace writes a trace to the beginning of a task's record, and returns how many bytes that took.
func putTrace(room, trace []byte) int {
	binary.NativeEndian.PutUint32(room, uint32(len(trace)))
	return traceSize + copy(room[traceSize:], trace)
}

// traceRoom is how many bytes a trace takes in a task's record.
func traceRoom(trace []byte) int {
	if trace == nil {
		return 0
	}
	return traceSize + len(trace)
}

// cutTrace returns the context of a task whose record begins with a trace, and the rest of the record.
func cutTrace(ctx context.Context, arg []byte) (context.Context, []byte, error) {
	if len(arg) < traceSize {
		return nil, nil, errCorrupt
	}
	size, arg := binary.NativeEndian.Uint32(arg), arg[traceSize:]
	if uint64(size) > uint64(len(arg)) {
		return nil, nil, errCorrupt
	}
	return extractTrace(ctx, arg[:size]), arg[size:], nil
}
