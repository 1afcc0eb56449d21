package manager

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// A Proxy refers to a shared object, and keeps it alive. Close lets go; where that is forgotten, the garbage collector
// does it some time. Copies of a Proxy are one reference, which the first Close ends; Clone makes another. The zero
// Proxy refers to nothing.
//
// A Proxy may be part of any value that goes to another process: of a process's argument, of a task's argument or result,
// and of what is stored in a shared object of the same manager. What is decoded there is a proxy of its own. In a value of
// type any, proxies of all types arrive as a *Proxy, which As makes one of its type of.
//
// A Proxy is safe for concurrent use.
type Proxy struct {
	handle *handle
}

// A handle is one reference, which copies of a Proxy share.
type handle struct {
	link    *link
	token   wire.Token
	closed  atomic.Bool
	cleanup runtime.Cleanup
	memo    atomic.Pointer[any] // the holding's, once somebody wanted it
}

// newProxy makes a proxy of a handle that was counted already.
func newProxy(l *link, t wire.Token) *Proxy {
	h := &handle{link: l, token: t}
	h.cleanup = runtime.AddCleanup(h, func(id uint64) { l.drop([]uint64{id}) }, t.ID)
	return &Proxy{h}
}

// Token names the object. It is zero for the zero Proxy.
func (p *Proxy) Token() wire.Token {
	if p == nil || p.handle == nil {
		return wire.Token{}
	}
	return p.handle.token
}

// Invoke calls a method with an encoded argument and returns the encoded result: it is what typed proxies are made of.
// It blocks until the object answers. When ctx ends first, the object is asked to give up, and what it says counts:
// something that was carried out in spite of it is returned with a nil error. argument must not change until then.
//
// What the method itself returned as an error is a *wire.RemoteError. Other errors wrap ctx's cause, when nothing was
// carried out; ErrManagerLost or ErrClosed, which leave that open; ErrNoSuchMethod; or wire.ErrFrameTooLarge.
func (p *Proxy) Invoke(ctx context.Context, method string, argument []byte) ([]byte, error) {
	h, err := p.use()
	if err != nil {
		return nil, err
	}
	reply, err := h.link.invoke(ctx, h.token.ID, method, argument)
	runtime.KeepAlive(h)
	if err != nil {
		return nil, err
	}
	return reply.Payload, nil
}

// Memo returns what this process keeps of the object, which fresh makes when it is wanted for the first time: one value
// for all proxies of one session, which is gone when the last of them is. It does not block, and fresh must not. The errors
// are those for a proxy that was closed, or is the zero Proxy.
func (p *Proxy) Memo(fresh func() any) (any, error) {
	h, err := p.use()
	if err != nil {
		return nil, err
	}
	if memo := h.memo.Load(); memo != nil {
		return *memo, nil
	}
	memo := h.link.memo(h.token.ID, fresh)
	h.memo.Store(&memo)
	return memo, nil
}

// memo returns what is kept of an object that this process has a handle to.
func (l *link) memo(id uint64, fresh func() any) any {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.held.get(id)
	if h == nil { // the last handle was closed meanwhile
		return fresh()
	}
	if h.memo == nil {
		h.memo = fresh()
	}
	return h.memo
}

// Tell calls a method that answers at once, for whose result nobody cares, with an encoded argument of at most 64 KiB that
// is the session's from then on. It travels with the next call of the session, just before it, or when the session is closed, and costs no round
// trip: it suits what need not be known earlier, and is forgotten when this process dies. It does not block. Errors wrap
// ErrManagerLost, ErrClosed or wire.ErrFrameTooLarge; what the method itself returns is not to be had.
func (p *Proxy) Tell(method string, argument []byte) error {
	h, err := p.use()
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(h)
	if err := h.link.caller.Tell(h.token.ID, method, argument); err != nil {
		return h.link.explain(err)
	}
	return nil
}

// Send is Tell that sends at once, and wakes the manager for it, without waiting for either.
func (p *Proxy) Send(method string, argument []byte) error {
	h, err := p.use()
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(h)
	if err := h.link.caller.Send(h.token.ID, method, argument); err != nil {
		return h.link.explain(err)
	}
	return nil
}

// Words returns the words that this process shares with the manager for the session, or nil as long as there are none, and
// for the zero Proxy. An object may have given some of them to this session (see [Session.Words]). It does not block.
func (p *Proxy) Words() *wire.Words {
	if p == nil || p.handle == nil {
		return nil
	}
	return p.handle.link.caller.Words()
}

