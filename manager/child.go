package manager

import (
	"context"
	"errors"
	"fmt"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// runServer is the body of a manager's process.
func runServer(ctx context.Context, child *spawn.Child) error {
	s, err := decode[setup](child.Argument)
	if err != nil {
		return err
	}
	options, err := s.options()
	if err != nil {
		return err
	}
	server, err := newServer(options)
	if err != nil {
		return err
	}
	if s.Directory != "" { // its owner may die first
		if server.folder, err = wire.OpenSocketFolder(s.Directory); err != nil {
			return errors.Join(err, server.Close())
		}
	}
	if err := server.initialize(&s, func(err error) { child.Leave(errors.Join(err, server.Close())) }); err != nil {
		return errors.Join(err, server.Close())
	}
	if err := child.Hello(server.address.String()); err != nil {
		return errors.Join(err, server.Close())
	}
	err = server.Serve(ctx)
	cause := context.Cause(ctx)
	switch {
	case ctx.Err() == nil:
		return err
	case errors.As(cause, new(*spawn.SignalError)):
		return cause
	}
	return nil // it was asked to stop, or its parent has gone
}

// options are the server's: methods get half of the time that the process has.
func (s *setup) options() (Options, error) {
	o := Options{
		Address: s.Address, Advertise: s.Advertise, Key: s.Key, Name: s.Name, InsecureTCP: s.InsecureTCP, Grace: s.Grace / 2,
		TransitGrace: s.TransitGrace, HandshakeTimeout: s.Handshake, MaxMessage: s.MaxMessage, MaxCalls: s.MaxCalls,
		OutputLimit: s.OutputLimit, VerdictTimeout: s.VerdictTimeout, NoSharedMemory: s.NoSharedMemory,
	}
	if s.Security != "" {
		if o.Security = securityNamed(s.Security); o.Security == nil {
			return o, fmt.Errorf("manager: the security %q is not registered in the manager's process", s.Security)
		}
	}
	return o.normalised()
}
