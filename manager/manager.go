package manager

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// A Manager is a session with a manager, and, where Start has made it, the owner of the manager's process. It is safe
// for concurrent use.
//
// A Manager may be part of any value that goes to another process of the program. What is decoded there is a handle of
// that process's own session, which lasts as long as the process; it need not be closed.
type Manager struct {
	link    *link
	key     []byte
	entered string // the address that its credential is known under; "" for none
	owned   *ownedProcess

	borrowed bool // the session is another handle's, or the process's

	closing sync.Once
	closed  error
}

// Connect opens a session with a manager that runs already, of this program or another. o may be nil; its Key and
// Security have to be the manager's. It blocks until the session is open, at most until ctx ends, which has no influence
// on the session afterwards. The caller closes the Manager. Errors wrap wire.ErrAuthentication, wire.ErrPeerUser, ctx's
// cause, or are the network's.
func Connect(ctx context.Context, address string, o *Options) (*Manager, error) {
	options, err := o.normalised()
	if err != nil {
		return nil, err
	}
	to, err := parseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("manager: connect: %w", err)
	}
	c := credential{to.String(), options.Key, options.Security, options.InsecureTCP}
	if c.key == nil {
		c.key = programKey()
	}
	return connect(ctx, to, c, &options)
}

func connect(ctx context.Context, to address, c credential, o *Options) (*Manager, error) {
	l, err := dial(ctx, to, c, o)
	if err != nil {
		return nil, err
	}
	directory.learn(l.address, c)
	return &Manager{link: l, key: c.key, entered: l.address}, nil
}

// Address is where clients find the manager, in the form that Connect takes, as the manager itself says.
func (m *Manager) Address() string { return m.link.address }

// MaxMessage is how large the argument of a call may be, in bytes: what the manager takes and what this session sends,
// whichever is less. A larger one is refused before it is sent, with an error that wraps wire.ErrFrameTooLarge.
func (m *Manager) MaxMessage() int64 { return m.link.maxMessage }

// Key returns the key that clients have to have, or nil where this handle came with a message. It must not be changed.
func (m *Manager) Key() []byte { return m.key }

// Process returns the manager's process, or nil if Start has not made this Manager.
func (m *Manager) Process() *spawn.Process {
	if m.owned == nil {
		return nil
	}
	return m.owned.process
}

// Lost returns a channel that is closed when the session has ended, for whatever reason: no call succeeds any more, and
// what was held through it is not.
func (m *Manager) Lost() <-chan struct{} { return m.link.caller.Lost() }

// Ping asks the manager for an answer, and blocks until that has come or ctx ends. Its errors are those of every call:
// they wrap ErrManagerLost, ErrClosed, or ctx's cause.
func (m *Manager) Ping(ctx context.Context) error {
	_, err := m.link.call(ctx, serverObject, methodPing, nil)
	return err
}

// NumberOfObjects returns how many objects the manager has, after this session has let go of what was closed. It
// blocks and fails as Ping does.
func (m *Manager) NumberOfObjects(ctx context.Context) (int, error) {
	if err := m.link.settle(ctx); err != nil {
		return 0, err
	}
	reply, err := m.link.call(ctx, serverObject, methodCount, nil)
	if err != nil {
		return 0, err
	}
	return decode[int](reply.Payload)
}

// Info returns what the manager tells of its sessions and objects, after this session has let go of what was closed. It
// blocks and fails as Ping does.
func (m *Manager) Info(ctx context.Context) (*Info, error) {
	if err := m.link.settle(ctx); err != nil {
		return nil, err
	}
	reply, err := m.link.call(ctx, serverObject, methodInfo, nil)
	if err != nil {
		return nil, err
	}
	info, err := decode[Info](reply.Payload)
	if err != nil {
		return nil, err
	}
	return &info, nil
}

// Wait blocks until the manager has ended, or ctx. It returns nil for a process that was shut down or exited with
// status 0, a *spawn.ExitError for one that was not, or ctx's cause. A Manager without a process waits for the end of
// the session, and returns nil then.
func (m *Manager) Wait(ctx context.Context) error {
	if m.owned != nil {
		return m.owned.wait(ctx)
	}
	select {
	case <-m.Lost():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("manager: wait: %w", context.Cause(ctx))
	}
}

