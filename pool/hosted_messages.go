package pool

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/multiproc-go/multiproc/wire"
)

// The types of a hosted pool's objects in a manager, and their methods.
const (
	hostedType     = "multiproc/pool.Pool"
	attachmentType = "multiproc/pool.attachment"
	sharedType     = "multiproc/pool.Result"

	methodAttach    = "Attach"
	methodStats     = "Stats"
	methodShutdown  = "Shutdown"
	methodTerminate = "Terminate"
	methodSettings  = "Settings"
	methodSubmit    = "Submit"
	methodTake      = "Take"
	methodTaken     = "Taken"
	methodCancel    = "Cancel"
	methodBegin     = "Begin"
	methodEnd       = "End"
	methodShare     = "Share"
	methodGet       = "Get"
	methodNext      = "Next"
	methodReady     = "Ready"
	methodFeed      = "Feed"
	methodEndFeed   = "EndFeed"
)

var errHostedMessage = errors.New("pool: malformed message of a hosted pool")

// An encoded value stands in a message as it is where it may hold proxies, so that whoever passes the message on finds
// their tokens, and otherwise as a byte string, which nobody needs to look into.
func appendEncoded(dst, encoded []byte, holds bool) []byte {
	if holds {
		return append(dst, encoded...)
	}
	return msgp.AppendBytes(dst, encoded)
}

// submission is tasks of one job on their way to a hosted pool.
type submission struct {
	job      uint64 // the attachment's number for it
	function string
	timeout  time.Duration // how long each may run; 0: for ever
	mode     uint8
	holds    bool   // the arguments may hold proxies
	trace    []byte // what follows the caller's context, nil for nothing
	tasks    []hostedTask
}

// taskRoom is what a task takes in a submission besides its argument, in bytes, at most.
const taskRoom = 14

type hostedTask struct {
	index int
	arg   []byte
}

// What a submission is, as a set.
const (
	modeSingle  = 1 << iota // its job has one task
	modeOrdered             // a shared job's outcomes have an order
	modeOpen                // of a shared job more tasks are to come
	modeFailed              // in place of arguments there are the errors with which their encoding failed
	modeTraced              // there is a trace before the tasks
	modeAll     = modeSingle | modeOrdered | modeOpen | modeFailed | modeTraced
)

func appendSubmission(j *job, number uint64, mode uint8, tasks []task) []byte {
	trace := j.trace()
	size := 64 + len(j.entry.name) + len(trace)
	fields := uint32(5 + 2*len(tasks))
	if mode &^= modeTraced; trace != nil {
		mode |= modeTraced
		fields++
	}
	for _, t := range tasks {
		size += len(t.arg) + taskRoom
	}
	dst := msgp.AppendArrayHeader(make([]byte, 0, size), fields)
	dst = msgp.AppendUint64(dst, number)
	dst = msgp.AppendString(dst, j.entry.name)
	dst = msgp.AppendInt64(dst, int64(j.timeout))
	holds := j.holds && mode&modeFailed == 0
	dst = msgp.AppendUint8(dst, mode)
	dst = msgp.AppendBool(dst, holds)
	if trace != nil {
		dst = msgp.AppendBytes(dst, trace)
	}
	for _, t := range tasks {
		dst = appendEncoded(msgp.AppendInt(dst, t.index), t.arg, holds)
	}
	return dst
}

func readSubmission(src []byte) (*submission, error) {
	r := newReader(src)
	s := &submission{}
	fields := r.Array()
	s.job, s.function, s.timeout = r.Uint(), r.Text(), time.Duration(r.Int64())
	mode := r.Uint()
	s.mode, s.holds = uint8(mode&modeAll), r.Bool()
	if s.mode&modeTraced != 0 {
		s.trace = r.Bytes()
		fields--
	}
	for left := (fields - 5) / 2; left > 0 && r.Err() == nil; left-- {
		t := hostedTask{index: r.Int()}
		t.arg = r.encoded(s.holds)
		s.tasks = append(s.tasks, t)
	}
	bad := mode > modeAll || s.mode&modeSingle != 0 && len(s.tasks) != 1 || s.mode&modeFailed != 0 && s.holds
	if err := r.End(); err != nil || fields < 5 || bad {
		return nil, errors.Join(errHostedMessage, err)
	}
	return s, nil
}

