package spawn

import "context"

type drainingKey struct{}

func withDraining(ctx context.Context, draining <-chan struct{}) context.Context {
	return context.WithValue(ctx, drainingKey{}, draining)
}

// Draining returns a channel that is closed when the program should take on no more work and finish what it has.
//
// In a program's first process that is the first SIGINT, SIGTERM or (unless it was ignored when the program started)
// SIGHUP: the context itself ends after MainOptions.Grace, or at a second signal. In a child it is the parent's request
// to stop, its loss, or one of these signals, and the context ends at the same moment.
//
// ctx must be the context passed by Main or to a registered function or role, or be derived from one: for any other the
// channel is nil, which is never ready. Draining does not block and is safe for concurrent use.
func Draining(ctx context.Context) <-chan struct{} {
	draining, _ := ctx.Value(drainingKey{}).(<-chan struct{})
	return draining
}
