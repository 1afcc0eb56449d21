// Package wire carries bytes, values, errors and calls between processes. Everything above it in multiproc speaks
// through it, and it knows none of that: it starts no process and shares no object.
//
// # Parts
//
// A [Conn] sends and receives frames, in the form that CPython's multiprocessing.connection has, over any net.Conn.
// A [Listener] and [Dial] make such connections over Unix sockets and TCP, with a mutual handshake ([AuthOptions]) that
// CPython's Client and Listener understand. A [Caller] at one end and [Serve] at the other make any number of calls over
// one connection at once; where both allow it, on a Unix socket of Linux, they share memory for what is small.
//
// A [Codec] turns values of one Go type into MessagePack and back. An error crosses as text, codes and a stack
// ([AppendError], [DecodeError], [RegisterError]), so that errors.Is goes on working. A shared object crosses as a
// [Token], which whoever passes a value on finds in its bytes ([FindTokens]) and keeps alive on its way ([Custodian]).
//
//	l, err := wire.Listen(ctx, "unix", "", nil)
//	...
//	conn, err := l.Accept(ctx)
//	...
//	err = wire.Serve(ctx, conn, func(r *wire.Request) {
//		r.Answer(wire.Reply{Payload: r.Argument})
//	}, nil)
//
// and in another process
//
//	conn, err := wire.Dial(ctx, "unix", address, nil)
//	...
//	caller := wire.NewCaller(conn, nil)
//	defer caller.Close()
//	reply, err := caller.Call(ctx, 0, "Echo", argument)
//
// # Concurrency
//
// All is safe for concurrent use, but for one thing: a Conn has one reader at a time. What blocks says so, and says what
// ends it.
//
// # Errors
//
// Errors wrap the sentinels of this package ([ErrFrameTooLarge], [ErrAuthentication], [ErrMalformed] and so on): test
// them with errors.Is. What code in the other process returned is a *[RemoteError].
//
// # Limits
//
// Every length that a peer sends is checked against a limit before memory is taken for it, and then memory is taken only
// as bytes arrive. Sizes are in bytes; the limit of a frame counts its payload and not its header.
//
// # Shutdown
//
// Closing a Conn ends its reads and writes. Closing a Listener or a Caller also waits for its goroutines, and Serve
// returns when every call is answered. Each Close may be called again, from anywhere.
//
// The bytes on the wire are described in PROTOCOL.md.
package wire
