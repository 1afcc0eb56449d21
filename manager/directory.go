package manager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"syscall"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/wire"
)

// A register is what a process knows of managers: the sessions it has, the servers in it, and how to reach others.
type register struct {
	mu          sync.Mutex         // guards the fields below
	servers     map[string]*Server // by address, as the rest
	links       map[string][]*link // sessions by address, the oldest first: a decoded proxy belongs to the first
	opening     map[string]*opening
	credentials map[string]*knownCredential
	lasting     map[*link]*finalize.Finalizer // sessions that decoding has opened
}

// directory is the process's register.
var directory = &register{
	servers: map[string]*Server{}, links: map[string][]*link{}, opening: map[string]*opening{},
	credentials: map[string]*knownCredential{}, lasting: map[*link]*finalize.Finalizer{},
}

// An opening is a session that is being opened because a proxy arrived.
type opening struct {
	done chan struct{} // closed when link or err is set
	link *link
	err  error
}

// A knownCredential is one that a Manager was opened with, that a Server here has, or that this process has inherited.
type knownCredential struct {
	credential
	users int // Managers and Servers that are open; an inherited one has one more for ever
}

func (r *register) enterServer(s *Server) {
	r.learn(s.Address(), s.credential())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.servers[s.Address()] = s
}

func (r *register) leaveServer(s *Server) {
	r.forget(s.Address())
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.servers[s.Address()] == s {
		delete(r.servers, s.Address())
	}
}

func (r *register) enterLink(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.links[l.address] = append(r.links[l.address], l)
}

func (r *register) leaveLink(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := slices.DeleteFunc(r.links[l.address], func(other *link) bool { return other == l })
	if len(left) == 0 {
		delete(r.links, l.address)
		return
	}
	r.links[l.address] = left
}

// learn notes how to reach a manager. forget undoes it once.
func (r *register) learn(address string, c credential) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.credentials[address]
	if known == nil {
		known = &knownCredential{}
		r.credentials[address] = known
	}
	known.credential = c
	known.users++
}

func (r *register) forget(address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.credentials[address]; known != nil {
		if known.users--; known.users == 0 {
			delete(r.credentials, address)
		}
	}
}

// liveLocked returns a session with the manager at an address.
func (r *register) liveLocked(address string) *link {
	for _, l := range r.links[address] {
		if l.alive() {
			return l
		}
	}
	return nil
}

// lender returns the session through which a message has come with a reference to an object, made a handle; or nil. Of
// several it is the one with the latest, since messages are decoded when they have come.
func (r *register) lender(address string, id uint64) *link {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var latest *link
		var at uint64
		for _, l := range r.links[address] {
			if lent := l.lentAt(id); lent > at && l.alive() {
				latest, at = l, lent
			}
		}
		if latest == nil || latest.takeLent(id) {
			return latest
		}
	}
}

// link returns the session of this process with the manager at an address, which it opens if there is none. It blocks
// until then, or until ctx ends. Where nobody is at the address any more, the error wraps ErrManagerLost.
func (r *register) link(ctx context.Context, address string) (*link, error) {
	for {
		r.mu.Lock()
		if l := r.liveLocked(address); l != nil {
			r.mu.Unlock()
			return l, nil
		}
		o := r.opening[address]
		if o == nil {
			return r.openUnlocking(ctx, address)
		}
		r.mu.Unlock()
		select {
		case <-o.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("manager: connect to %s: %w", address, context.Cause(ctx))
		}
		// One that failed because its own context had ended says nothing about this one.
		if o.err == nil || !errors.Is(o.err, context.Canceled) && !errors.Is(o.err, context.DeadlineExceeded) {
			return o.link, o.err
		}
	}
}

// openUnlocking opens a session that lives as long as the process, and unlocks the register. Those that were lost since
// the last time are let go.
func (r *register) openUnlocking(ctx context.Context, address string) (*link, error) {
	lost := r.takeLostLocked()
	o := &opening{done: make(chan struct{})}
	r.opening[address] = o
	server, known := r.servers[address], r.credentials[address]
	r.mu.Unlock()
	for l, finalizer := range lost {
		finalizer.Cancel()
		_ = l.close() // it is lost already
	}
	if server != nil {
		o.link, o.err = server.connectLocally(ctx)
	} else {
		o.link, o.err = reach(ctx, address, known)
	}
	var finalizer *finalize.Finalizer
	if l := o.link; o.err == nil {
		finalizer = finalize.Register(finalize.PriorityManager, func(context.Context) error { return l.close() })
	}
	r.mu.Lock()
	if o.err == nil {
		r.lasting[o.link] = finalizer
	}
	delete(r.opening, address)
	r.mu.Unlock()
	close(o.done)
	return o.link, o.err
}

// takeLostLocked forgets those of the lasting sessions that have ended, and returns them.
func (r *register) takeLostLocked() map[*link]*finalize.Finalizer {
	var lost map[*link]*finalize.Finalizer
	for l, finalizer := range r.lasting {
		if l.alive() {
			continue
		}
		if lost == nil {
			lost = map[*link]*finalize.Finalizer{}
		}
		lost[l] = finalizer
		delete(r.lasting, l)
	}
	return lost
}

// destination is the address to connect to for that of a manager.
func (k *knownCredential) destination(address string) string {
	if k == nil || k.credential.route == "" {
		return address
	}
	return k.credential.route
}

// reach connects to the manager that a proxy names.
func reach(ctx context.Context, text string, known *knownCredential) (*link, error) {
	to, err := parseAddress(known.destination(text))
	if err != nil {
		return nil, fmt.Errorf("manager: a proxy: %w", err)
	}
	c := credential{key: programKey()}
	switch {
	case known != nil:
		c = known.credential
	case to.network != "unix":
		return nil, fmt.Errorf("manager: a proxy for an object at %s: this process has neither the key of that manager "+
			"nor a session with it: call Connect first", text)
	}
	o, err := (*Options)(nil).normalised()
	if err != nil {
		return nil, err
	}
	return dialAgain(ctx, to, c, &o)
}

// cutOffTries is how often a manager is dialled that cuts the handshake off: one that dies does so once, and one that more dial
// than it attends to has time for others a moment later.
const cutOffTries = 3

// dialAgain is dial for a manager that has been there. Where nobody is any more, the error wraps ErrManagerLost.
func dialAgain(ctx context.Context, to address, c credential, o *Options) (l *link, err error) {
	for range cutOffTries {
		if l, err = dial(ctx, to, c, o); err == nil || !isCutOff(err) {
			break
		}
	}
	if err != nil && !errors.Is(err, ErrManagerLost) && (isCutOff(err) || isNobody(err)) {
		err = fmt.Errorf("%w: %w", ErrManagerLost, err)
	}
	return l, err
}

// isNobody reports whether nobody listens where dial was to connect to.
func isNobody(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED)
}

// isCutOff reports whether the peer of a dial went away without a word.
func isCutOff(err error) bool {
	if errors.Is(err, wire.ErrAuthentication) {
		return false
	}
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, ErrManagerLost} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}