// Shutdown ends the manager, for all its clients. The owner of the process asks it to end, then terminates it, then kills
// it, and all at once when ctx ends; any other client asks and waits for the end of its session, or of ctx. It blocks until
// then. It returns nil if the manager has ended, or had before, and closes m.
func (m *Manager) Shutdown(ctx context.Context) error {
	if m.owned != nil {
		return errors.Join(m.owned.shutdown(ctx), m.closeSession())
	}
	_, err := m.link.call(ctx, serverObject, methodTerminate, nil)
	if errors.Is(err, ErrManagerLost) {
		err = nil
	}
	if err == nil {
		err = m.Wait(ctx)
	}
	if errors.Is(err, ErrClosed) {
		return nil
	}
	return errors.Join(err, m.closeSession())
}

// Close ends the session: the manager drops its references, holds and waits, and proxies of it fail with ErrClosed.
// Where Start has made the Manager, its process is killed with it, and Close blocks until that and all that it had started
// are gone; Shutdown is the gentle way. A handle that came with a message or from Proxy.Manager is only a view, and Close
// does nothing to it. Later calls return what the first did.
func (m *Manager) Close() error {
	var err error
	if m.owned != nil {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		err = m.owned.shutdown(ended)
	}
	return errors.Join(err, m.closeSession())
}

func (m *Manager) closeSession() error {
	m.closing.Do(func() {
		if m.borrowed {
			return
		}
		m.closed = m.link.close()
		if m.entered != "" {
			directory.forget(m.entered)
		}
	})
	return m.closed
}

// String names the manager.
func (m *Manager) String() string { return "manager at " + m.link.address }

// ObjectOptions are Create's. A nil *ObjectOptions is the zero value: an object without a name, which lives while
// somebody refers to it.
type ObjectOptions struct {
	// Name makes the object one that others find: Create with the same name, type, argument and options gives a proxy
	// for it, as long as it lives.
	Name string
	// Pinned keeps the object for the manager's whole life.
	Pinned bool
}

// Create makes a shared object of a registered type, whose factory gets the argument, and returns a proxy for it; or one
// for the object of the name, if there is one already. It blocks until then or until ctx ends. The caller closes the
// proxy. Errors wrap ErrNoSuchType, ErrExists, ErrManagerLost, ErrClosed or ctx's cause, or are what the factory
// returned, as a *wire.RemoteError.
func Create(ctx context.Context, m *Manager, typeName string, argument []byte, o *ObjectOptions) (*Proxy, error) {
	q := createRequest{Type: typeName, Argument: argument}
	if o != nil {
		q.Name, q.Pinned = o.Name, o.Pinned
	}
	l := m.link
	if tokens, err := findTokens(argument); err == nil && len(tokens) != 0 {
		defer l.drop(l.local(idsAt(l.address, tokens)))
	}
	reply, err := l.call(ctx, serverObject, methodCreate, encode(q))
	if err != nil {
		return nil, err
	}
	var t wire.Token
	if _, err := t.UnmarshalMsg(reply.Payload); err != nil {
		return nil, err
	}
	l.created(t.ID)
	return newProxy(l, t), nil
}

// managerType is the type in the token of a manager itself.
const managerType = "manager"

// MarshalMsg appends a token of the manager. It is called by encodings. The error wraps ErrManagerLost where the session is lost.
func (m *Manager) MarshalMsg(dst []byte) ([]byte, error) {
	if m.link == nil {
		return dst, errors.New("manager: a zero Manager cannot be sent")
	}
	if err := m.link.lost(); err != nil {
		return dst, fmt.Errorf("%s: %w", m, err)
	}
	return wire.AppendToken(dst, wire.Token{Type: managerType, Address: m.link.address}), nil
}

// UnmarshalMsg makes m a handle of this process's session with the manager that src begins with. It is called by
// decodings, and blocks no longer than 15 s if there is no session yet. Errors are those of Proxy.UnmarshalMsg.
func (m *Manager) UnmarshalMsg(src []byte) (rest []byte, err error) {
	var t wire.Token
	if rest, err = t.UnmarshalMsg(src); err != nil {
		return src, err
	}
	if t.ID != serverObject {
		return src, fmt.Errorf("manager: %w: a proxy where a manager should be", wire.ErrMalformed)
	}
	ctx, cancel := context.WithTimeout(context.Background(), decodeTimeout)
	defer cancel()
	if m.link, err = directory.link(ctx, t.Address); err != nil {
		return src, err
	}
	m.borrowed = true
	return rest, nil
}
