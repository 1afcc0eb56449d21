package manager

import (
	"context"
	"net"
	"sync"

	"github.com/multiproc-go/multiproc/spawn"
)

// securities is filled while packages initialise and only read afterwards.
var securities = struct {
	mu     sync.Mutex // guards byName
	byName map[string]*Security
}{byName: map[string]*Security{}}

// RegisterSecurity makes an encryption known to all processes of the program, so that a manager's process, and children
// that get a proxy, can use it too. server and client put it on a fresh TCP connection and return what to use in its
// place, usually tls.Server or tls.Client after HandshakeContext; they must return when ctx ends. It must be called while
// packages initialise and panics afterwards, and when the name is taken or empty or a function is nil.
func RegisterSecurity(name string, server, client func(ctx context.Context, c net.Conn) (net.Conn, error)) *Security {
	spawn.MustRegister("manager.RegisterSecurity")
	if name == "" || server == nil || client == nil {
		panic("manager.RegisterSecurity: a security needs a name and both functions")
	}
	securities.mu.Lock()
	defer securities.mu.Unlock()
	if securities.byName[name] != nil {
		panic("manager.RegisterSecurity: " + name + " is registered twice")
	}
	s := &Security{name, server, client}
	securities.byName[name] = s
	return s
}

func securityNamed(name string) *Security {
	securities.mu.Lock()
	defer securities.mu.Unlock()
	return securities.byName[name]
}
