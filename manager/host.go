package manager

import (
	"context"
	"fmt"

	"github.com/multiproc-go/multiproc/wire"
)

// A Host is an object's way to its manager. Its methods are safe for concurrent use and don't block.
type Host struct {
	server *Server
	entry  *entry
}

// ID returns the object's number, which no other object of the manager has or will have.
func (h *Host) ID() uint64 { return h.entry.id }

// Name returns the name that the object was created with, or "".
func (h *Host) Name() string { return h.entry.name }

// MaxMessage is how large an argument or a result of the manager may be, in bytes. What Request.Return is given beyond it
// reaches the caller as an error.
func (h *Host) MaxMessage() int64 { return h.server.options.MaxMessage }

// Token names the object.
func (h *Host) Token() wire.Token { return h.server.tokenOf(h.entry) }

// Keep takes a reference of the object's own to each object whose proxy is in an encoded value, which is about to be
// stored. It takes all or, with an error, none: the error wraps ErrForeignProxy or ErrNoSuchObject, or is that of a
// malformed value. Whatever is still kept when the object itself goes is dropped with it.
//
// An object that keeps a proxy for itself, or for one that leads back to it, is never collected.
func (h *Host) Keep(value []byte) error {
	tokens, err := findTokens(value)
	if err != nil || len(tokens) == 0 {
		return err
	}
	for _, t := range tokens {
		if t.Address != h.server.Address() {
			return fmt.Errorf("%w: it is at %s, and this object at %s", ErrForeignProxy, t.Address, h.server.Address())
		}
	}
	return h.server.registry.contain(h.entry, idsAt(h.server.Address(), tokens))
}

// Drop lets go of what Keep took for the same value.
func (h *Host) Drop(value []byte) {
	tokens, err := findTokens(value)
	if err != nil || len(tokens) == 0 {
		return // nothing was kept
	}
	h.server.registry.discard(h.entry, idsAt(h.server.Address(), tokens))
}

// Go runs fn in a goroutine that the manager waits for when it ends. ctx ends then.
func (h *Host) Go(fn func(ctx context.Context)) {
	h.server.methods.Go(func() { fn(h.server.ctx) })
}

// contain takes references for an object, all or none. One that has gone meanwhile takes none.
func (r *registry) contain(e *entry, ids []uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if r.objects.get(id) == nil {
			return noSuchObject(id)
		}
	}
	if r.objects.get(e.id) != e {
		return nil
	}
	if e.contained == nil {
		e.contained = map[uint64]int{}
	}
	for _, id := range ids {
		r.objects.get(id).references++
		e.contained[id]++
	}
	return nil
}

// discard undoes contain, as far as the object has not gone itself.
func (r *registry) discard(e *entry, ids []uint64) {
	r.mu.Lock()
	var gone []*entry
	for _, id := range ids {
		if e.contained[id] == 0 {
			continue
		}
		if e.contained[id]--; e.contained[id] == 0 {
			delete(e.contained, id)
		}
		gone = r.dropLocked(gone, id, 1)
	}
	r.mu.Unlock()
	tellGone(gone)
}
