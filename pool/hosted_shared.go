package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/tinylib/msgp/msgp"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// SharedResult is the result to come of a task of a hosted pool, as a shared object: it may be part of any value that
// goes to another process, which can wait for it there. The task is cancelled when nobody refers to the result any more:
// when all handles are closed, or the processes that had them have died. It does not keep the pool: with the pool's last
// handle, what has not ended fails with ErrClosed, and what has ended can still be taken. It is safe for concurrent use.
//
// The errors of its calls wrap manager.ErrManagerLost, manager.ErrClosed for a handle that was closed, or ctx's cause.
type SharedResult[R any] struct {
	proxy *manager.Proxy
}

// SharedIterator yields the results of many tasks of a hosted pool to any number of processes, each result to one of
// them. What is said of SharedResult holds here: it travels, it does not keep the pool, and it is safe for concurrent use.
type SharedIterator[R any] struct {
	proxy *manager.Proxy
}

// ApplyShared submits one task to a hosted pool and returns its result to come as a shared object. It blocks while the
// pool's queue is full, at most until ctx ends, which has no influence on the task afterwards. The caller closes the result.
// Errors: as ApplyAsync's.
func (f *Function[A, R]) ApplyShared(ctx context.Context, h *Hosted, arg A) (*SharedResult[R], error) {
	p, err := f.share(ctx, h, []A{arg}, modeOrdered)
	if err != nil {
		return nil, err
	}
	return &SharedResult[R]{p}, nil
}

// IMapShared submits a task for each input to a hosted pool and returns a shared object that yields the results in the
// inputs' order. Otherwise it is as ApplyShared: when it returns, this process is not needed any more. When one input cannot
// be encoded, or is too large, none is submitted. IMapSharedSeq is for more inputs than should be in memory.
func (f *Function[A, R]) IMapShared(ctx context.Context, h *Hosted, inputs []A) (*SharedIterator[R], error) {
	p, err := f.share(ctx, h, inputs, modeOrdered)
	if err != nil {
		return nil, err
	}
	return &SharedIterator[R]{p}, nil
}

// IMapSharedUnordered is IMapShared with the results in the order in which tasks end.
func (f *Function[A, R]) IMapSharedUnordered(ctx context.Context, h *Hosted, inputs []A) (*SharedIterator[R], error) {
	p, err := f.share(ctx, h, inputs, 0)
	if err != nil {
		return nil, err
	}
	return &SharedIterator[R]{p}, nil
}

// share submits tasks whose outcomes stay in the manager, in as many messages as they need.
func (f *Function[A, R]) share(ctx context.Context, h *Hosted, inputs []A, mode uint8) (*manager.Proxy, error) {
	if err := f.admissible(ctx, h); err != nil {
		return nil, err
	}
	a, err := h.use().attach(ctx)
	if err != nil {
		return nil, err
	}
	w := &feeder{hosting: h.use(), attached: a, job: f.newJob(ctx, h, false), number: h.use().number()}
	w.changed.L = &w.mu
	all := make([]input, 0, len(inputs))
	defer func() { w.release(all) }()
	tasks := make([]task, 0, len(inputs))
	for index := range inputs {
		encoded, err := encode(ctx, w.job, f.codecs.args, index, nil, &inputs[index])
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, task{job: w.job, index: index, arg: encoded})
		all = append(all, input{task: tasks[index]})
	}
	n := a.fitting(tasks)
	if n < len(tasks) {
		mode |= modeOpen
	}
	p, err := a.proxy.InvokeProxy(ctx, methodShare, appendSubmission(w.job, w.number, mode, tasks[:n]))
	if err != nil || mode&modeOpen == 0 {
		return p, fromHost(err)
	}
	for rest := all[n:]; len(rest) > 0; rest = rest[n:] {
		n = a.fitting(tasks[len(tasks)-len(rest):])
		if err := w.tell(ctx, modeOpen, rest[:n]); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	if _, err := a.proxy.Invoke(ctx, methodEndFeed, appendEndOfFeed(w.number, nil)); err != nil {
		return nil, errors.Join(fromHost(err), p.Close())
	}
	return p, nil
}

// Get blocks until the result is there, and returns it; or until ctx ends, and returns its cause: the task goes on then,
// and Get may be called again, here and elsewhere. Errors: as Apply's; manager.ErrManagerLost; manager.ErrClosed.
func (r *SharedResult[R]) Get(ctx context.Context) (R, error) {
	result, err := askOutcome[R](ctx, r.proxy, methodGet)
	if err == nil {
		err = result.Err
	}
	return result.Value, err
}

// Ready reports whether the result is there. It blocks until the manager has answered or ctx ends.
func (r *SharedResult[R]) Ready(ctx context.Context) (bool, error) {
	reply, err := r.proxy.Invoke(ctx, methodReady, nil)
	if err != nil {
		return false, fromHost(err)
	}
	in := newReader(reply)
	return in.Bool(), in.End()
}