// The forms in which an outcome travels.
const (
	formValue  = iota
	formHolds  // a value that may hold proxies
	formFailed // the task's own error
	formLost   // a *WorkerLostError
	formPool   // an error of the pool itself
	formMemory // a *MemoryLimitError
)

// appendOutcome appends a job's number, the task's index, the form and what came of the task.
func appendOutcome(dst []byte, number uint64, index int, o outcome, holds bool) []byte {
	dst = msgp.AppendInt(msgp.AppendUint64(dst, number), index)
	dst = msgp.AppendUint8(dst, uint8(o.kind))
	var lost *WorkerLostError
	var excess *MemoryLimitError
	switch {
	case o.err == nil && holds:
		return append(msgp.AppendUint8(dst, formHolds), o.value...)
	case o.err == nil:
		return msgp.AppendBytes(msgp.AppendUint8(dst, formValue), o.value)
	case errors.As(o.err, &lost):
		return appendLost(msgp.AppendUint8(dst, formLost), lost)
	case errors.As(o.err, &excess):
		return appendExcess(msgp.AppendUint8(dst, formMemory), excess)
	case o.kind == Failed && errors.As(o.err, new(*RemoteError)):
		return msgp.AppendBytes(msgp.AppendUint8(dst, formFailed), wire.AppendError(nil, o.err))
	}
	return msgp.AppendBytes(msgp.AppendUint8(dst, formPool), wire.AppendError(nil, o.err))
}

// outcomeFields is how many values appendOutcome writes.
const outcomeFields = 5

func (r *reader) outcome() (number uint64, index int, o outcome) {
	number, index, o.kind = r.Uint(), r.Int(), Outcome(r.Uint())
	switch form := r.Uint(); form {
	case formValue, formHolds:
		o.value = r.encoded(form == formHolds)
	case formLost:
		o.err = r.lost()
	case formMemory:
		o.err = r.excess()
	case formFailed:
		o.err = r.failure(func(e *RemoteError) error { return e })
	default:
		o.err = r.failure(func(e *RemoteError) error { return &hostError{e} })
	}
	return number, index, o
}

func appendLost(dst []byte, e *WorkerLostError) []byte {
	dst = msgp.AppendArrayHeader(dst, 7)
	dst = msgp.AppendString(dst, e.Function)
	dst = msgp.AppendInt(dst, e.PID)
	dst = msgp.AppendInt(dst, e.ExitCode)
	dst = msgp.AppendInt(dst, int(e.Signal))
	dst = msgp.AppendString(dst, e.Crash)
	dst = msgp.AppendString(dst, e.Stderr)
	return msgp.AppendString(dst, e.Cause)
}

func (r *reader) lost() error {
	r.Array()
	return &WorkerLostError{
		Function: r.Text(), PID: r.Int(), ExitCode: r.Int(), Signal: syscall.Signal(r.Int()),
		Crash: r.Text(), Stderr: r.Text(), Cause: r.Text(),
	}
}

func appendExcess(dst []byte, e *MemoryLimitError) []byte {
	dst = msgp.AppendString(msgp.AppendArrayHeader(dst, 5), e.Function)
	dst = msgp.AppendInt64(msgp.AppendInt64(msgp.AppendInt(dst, e.PID), e.Used), e.Limit)
	return msgp.AppendString(dst, string(e.Mechanism))
}

func (r *reader) excess() error {
	r.Array()
	return &MemoryLimitError{
		Function: r.Text(), PID: r.Int(), Used: r.Int64(), Limit: r.Int64(), Mechanism: MemoryMechanism(r.Text()),
	}
}

// failure reads an error that AppendError has made.
func (r *reader) failure(as func(*RemoteError) error) error {
	failure, err := wire.DecodeError(r.encoded(false))
	if err != nil {
		return fmt.Errorf("pool: cannot decode an error: %w", err)
	}
	return as(failure)
}

// hostError is an error of a hosted pool, and not of a task, as it reached this process: errors.Is finds in it what it
// was there.
type hostError struct{ remote *RemoteError }

func (e *hostError) Error() string        { return e.remote.Message }
func (e *hostError) Is(target error) bool { return e.remote.Is(target) }

// A reader reads messages.
type reader struct{ wire.Reader }

func newReader(message []byte) *reader { return &reader{*wire.NewReader(message)} }

// encoded reads what appendEncoded wrote.
func (r *reader) encoded(holds bool) []byte {
	if holds {
		return r.Value()
	}
	return r.Bytes()
}
