// Package poolexpvar publishes the Stats of pools by expvar, where debugging handlers and monitoring find them.
//
// It is a package of its own because expvar registers a handler with net/http's default mux wherever it is imported, and
// every worker is a process of the program that imports package pool.
package poolexpvar

import (
	"context"
	"expvar"
	"time"

	"github.com/multiproc-go/multiproc/pool"
)

// Publish makes the Stats of p the variable of that name, which must be unique in the process: expvar.Publish ends the
// program else. It is for as long as the process lives, and so is p then. See Var.
func Publish(name string, p *pool.Pool) { expvar.Publish(name, Var(p)) }

// Var returns a variable whose value is p.Stats(), as encoding/json writes it: sizes in bytes, durations in nanoseconds, the
// fields named as in Go. It may be read from any goroutine, and does not block.
func Var(p *pool.Pool) expvar.Var { return expvar.Func(func() any { return p.Stats() }) }

// HostedVar is Var for a pool in a manager. To read it blocks until the manager has answered, at most for timeout; if that
// fails, the value is an object with the one field "Error".
func HostedVar(h *pool.Hosted, timeout time.Duration) expvar.Var {
	return expvar.Func(func() any {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		s, err := h.Stats(ctx)
		if err != nil {
			return struct{ Error string }{err.Error()}
		}
		return s
	})
}