// Cancel ends the task if it has not ended, as AsyncResult.Cancel does, for all who wait for it. It blocks until the
// manager has answered or ctx ends.
func (r *SharedResult[R]) Cancel(ctx context.Context) error {
	_, err := r.proxy.Invoke(ctx, methodCancel, nil)
	return fromHost(err)
}

// Close lets go of the handle. It does not block, always returns nil, and may be called more than once.
func (r *SharedResult[R]) Close() error { return r.proxy.Close() }

// MarshalMsg appends the result's token. It is called by encodings.
func (r *SharedResult[R]) MarshalMsg(dst []byte) ([]byte, error) { return r.proxy.MarshalMsg(dst) }

// UnmarshalMsg makes r a handle of the result whose token src begins with. It is called by decodings, and blocks as
// manager.Proxy's does.
func (r *SharedResult[R]) UnmarshalMsg(src []byte) (rest []byte, err error) {
	r.proxy, rest, err = adoptShared(r.proxy, src)
	return rest, err
}

// Next blocks until the next result is there, and returns it: a task's own error is in Result.Err. At the end the error
// is io.EOF. When ctx ends first the error is its cause, and Next may be called again. A result that is on its way to a
// process that dies is gone with it. An input that was not read to its end is an error that wraps [ErrCutShort].
func (it *SharedIterator[R]) Next(ctx context.Context) (Result[R], error) {
	return askOutcome[R](ctx, it.proxy, methodNext)
}

// All yields the results that this process gets, until there are no more, and an error of Next.
func (it *SharedIterator[R]) All(ctx context.Context) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for {
			result, err := it.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(result.Value, err)
				return
			}
			if !yield(result.Value, result.Err) {
				return
			}
		}
	}
}

// Cancel ends the tasks that have not ended. It blocks until the manager has answered or ctx ends.
func (it *SharedIterator[R]) Cancel(ctx context.Context) error {
	_, err := it.proxy.Invoke(ctx, methodCancel, nil)
	return fromHost(err)
}

// Close lets go of the handle. It does not block, always returns nil, and may be called more than once.
func (it *SharedIterator[R]) Close() error { return it.proxy.Close() }

// MarshalMsg appends the iterator's token. It is called by encodings.
func (it *SharedIterator[R]) MarshalMsg(dst []byte) ([]byte, error) { return it.proxy.MarshalMsg(dst) }

// UnmarshalMsg makes it a handle of the iterator whose token src begins with. It is called by decodings, and blocks as
// manager.Proxy's does.
func (it *SharedIterator[R]) UnmarshalMsg(src []byte) (rest []byte, err error) {
	it.proxy, rest, err = adoptShared(it.proxy, src)
	return rest, err
}

// adoptShared decodes a proxy in place of an earlier one.
func adoptShared(before *manager.Proxy, src []byte) (*manager.Proxy, []byte, error) {
	p := new(manager.Proxy)
	rest, err := p.UnmarshalMsg(src)
	if err != nil {
		return before, src, err
	}
	if got := p.Token().Type; got != sharedType {
		return before, src, errors.Join(fmt.Errorf("pool: %w: a proxy for %s where a result should be", wire.ErrMalformed, got), p.Close())
	}
	return p, rest, before.Close()
}

// askOutcome asks for one outcome.
func askOutcome[R any](ctx context.Context, p *manager.Proxy, method string) (result Result[R], err error) {
	result.Index = -1
	codec, err := wire.CodecOf[R]()
	if err != nil {
		return result, err
	}
	own, err := p.Manager()
	if err != nil {
		return result, err
	}
	reply, err := p.Invoke(ctx, method, msgp.AppendInt64(nil, own.MaxMessage()))
	if err != nil {
		return result, fromHost(err)
	}
	if len(reply) == 0 {
		return result, io.EOF
	}
	in := newReader(reply)
	in.Array()
	_, index, o := in.outcome()
	if err := in.End(); err != nil {
		return result, errors.Join(errHostedMessage, err)
	}
	result.Index = index
	result.Value, result.Err = decode(codec, o)
	if method == methodNext && codec.MayHoldProxy() && o.err == nil && holdsForeign(p, o.value) {
		// The proxies are here: the manager need not keep them any more. It does at the latest until the session ends.
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
		defer stop()
		_, _ = p.Invoke(ctx, methodTaken, msgp.AppendInt(nil, index))
	}
	return result, nil
}

// holdsForeign reports whether there are proxies of other managers than p's in an encoded value.
func holdsForeign(p *manager.Proxy, encoded []byte) bool {
	tokens, err := wire.FindTokens(encoded)
	here := p.Token().Address
	return err == nil && slices.ContainsFunc(tokens, func(t wire.Token) bool { return t.Address != here })
}