// InvokeProxy is Invoke for a method whose result is a shared object (see [Request.ReturnObject]). The caller closes the
// proxy.
func (p *Proxy) InvokeProxy(ctx context.Context, method string, argument []byte) (*Proxy, error) {
	h, err := p.use()
	if err != nil {
		return nil, err
	}
	defer runtime.KeepAlive(h)
	reply, err := h.link.invoke(ctx, h.token.ID, method, argument)
	if err != nil {
		return nil, err
	}
	t, _, err := wire.ReadToken(reply.Payload)
	if err != nil {
		return nil, fmt.Errorf("manager: the result of %s is no proxy: %w", method, err)
	}
	if t.Address != h.link.address || !h.link.takeLent(t.ID) {
		return nil, fmt.Errorf("manager: the result of %s is no proxy of this manager's: %w", method, wire.ErrMalformed)
	}
	return newProxy(h.link, t), nil
}

// invoke calls a method, and keeps the objects alive whose proxies are in the argument or the result.
func (l *link) invoke(ctx context.Context, id uint64, method string, argument []byte) (wire.Reply, error) {
	if err := l.checkSize(method, argument); err != nil {
		return wire.Reply{}, err
	}
	var sent []uint64
	if tokens, err := findTokens(argument); err == nil && len(tokens) != 0 {
		sent = l.local(idsAt(l.address, tokens))
	}
	reply, err := l.caller.Call(ctx, id, method, argument)
	if len(sent) != 0 {
		l.drop(sent)
	}
	if err != nil {
		return reply, l.explain(err)
	}
	if tokens, err := findTokens(reply.Payload); err == nil && len(tokens) != 0 {
		l.borrowed(idsAt(l.address, tokens))
	}
	return reply, nil
}

// use returns the handle of a proxy that can be used.
func (p *Proxy) use() (*handle, error) {
	switch {
	case p == nil || p.handle == nil:
		return nil, errors.New("manager: the proxy refers to nothing: it is the zero Proxy")
	case p.handle.closed.Load():
		return nil, fmt.Errorf("manager: %s: %w", p, ErrClosed)
	}
	return p.handle, nil
}

// Methods returns what the object exposes. It blocks as Invoke does, and returns its errors.
func (p *Proxy) Methods(ctx context.Context) ([]string, error) {
	h, err := p.use()
	if err != nil {
		return nil, err
	}
	defer runtime.KeepAlive(h)
	reply, err := h.link.call(ctx, serverObject, methodMethods, encode(h.token.ID))
	if err != nil {
		return nil, err
	}
	return decode[[]string](reply.Payload)
}

// Value returns a copy of what the object holds, encoded. It blocks as Invoke does, and returns its errors;
// ErrNoSuchMethod where the object has no value.
func (p *Proxy) Value(ctx context.Context) ([]byte, error) { return p.Invoke(ctx, methodValue, nil) }

// Describe returns the object's own text, as its String method makes it. It blocks as Invoke does, and returns its
// errors.
func (p *Proxy) Describe(ctx context.Context) (string, error) {
	text, err := p.Invoke(ctx, methodDescribe, nil)
	if err != nil {
		return "", err
	}
	return decode[string](text)
}

// String names the proxy. It asks nobody; see Describe.
func (p *Proxy) String() string {
	t := p.Token()
	if t.ID == 0 {
		return "proxy for nothing"
	}
	return fmt.Sprintf("%s %d at %s", t.Type, t.ID, t.Address)
}

// Clone returns another reference to the same object, which the caller closes. It asks nobody. The error wraps ErrClosed,
// for a proxy that was closed.
func (p *Proxy) Clone() (*Proxy, error) {
	h, err := p.use()
	if err != nil {
		return nil, err
	}
	if len(h.link.local([]uint64{h.token.ID})) == 0 {
		return nil, fmt.Errorf("manager: %s: %w", p, ErrClosed)
	}
	runtime.KeepAlive(h)
	return newProxy(h.link, h.token), nil
}

// Equal reports whether both proxies refer to the same object.
func (p *Proxy) Equal(other *Proxy) bool { return p.Token() == other.Token() }

// Manager returns a handle of the session that the proxy uses, for making further objects next to this one. It need not
// be closed. It asks nobody. The error wraps ErrClosed, for a proxy that was closed, or says that it is the zero Proxy.
func (p *Proxy) Manager() (*Manager, error) {
	h, err := p.use()
	if err != nil {
		return nil, err
	}
	return &Manager{link: h.link, borrowed: true}, nil
}

