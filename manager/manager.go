package manager

import (
	"context"
	"log/slog"
	"time"
)

// Options are those of Start, Connect and NewServer. A nil *Options is the default.
type Options struct {
	Address string
	Key     []byte
	Name    string
	Grace   time.Duration
	Logger  *slog.Logger
}

// A Manager is one session with a manager.
type Manager struct{}

// Start starts a manager in a process of its own.
func Start(ctx context.Context, o *Options) (*Manager, error) { panic("not yet") }

// Connect opens a session with a running manager.
func Connect(ctx context.Context, address string, o *Options) (*Manager, error) { panic("not yet") }

// Address is where the manager listens.
func (m *Manager) Address() string { panic("not yet") }

// Lost is closed when the session has ended.
func (m *Manager) Lost() <-chan struct{} { panic("not yet") }

// Shutdown ends the manager.
func (m *Manager) Shutdown(ctx context.Context) error { panic("not yet") }

// Close ends the session.
func (m *Manager) Close() error { panic("not yet") }

// Info tells what the manager holds.
func (m *Manager) Info(ctx context.Context) (*Info, error) { panic("not yet") }

// Info is what a manager holds.
type Info struct{}

// A Server is a manager in this process.
type Server struct{}

// NewServer makes a server.
func NewServer(o *Options) (*Server, error) { panic("not yet") }

// Serve accepts clients.
func (s *Server) Serve(ctx context.Context) error { panic("not yet") }

// Manager opens a session of its own, in this process: it needs no connection, and Serve need not run.
func (s *Server) Manager(ctx context.Context) (*Manager, error) { panic("not yet") }

// Address is where the server listens.
func (s *Server) Address() string { panic("not yet") }

// Close ends the server.
func (s *Server) Close() error { panic("not yet") }
