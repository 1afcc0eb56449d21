package manager

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/multiproc-go/multiproc/wire"
)

// A custodian keeps the objects alive whose proxies are on their way.
type custodian struct {
	passage atomic.Uint64 // the last one

	mu    sync.Mutex // guards holds
	holds map[held][]*link
}

// A held is an object for which Hold has taken something that Release has not given back: from each of its sessions once.
type held struct {
	address string
	id      uint64
}

func init() {
	c := &custodian{holds: map[held][]*link{}}
	c.passage.Store(rand.Uint64())
	wire.SetCustodian(c)
}

// Hold is called by a sender that calls Release afterwards. The references of a program's first process are its own,
// since what it sends to dies with it. Those of a child are taken in transit, since it may die before its parent.
func (c *custodian) Hold(ctx context.Context, tokens []wire.Token) error {
	tokens = withoutPassage(tokens)
	return eachManager(ctx, tokens, func(l *link, tokens []wire.Token) error {
		err := l.hold(ctx, tokens)
		if err == nil {
			c.note(l, tokens)
		}
		return err
	}, func(_ *link, tokens []wire.Token) { c.release(tokens) })
}

// hold takes references for messages that are to leave.
func (l *link) hold(ctx context.Context, tokens []wire.Token) error {
	if !program.isChild() {
		return l.acquire(ctx, idsOfTokens(tokens))
	}
	_, err := l.call(ctx, serverObject, methodDispatch, encode(parcels(tokens)))
	return err
}

func (l *link) unhold(tokens []wire.Token) {
	if program.isChild() {
		l.recall(tokens)
		return
	}
	l.drop(idsOfTokens(tokens))
}

// note remembers which session holds what.
func (c *custodian) note(l *link, tokens []wire.Token) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range tokens {
		key := held{t.Address, t.ID}
		c.holds[key] = append(c.holds[key], l)
	}
}

// Release is called by the sender after Hold; or by whoever throws a message away that was dispatched.
func (c *custodian) Release(tokens []wire.Token) {
	c.release(withoutPassage(slices.DeleteFunc(slices.Clone(tokens), func(t wire.Token) bool { return t.Passage != 0 })))
	for address, passing := range byManager(tokens) {
		directory.mu.Lock()
		l := directory.liveLocked(address)
		directory.mu.Unlock()
		if l != nil { // else what this process has dispatched ends with the grace, which has begun
			l.arrived(passing)
		}
	}
}

func (c *custodian) release(tokens []wire.Token) {
	for _, t := range tokens {
		if l := c.holder(held{t.Address, t.ID}); l != nil {
			l.unhold([]wire.Token{t})
		}
	}
}

// holder returns a session that holds an object, and forgets that it does. Where some have ended it is one of those: what
// they held has gone, while what the others hold may be needed by another message.
func (c *custodian) holder(key held) *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	links := c.holds[key]
	if len(links) == 0 {
		return nil
	}
	at := max(0, slices.IndexFunc(links, func(l *link) bool { return !l.alive() }))
	l := links[at]
	if links = slices.Delete(links, at, at+1); len(links) == 0 {
		delete(c.holds, key)
	} else {
		c.holds[key] = links
	}
	return l
}

// Dispatch is called by a sender that will not hear whether its message arrives.
func (c *custodian) Dispatch(ctx context.Context, tokens []wire.Token) (passage uint64, err error) {
	for passage == 0 {
		passage = c.passage.Add(1)
	}
	tokens = withoutPassage(tokens)
	for i := range tokens {
		tokens[i].Passage = passage
	}
	return passage, eachManager(ctx, tokens, func(l *link, tokens []wire.Token) error {
		_, err := l.call(ctx, serverObject, methodDispatch, encode(parcels(tokens)))
		return err
	}, (*link).recall)
}

// Adopt is called by the receiver.
func (*custodian) Adopt(ctx context.Context, tokens []wire.Token) error {
	return eachManager(ctx, tokens, func(l *link, tokens []wire.Token) error {
		ids := idsOfTokens(tokens)
		if err := l.acquire(ctx, ids); err != nil {
			return err
		}
		l.adopted(ids)
		l.arrived(tokens)
		return nil
	}, func(l *link, tokens []wire.Token) { l.disown(idsOfTokens(tokens)) })
}

// Decode is called by decodings of values of type any.
func (*custodian) Decode(src []byte) (proxy any, rest []byte, err error) {
	t, _, err := wire.ReadToken(src)
	switch {
	case err != nil:
		return nil, src, err
	case t.ID == serverObject:
		m := &Manager{}
		rest, err = m.UnmarshalMsg(src)
		return m, rest, err
	}
	p := &Proxy{}
	rest, err = p.UnmarshalMsg(src)
	return p, rest, err
}

// eachManager does something with the tokens of each manager. With an error, what was done for others is undone.
func eachManager(
	ctx context.Context, tokens []wire.Token, do func(*link, []wire.Token) error, undo func(*link, []wire.Token),
) error {
	var done []func()
	for address, tokens := range byManager(tokens) {
		l, err := directory.link(ctx, address)
		if err == nil && len(tokens) != 0 {
			err = do(l, tokens)
		}
		if err != nil {
			for _, undo := range done {
				undo()
			}
			return err
		}
		done = append(done, func() { undo(l, tokens) })
	}
	return nil
}

// byManager sorts tokens by their managers' addresses. One of a manager itself leaves nothing but the address.
func byManager(tokens []wire.Token) map[string][]wire.Token {
	sorted := map[string][]wire.Token{}
	for _, t := range tokens {
		if t.ID == serverObject {
			sorted[t.Address] = append(sorted[t.Address], []wire.Token{}...)
			continue
		}
		sorted[t.Address] = append(sorted[t.Address], t)
	}
	return sorted
}
