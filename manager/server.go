package manager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// A Server is a manager in the process that makes it. Its methods are safe for concurrent use.
type Server struct {
	options  Options
	address  address            // where it listens
	public   string             // what clients are told
	socket   *os.File           // by which a socket without a name is reached; or nil
	folder   *wire.SocketFolder // of the socket, to be removed at the end; or nil
	key      []byte
	since    time.Time
	registry *registry
	listener *wire.Listener
	ctx      context.Context // ends when the server does
	stop     context.CancelFunc
	sessions sync.WaitGroup // their goroutines
	methods  sync.WaitGroup // goroutines of objects
	close    func() error

	mu   sync.Mutex // guards the fields below
	open map[uint64]*Session
	last uint64
	over bool          // no session begins any more
	idle chan struct{} // closed when the last session has ended; nil while nobody waits for it
}

// NewServer returns a server that listens already; clients wait until Serve takes them up. o may be nil. It does not
// block. The caller closes the server. Faults of the options are reported together.
func NewServer(o *Options) (*Server, error) {
	options, err := o.normalised()
	if err != nil {
		return nil, err
	}
	if options.Initializer != nil || options.Process != nil {
		return nil, errors.New("manager: options: Initializer and Process are for Start: this server has no process of its own")
	}
	return newServer(options)
}

func newServer(options Options) (*Server, error) {
	s := &Server{
		options: options, key: options.Key, since: time.Now(), registry: newRegistry(), open: map[uint64]*Session{},
	}
	if s.key == nil {
		s.key = programKey()
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.close = sync.OnceValue(s.closeAll)
	directory.enterServer(s)
	return s, nil
}

// Address is where clients find the server, in the form that Connect takes: where it listens, or what Options.Advertise
// says.
func (s *Server) Address() string { return s.public }

// Key returns the key that clients have to have. It must not be changed.
func (s *Server) Key() []byte { return s.key }

// credential is what it takes to connect from this machine.
func (s *Server) credential() credential {
	return credential{s.address.String(), s.key, s.options.Security, s.options.InsecureTCP}
}

// Serve takes up clients until ctx ends, the server is closed, or a client shuts it down, and then closes the server. It
// returns nil in the last two cases, and otherwise an error that wraps ctx's cause or what broke the listener.
func (s *Server) Serve(ctx context.Context) error {
	accepting, cancel := context.WithCancel(ctx)
	defer cancel()
	detach := context.AfterFunc(s.ctx, cancel)
	defer detach()
	for {
		conn, err := s.listener.Accept(accepting)
		if err == nil {
			tuneNetwork(conn.NetConn())
			s.begin(conn, false)
			continue
		}
		if errors.Is(err, net.ErrClosed) && s.ctx.Err() == nil { // Shutdown waits for the sessions
			<-accepting.Done()
		}
		stopped := s.ctx.Err() != nil
		closed := s.Close()
		if stopped {
			return closed
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return errors.Join(fmt.Errorf("manager: serve: %w", err), closed)
	}
}

// begin opens a session on a connection, or closes that and returns false if none is to begin any more.
func (s *Server) begin(conn *wire.Conn, local bool) bool {
	session := &Session{server: s, since: time.Now(), local: local, conn: conn, watched: map[uint64]*entry{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.ctx.Err() != nil {
		_ = conn.Close() // it was of no use yet
		return false
	}
	s.last++
	session.id = s.last
	s.open[session.id] = session
	s.sessions.Go(func() {
		err := session.serve(s.ctx)
		s.finish(session)
		s.options.Logger.Debug("session ended", "session", session.String(), "error", err)
	})
	return true
}

func (s *Server) finish(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, session.id)
	if len(s.open) == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

func (s *Server) openSessions() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions := make([]*Session, 0, len(s.open))
	for _, session := range s.open {
		sessions = append(sessions, session)
	}
	slices.SortFunc(sessions, func(a, b *Session) int { return cmp.Compare(a.id, b.id) })
	return sessions
}

// Manager opens a session in this process, which goes through no socket; Serve need not run. The caller closes it. It
// returns an error that wraps ErrClosed when the server is closed or shut down, or ctx's.
func (s *Server) Manager(ctx context.Context) (*Manager, error) {
	l, err := s.connectLocally(ctx)
	if err != nil {
		return nil, err
	}
	return &Manager{link: l, key: s.key}, nil
}

// connectLocally opens a session over a pipe.
func (s *Server) connectLocally(ctx context.Context) (*link, error) {
	ours, theirs := net.Pipe()
	if !s.begin(wire.NewConn(theirs, s.options.MaxMessage), true) {
		return nil, errors.Join(fmt.Errorf("manager: connect to %s: %w", s.address, ErrClosed), ours.Close())
	}
	return openLink(ctx, wire.NewConn(ours, s.options.MaxMessage), &s.options)
}

// Shutdown waits until all sessions have ended, while no new one begins, and then closes the server. Where ctx ends
// first, it closes the server then, and returns an error that wraps ctx's cause.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.listener.Close()
	s.mu.Lock()
	s.over = true
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	if len(s.open) == 0 {
		close(s.idle)
		s.idle = nil
	}
	s.mu.Unlock()
	select {
	case <-idle:
	case <-s.ctx.Done():
	case <-ctx.Done():
		err = errors.Join(err, fmt.Errorf("manager: shutdown: %w", context.Cause(ctx)))
	}
	return errors.Join(err, s.Close())
}

// Close ends the server: its socket vanishes, and so do all objects; every session is lost to its client. It waits for
// methods that are running, whose contexts end, up to Options.Grace, and returns an error if some are still running
// then. Later calls return what the first did.
func (s *Server) Close() error { return s.close() }

func (s *Server) closeAll() error {
	s.mu.Lock()
	s.stop() // with the lock, so that no session begins afterwards
	s.mu.Unlock()
	directory.leaveServer(s)
	err := s.listener.Close()
	s.stopTransits()
	ended := make(chan struct{})
	go func() { // it ends with the methods that it waits for
		s.sessions.Wait()
		tellGone(s.registry.clear())
		s.methods.Wait()
		close(ended)
	}()
	timer := time.NewTimer(s.options.Grace)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		err = errors.Join(err, fmt.Errorf("manager: close: methods of objects still run after %v", s.options.Grace))
	}
	return errors.Join(err, s.cleanUp())
}