// Lost returns a channel that is closed when the session has ended, and with it all that was held through it. For the
// zero Proxy it is nil.
func (p *Proxy) Lost() <-chan struct{} {
	if p == nil || p.handle == nil {
		return nil
	}
	return p.handle.link.caller.Lost()
}

// Close lets go of the reference. It does not wait for the manager, which is told soon, or when the session ends. Closing
// again does nothing; it always returns nil, and is there for io.Closer.
func (p *Proxy) Close() error {
	if p == nil || p.handle == nil || p.handle.closed.Swap(true) {
		return nil
	}
	p.handle.cleanup.Stop()
	p.handle.link.drop([]uint64{p.handle.token.ID})
	return nil
}

// MarshalMsg appends the object's token. It is called by encodings, and asks nobody. The error wraps ErrManagerLost for a proxy
// whose session is lost, ErrClosed for one that was closed, or says that it is the zero Proxy.
func (p *Proxy) MarshalMsg(dst []byte) ([]byte, error) {
	h, err := p.use()
	if err != nil {
		return dst, err
	}
	if err := h.link.lost(); err != nil {
		return dst, fmt.Errorf("manager: %s: %w", p, err)
	}
	h.link.keepEncoded(h)
	return wire.AppendToken(dst, h.token), nil
}

// decodeTimeout bounds what UnmarshalMsg may have to wait for.
const decodeTimeout = 15 * time.Second

// UnmarshalMsg makes p a proxy for the object whose token src begins with. It is called by decodings. It blocks, no longer
// than 15 s, if this process has no session with the manager, or has no reference yet and none came with the message.
// What p referred to before is closed. Errors wrap ErrManagerLost, also where nobody is at the manager's address any more;
// ErrNoSuchObject; or wire.ErrMalformed; or say why there can be no session.
func (p *Proxy) UnmarshalMsg(src []byte) (rest []byte, err error) {
	t, rest, err := wire.ReadToken(src)
	if err != nil {
		return src, err
	}
	if t.ID == serverObject {
		return src, fmt.Errorf("manager: %w: a manager where a proxy should be", wire.ErrMalformed)
	}
	ctx, cancel := context.WithTimeout(context.Background(), decodeTimeout)
	defer cancel()
	l := directory.lender(t.Address, t.ID)
	if l == nil {
		if l, err = directory.link(ctx, t.Address); err != nil {
			return src, err
		}
		if err := l.acquire(ctx, []uint64{t.ID}); err != nil {
			return src, fmt.Errorf("manager: a proxy for %s %d: %w", t.Type, t.ID, err)
		}
		l.arrived([]wire.Token{t})
	}
	t.Passage = 0
	err = p.Close()
	p.handle = newProxy(l, t).handle
	return rest, err
}

// As returns a proxy of a type of its own, as As[sync.Lock](p) or As[sync.List[int]](p), for the object that p refers to:
// for a proxy that came in a value of type any. It is another reference than p, to be closed for itself, and belongs to this
// process's oldest session with the manager, as what is decoded does: it does not block where p does too, and otherwise no longer
// than 15 s. The errors are those for a proxy that was closed, or is the zero Proxy, or whose manager is lost (ErrManagerLost), and
// that of T where the object is of another type. The types of elements are not checked: T must have those that the object was
// made with.
func As[T any, P interface {
	*T
	UnmarshalMsg(src []byte) (rest []byte, err error)
}](p *Proxy) (P, error) {
	encoded, err := p.MarshalMsg(nil)
	if err != nil {
		return nil, err
	}
	typed := P(new(T))
	if _, err := typed.UnmarshalMsg(encoded); err != nil {
		return nil, err
	}
	return typed, nil
}

// encodedGrace is how long an encoded proxy is kept at least: what carries the message takes a reference for it at
// once, but the garbage collector may be faster.
const encodedGrace = time.Second

// keepEncoded keeps a handle reachable for one to two graces.
func (l *link) keepEncoded(h *handle) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := len(l.encoded) - 1; last < 0 || l.encoded[last] != h {
		l.encoded = append(l.encoded, h)
	}
	if !l.fade {
		l.fade = true
		time.AfterFunc(encodedGrace, l.fadeEncoded)
	}
}

func (l *link) fadeEncoded() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fading, l.encoded = l.encoded, nil
	if l.fade = len(l.fading) != 0; l.fade {
		time.AfterFunc(encodedGrace, l.fadeEncoded)
	}
}
