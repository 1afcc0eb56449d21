package manager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// serverRole is the role of a manager's process.
const serverRole = "multiproc/manager"

func init() { spawn.RegisterRole(serverRole, runServer) }

// A setup is what a manager's process is told at its start.
type setup struct {
	Address        string
	Advertise      string
	Directory      string // of the socket, if it is to be removed with it
	Key            []byte
	Name           string
	Initializer    string
	Argument       []byte
	Security       string
	InsecureTCP    bool
	Grace          time.Duration
	TransitGrace   time.Duration
	Handshake      time.Duration
	MaxMessage     int64
	MaxCalls       int
	OutputLimit    int64
	VerdictTimeout time.Duration
	NoSharedMemory bool
}

// An ownedProcess is a manager's process as its owner sees it.
type ownedProcess struct {
	process   *spawn.Process
	folder    *wire.SocketFolder // of its socket, or nil
	socket    *namedSocket       // where the user has chosen its place, or nil
	finalizer *finalize.Finalizer
	cleaned   chan struct{} // closed when the process has ended and its folder and socket are removed
	problem   error         // of removing it
}

// Start starts a manager in a process of its own, and opens a session with it. o may be nil. It blocks until the manager
// serves, at most until ctx ends, which has no influence on it afterwards. It returns spawn.ErrNotInitialized where the
// program's main does not begin as package spawn asks, an error that names every fault of o, a *spawn.StartError, or what
// Connect would; then no process is left.
//
// The caller ends the manager by Shutdown or Close. What is left when the program ends is shut down by a finalizer of
// priority finalize.PriorityManager; a manager whose parent dies ends itself.
func Start(ctx context.Context, o *Options) (*Manager, error) {
	options, err := o.normalised()
	if err != nil {
		return nil, err
	}
	s := options.setup()
	owned := &ownedProcess{cleaned: make(chan struct{})}
	if s.Address == "" && !nameless {
		// It is the owner who makes it, so that it can be removed however the manager ends.
		if owned.folder, err = wire.NewSocketFolder(); err != nil {
			return nil, fmt.Errorf("manager: %w", err)
		}
		s.Address, s.Directory = socketIn(owned.folder).String(), owned.folder.Path()
	}
	owned.process, err = spawn.StartRole(ctx, serverRole, encode(s), nil, options.process())
	if err != nil {
		return nil, errors.Join(err, owned.removeFolder())
	}
	if options.Address != "" {
		owned.socket = lookAtSocket(owned.process.Address())
	}
	owned.finalizer = finalize.Register(finalize.PriorityManager, owned.end)
	go owned.watch() // joined by those who wait for cleaned, as shutdown does
	m, err := owned.connect(ctx, s.Key, &options)
	if err != nil {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		return nil, errors.Join(err, owned.shutdown(ended))
	}
	m.owned = owned
	return m, nil
}

// setup is what the options tell the manager's process.
func (o *Options) setup() setup {
	s := setup{
		Address: o.Address, Advertise: o.Advertise, Key: o.Key, Name: o.Name, InsecureTCP: o.InsecureTCP, Grace: o.Grace,
		TransitGrace: o.TransitGrace, Handshake: o.HandshakeTimeout, MaxMessage: o.MaxMessage, MaxCalls: o.MaxCalls,
		OutputLimit: o.OutputLimit, VerdictTimeout: o.VerdictTimeout, NoSharedMemory: o.NoSharedMemory,
	}
	if s.Key == nil {
		s.Key = programKey()
	}
	if o.Security != nil {
		s.Security = o.Security.name
	}
	if o.Initializer != nil {
		s.Initializer, s.Argument = o.Initializer.name, o.Initializer.argument
	}
	return s
}

// process is how the manager's process is run.
func (o *Options) process() *spawn.Options {
	var p spawn.Options
	if o.Process != nil {
		p = *o.Process
	}
	p.Name = orDefault(p.Name, orDefault(o.Name, "manager"))
	p.Grace = orDefault(p.Grace, o.Grace)
	return &p
}

func (p *ownedProcess) connect(ctx context.Context, key []byte, o *Options) (*Manager, error) {
	to, err := parseAddress(p.process.Address())
	if err != nil {
		return nil, err
	}
	return connect(ctx, to, credential{to.String(), key, o.Security, o.InsecureTCP}, o)
}

// watch cleans up after the process, however it ends.
func (p *ownedProcess) watch() {
	defer close(p.cleaned)
	<-p.process.Done()
	p.finalizer.Cancel()
	p.problem = errors.Join(p.socket.remove(), p.removeFolder())
}

func (p *ownedProcess) removeFolder() error {
	if p.folder == nil {
		return nil
	}
	return p.folder.Remove()
}

// end is the finalizer.
func (p *ownedProcess) end(ctx context.Context) error { return p.process.Shutdown(ctx) }

func (p *ownedProcess) shutdown(ctx context.Context) error {
	err := p.process.Shutdown(ctx)
	if err == nil {
		<-p.cleaned
		err = p.problem
	}
	if err != nil {
		return fmt.Errorf("manager: shutdown: %w", err)
	}
	return nil
}

func (p *ownedProcess) wait(ctx context.Context) error {
	err := p.process.Wait(ctx)
	select {
	case <-p.process.Done():
		<-p.cleaned
		return errors.Join(err, p.problem)
	default:
		return err
	}
}
