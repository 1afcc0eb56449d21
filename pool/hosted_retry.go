package pool

import (
	"errors"
	"math"
	"time"

	"github.com/tinylib/msgp/msgp"
)

// hostedRetry is the Retry that travels.
type hostedRetry struct {
	Attempts     int
	Initial, Max time.Duration
	Factor       float64
	On           []int
}

// travellingRetry returns what is to travel of a pool's policy, or what cannot.
func travellingRetry(r *Retry) (*hostedRetry, error) {
	if r == nil {
		return nil, nil
	}
	if r.If != nil {
		return nil, errors.New("pool: Retry.If is set; a function cannot be passed to a hosted pool: say it by On")
	}
	t := &hostedRetry{Attempts: r.Attempts, Initial: r.Initial, Max: r.Max, Factor: r.Factor}
	for _, kind := range r.On {
		t.On = append(t.On, int(kind))
	}
	return t, nil
}

func (t *hostedRetry) policy() *Retry {
	if t == nil {
		return nil
	}
	r := &Retry{Attempts: t.Attempts, Initial: t.Initial, Max: t.Max, Factor: t.Factor}
	for _, kind := range t.On {
		r.On = append(r.On, Outcome(kind))
	}
	return r
}

// appendPolicy appends whether a job's function was declared idempotent, and its own policy if it has one: an array of none,
// one or more elements.
func appendPolicy(dst []byte, j *job) []byte {
	r := j.retry
	switch {
	case !j.again:
		return msgp.AppendArrayHeader(dst, 0)
	case r == nil:
		return msgp.AppendBool(msgp.AppendArrayHeader(dst, 1), true)
	}
	dst = msgp.AppendArrayHeader(dst, uint32(4+len(r.On)))
	dst = msgp.AppendInt64(msgp.AppendInt64(msgp.AppendInt(dst, r.Attempts), int64(r.Initial)), int64(r.Max))
	dst = msgp.AppendUint64(dst, math.Float64bits(r.Factor))
	for _, kind := range r.On {
		dst = msgp.AppendUint8(dst, uint8(kind))
	}
	return dst
}

// policy reads what appendPolicy wrote.
func (r *reader) policy() (again bool, own *Retry, err error) {
	fields := r.Array()
	switch fields {
	case 2, 3:
		return false, nil, errHostedMessage
	case 0:
		return false, nil, nil
	case 1:
		return r.Bool(), nil, nil
	}
	own = &Retry{
		Attempts: r.Int(), Initial: time.Duration(r.Int64()), Max: time.Duration(r.Int64()),
		Factor: math.Float64frombits(r.Uint()),
	}
	for left := fields - 4; left > 0 && r.Err() == nil; left-- {
		own.On = append(own.On, Outcome(min(r.Uint(), math.MaxUint8)))
	}
	if err := own.validate("WithRetry"); err != nil || r.Err() != nil {
		return false, nil, errors.Join(err, r.Err())
	}
	return true, own.complete(), nil
}

// policyIn returns when the submission's tasks are run again in a pool.
func (s *submission) policyIn(p *Pool) *Retry {
	if s.again && s.retry == nil {
		return p.options.Retry
	}
	return s.retry
}
