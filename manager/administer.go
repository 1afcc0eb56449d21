package manager

import (
	"context"
	"fmt"
	"os"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// lengthyServerMethods run factories, or look at everything: they have a goroutine each.
var lengthyServerMethods = map[string]bool{methodCreate: true, methodInfo: true, methodTerminate: true}

// administer carries out the server's own methods.
func (s *Session) administer(ctx context.Context, method string, argument []byte) ([]byte, error) {
	switch method {
	case methodGreet:
		return s.greet(argument)
	case methodCreate:
		return s.create(ctx, argument)
	case methodRefer, methodDispatch, methodRecall, methodRelease:
		return nil, s.account(method, argument)
	case methodMethods:
		return s.methodsOf(argument)
	case methodCount:
		return encode(s.server.numberOfObjects()), nil
	case methodInfo:
		return encode(s.server.info()), nil
	case methodPing:
		return nil, nil
	case methodTerminate:
		s.server.stop()
		return nil, nil
	}
	return nil, fmt.Errorf("%w: %s of a manager", ErrNoSuchMethod, method)
}

// greet notes who the client is.
func (s *Session) greet(argument []byte) ([]byte, error) {
	g, err := decode[greeting](argument)
	switch {
	case err != nil:
		return nil, err
	case g.Version != protocolVersion:
		return nil, fmt.Errorf("manager: the client speaks version %d of the protocol, and the manager %d",
			g.Version, protocolVersion)
	}
	s.client.Store(&g)
	o := &s.server.options
	o.Logger.Debug("session begins", "session", s.id, "process", g.Name, "pid", g.PID)
	return encode(welcome{
		Version: protocolVersion, Address: s.server.Address(), Session: s.id, PID: os.Getpid(), Name: o.Name,
		MaxMessage: o.MaxMessage, Memory: !o.NoSharedMemory,
	}), nil
}

// account changes who refers to what. The argument is a list of objects, each followed by a count for a
// release, and by a passage for a dispatch or its recall.
func (s *Session) account(method string, argument []byte) error {
	numbers, err := decode[[]uint64](argument)
	if err != nil {
		return err
	}
	switch method {
	case methodRefer:
		return s.server.registry.refer(s, numbers)
	case methodDispatch:
		return s.server.dispatch(s, numbers)
	case methodRecall:
		s.server.recall(s, numbers)
	case methodRelease:
		s.server.registry.release(s, numbers)
	}
	return nil
}

func (s *Session) methodsOf(argument []byte) ([]byte, error) {
	id, err := decode[uint64](argument)
	if err != nil {
		return nil, err
	}
	e := s.server.registry.find(id, s)
	if e == nil {
		return nil, noSuchObject(id)
	}
	return encode(e.kind.Methods), nil
}

// create makes an object, or finds a named one, and returns its token. The session has a reference then.
func (s *Session) create(ctx context.Context, argument []byte) ([]byte, error) {
	q, err := decode[createRequest](argument)
	if err != nil {
		return nil, err
	}
	kind := typeNamed(q.Type)
	switch {
	case kind == nil:
		return nil, fmt.Errorf("%w: %q is not registered in the manager's binary", ErrNoSuchType, q.Type)
	case kind.ByMethodsOnly:
		return nil, fmt.Errorf("%w: a %s comes from a method of another object alone", ErrNoSuchType, q.Type)
	}
	h := &Host{server: s.server}
	e, made, err := s.server.registry.reserve(s, h, kind, &q)
	if err != nil {
		return nil, err
	}
	if made {
		o, err := kind.construct(func() (Object, error) { return kind.New(q.Argument, h) })
		s.server.registry.complete(e, o, err)
	}
	if err := e.await(ctx); err != nil {
		s.server.registry.release(s, []uint64{e.id, 1})
		return nil, err
	}
	return wire.AppendToken(nil, s.server.tokenOf(e)), nil
}

// construct calls a factory: the boundary at which panics stop.
func (t *registeredType) construct(factory func() (Object, error)) (o Object, err error) {
	defer func() {
		if recovered := recover(); recovered != nil {
			err = fmt.Errorf("manager: make a %s: %w", t.Name, wire.NewPanicError(recovered))
		}
	}()
	if o, err = factory(); err == nil && o == nil {
		err = fmt.Errorf("manager: make a %s: its factory returned nil", t.Name)
	}
	return o, err
}

// adopt makes what a method has made a shared object.
func (s *Server) adopt(to *Session, typeName string, factory func(*Host) (Object, error)) (wire.Token, error) {
	kind := typeNamed(typeName)
	if kind == nil {
		return wire.Token{}, fmt.Errorf("%w: %q is not registered", ErrNoSuchType, typeName)
	}
	h := &Host{server: s}
	e, _, err := s.registry.reserve(to, h, kind, &createRequest{Type: typeName})
	if err != nil {
		return wire.Token{}, err
	}
	o, err := kind.construct(func() (Object, error) { return factory(h) })
	s.registry.complete(e, o, err)
	if err != nil {
		s.registry.release(to, []uint64{e.id, 1})
		return wire.Token{}, err
	}
	return s.tokenOf(e), nil
}

// lend gives a session a reference for each proxy in a value that it is about to get.
func (s *Server) lend(to *Session, value []byte) {
	tokens, err := findTokens(value)
	if err != nil || len(tokens) == 0 {
		return // the client finds none either
	}
	s.registry.give(to, idsAt(s.Address(), tokens))
}

// processName is how this process is called in sessions.
func processName() string { return spawn.Current().Name }
