package manager

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/multiproc-go/multiproc/wire"
)

// listen opens the server's listener.
func (s *Server) listen() (err error) {
	if s.options.Address == "" {
		if s.folder, err = wire.NewSocketFolder(); err != nil {
			return fmt.Errorf("manager: %w", err)
		}
		s.address = socketIn(s.folder)
	} else if s.address, err = parseAddress(s.options.Address); err != nil {
		return err
	}
	options := &wire.ListenOptions{
		TransportOptions: transport(s.address.network, s.credential(), &s.options, true),
		Rejected: func(peer net.Addr, err error) {
			s.options.Logger.Warn("connection refused", "peer", peer.String(), "error", err)
		},
	}
	s.listener, err = wire.Listen(context.Background(), s.address.network, s.address.path, options)
	if errors.Is(err, syscall.EADDRINUSE) && s.address.network == "unix" {
		s.listener, err = replaceSocket(s.address.path, options)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("manager: listen at %s: %w", s.address, err), s.cleanUp())
	}
	if s.address.network == "tcp" {
		s.address.path = s.listener.Addr().String()
	}
	if s.folder != nil {
		s.unname()
	}
	s.public = s.options.publicAddress(s.address, s.listener.Addr())
	return nil
}

// unname takes a socket in a private directory out of the file system where that is possible. Where it is not, Close
// removes it.
func (s *Server) unname() {
	reachable, socket, err := unname(s.address.path)
	if socket == nil {
		return
	}
	s.socket = socket
	s.address.path = reachable
	if err == nil && s.folder.Remove() == nil {
		s.folder = nil
	}
}

// replaceSocket takes over the path of a socket whose server has died without removing it. Those who try it at the same
// time take turns, so that nobody removes the socket of one who was faster.
func replaceSocket(path string, options *wire.ListenOptions) (l *wire.Listener, err error) {
	directory, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, directory.Close()) }() // which ends the turn
	if err := lockSoon(directory); err != nil {
		return nil, fmt.Errorf("lock %s: %w", directory.Name(), err)
	}
	probe, err := net.Dial("unix", path)
	switch {
	case err == nil:
		return nil, errors.Join(fmt.Errorf("somebody serves there: %w", syscall.EADDRINUSE), probe.Close())
	case errors.Is(err, syscall.ECONNREFUSED):
		if info, err := os.Lstat(path); err != nil || info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("%s is no socket: %w", path, syscall.EADDRINUSE)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	return wire.Listen(context.Background(), "unix", path, options)
}

// lockTurn is how long somebody may take who replaces a socket in the same directory.
const lockTurn = 2 * time.Second

// lockSoon locks a directory. It waits for those who replace a socket there, and not for others who keep it locked.
func lockSoon(directory *os.File) error {
	deadline := time.NewTimer(lockTurn)
	defer deadline.Stop()
	ticker := time.NewTicker(lockTurn / 400)
	defer ticker.Stop()
	for {
		err := syscall.Flock(int(directory.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			return err
		}
	}
}

// cleanUp removes what listen has made, as far as the listener does not.
func (s *Server) cleanUp() (err error) {
	if s.socket != nil {
		err = s.socket.Close()
	}
	if s.folder == nil {
		return err
	}
	return errors.Join(err, s.folder.Remove())
}

// A credential is what it takes to connect to a manager, besides its address.
type credential struct {
	route    string // the address to connect to, where it is another than the manager's own; or ""
	key      []byte
	security *Security
	insecure bool
}

// transport makes one end's options for connections.
func transport(network string, c credential, o *Options, server bool) wire.TransportOptions {
	t := wire.TransportOptions{
		Auth:     wire.AuthOptions{Key: c.key, Timeout: o.HandshakeTimeout},
		MaxFrame: o.MaxMessage,
	}
	if network == "unix" {
		return t
	}
	t.InsecureTCP = c.insecure
	if c.security != nil {
		t.Secure = c.security.client
		if server {
			t.Secure = c.security.server
		}
	}
	return t
}

// dial connects to a manager and greets it.
func dial(ctx context.Context, to address, c credential, o *Options) (*link, error) {
	options := transport(to.network, c, o, false)
	conn, err := wire.Dial(ctx, to.network, to.path, &options)
	if err != nil {
		return nil, fmt.Errorf("manager: connect to %s: %w", to, err)
	}
	tuneNetwork(conn.NetConn())
	return openLink(ctx, conn, o)
}
