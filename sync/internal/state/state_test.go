package state_test

import (
	"context"
	"errors"
	"slices"

	"pgregory.net/rapid"

	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// A client is a session of a test. Its number changes when it has ended and comes back as another.
type client struct{ id uint64 }

func (c *client) ID() uint64 { return c.id }

// clients are the sessions of one history; each is replaced by a fresh one when it ends.
type clients struct {
	all  []*client
	last uint64
}

func newClients(n int) *clients {
	c := &clients{all: make([]*client, n)}
	for i := range c.all {
		c.replace(i)
	}
	return c
}

func (c *clients) replace(i int) (gone *client) {
	c.last++
	gone, c.all[i] = c.all[i], &client{c.last}
	return gone
}

func (c *clients) draw(t *rapid.T) *client { return rapid.SampledFrom(c.all).Draw(t, "session") }

func (c *clients) end(t *rapid.T) *client {
	return c.replace(rapid.IntRange(0, len(c.all)-1).Draw(t, "ending"))
}

// drawFrom returns one of the values, or skips the action when there are none.
func drawFrom[T any](t *rapid.T, values []T, label string) T {
	if len(values) == 0 {
		t.Skip("none: ", label)
	}
	return values[rapid.IntRange(0, len(values)-1).Draw(t, label)]
}

// without returns the values but for one.
func without[T comparable](values []T, gone T) []T {
	return slices.DeleteFunc(values, func(v T) bool { return v == gone })
}

func fatalUnless(t *rapid.T, ok bool, format string, args ...any) {
	t.Helper()
	if !ok {
		t.Fatalf(format, args...)
	}
}

// wasCanceled reports whether an answer says that the wait was cancelled.
func wasCanceled(err error) bool { return errors.Is(err, context.Canceled) }

var _ state.Session = (*client)(nil)
