package manager

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/multiproc-go/multiproc/wire"
)

// A holding is what this process has of one object: handles are counted here, so that only the first and the last of
// them are known to the manager.
type holding struct {
	handles int    // proxies, and messages that are being sent
	lent    int    // references that came with a message whose proxies were not decoded yet
	lentAt  uint64 // when the last of them came, by lendings
	server  uint64 // references that the manager has counted for us
	memo    any    // what Proxy.Memo has made; or nil
}

// debts are what the manager is to be told, in no hurry.
type debts struct {
	release map[uint64]uint64 // objects and how many references
	recall  []uint64          // pairs of an object and a passage
}

func (d *debts) empty() bool {
	return len(d.release) == 0 && len(d.recall) == 0
}

// acquire counts one handle for each number, and asks the manager for a reference to those that this process has none to.
// It counts all or, with an error, none.
func (l *link) acquire(ctx context.Context, ids []uint64) error {
	var fresh []uint64 // counted once more until all are
	defer func() { l.drop(fresh) }()
	for {
		missing := l.countIfHeld(ids)
		if len(missing) == 0 {
			return nil
		}
		if _, err := l.call(ctx, serverObject, methodRefer, encode(missing)); err != nil {
			return err
		}
		l.mu.Lock()
		for _, id := range missing {
			l.holdingLocked(id).server++
		}
		l.countLocked(missing)
		l.mu.Unlock()
		fresh = append(fresh, missing...)
	}
}

// countIfHeld counts a handle for each number, or returns those that this process has no reference to.
func (l *link) countIfHeld(ids []uint64) (missing []uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if l.held.get(id) == nil && !slices.Contains(missing, id) {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		l.countLocked(ids)
	}
	return missing
}

func (l *link) countLocked(ids []uint64) {
	for _, id := range ids {
		l.holdingLocked(id).handles++
	}
}

func (l *link) holdingLocked(id uint64) *holding {
	h := l.held.get(id)
	if h == nil {
		h = &holding{}
		l.held.set(id, h)
	}
	return h
}

// drop counts one handle less for each number. The manager is told later.
func (l *link) drop(ids []uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if h := l.held.get(id); h != nil && h.handles > 0 {
			h.handles--
			l.releaseLocked(id, h)
		}
	}
	l.payLocked()
}

// releaseLocked gives the references to an object back if nothing here uses it any more.
func (l *link) releaseLocked(id uint64, h *holding) {
	if h.handles > 0 || h.lent > 0 {
		return
	}
	l.held.remove(id)
	if l.debts.release == nil {
		l.debts.release = map[uint64]uint64{}
	}
	l.debts.release[id] += h.server
}

// borrowed notes the references that came with a reply.
func (l *link) borrowed(ids []uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		h := l.holdingLocked(id)
		h.server++
		h.lendLocked()
	}
}

// created makes a handle of the reference that came with a new object.
func (l *link) created(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.holdingLocked(id)
	h.server++
	h.handles++
}

// adopted turns handles into references for proxies that are still to be decoded.
func (l *link) adopted(ids []uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if h := l.held.get(id); h != nil && h.handles > 0 {
			h.handles--
			h.lendLocked()
		}
	}
}

// lendings counts the references that have come with messages to this process.
var lendings atomic.Uint64

func (h *holding) lendLocked() {
	h.lent++
	h.lentAt = lendings.Add(1)
}

// lentAt tells when the last reference to an object came with a message; 0 where none is left.
func (l *link) lentAt(id uint64) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.held.get(id); h != nil && h.lent > 0 {
		return h.lentAt
	}
	return 0
}

// takeLent makes a handle of a reference that came with a message, and reports whether there was one.
func (l *link) takeLent(id uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.held.get(id)
	if h == nil || h.lent == 0 {
		return false
	}
	h.lent--
	h.handles++
	return true
}

// local holds what this process has a handle to already, and returns the numbers of that.
func (l *link) local(ids []uint64) (held []uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if l.held.get(id) != nil {
			held = append(held, id)
		}
	}
	l.countLocked(held)
	return held
}

// arrived tells the manager that the passages of tokens are over, of those that have one.
func (l *link) arrived(tokens []wire.Token) {
	l.recall(slices.DeleteFunc(slices.Clone(tokens), func(t wire.Token) bool { return t.Passage == 0 }))
}

// recall ends what was taken in transit for tokens.
func (l *link) recall(tokens []wire.Token) {
	if len(tokens) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.debts.recall = append(l.debts.recall, parcels(tokens)...)
	l.payLocked()
}

// parcels are what the manager is told of tokens in transit: pairs of an object and a passage.
func parcels(tokens []wire.Token) []uint64 {
	numbers := make([]uint64, 0, 2*len(tokens))
	for _, t := range tokens {
		numbers = append(numbers, t.ID, t.Passage)
	}
	return numbers
}

// payLocked has a goroutine settle the debts. It ends when there are none, or the session has ended; close waits for it.
func (l *link) payLocked() {
	if !l.alive() { // nobody is owed anything any more
		l.debts = debts{}
	}
	if l.paying != nil || l.debts.empty() {
		return
	}
	paying := make(chan struct{})
	l.paying = paying
	go func() {
		defer close(paying)
		for l.pay() {
		}
	}()
}

// pay settles what is owed at the moment, and reports whether it is to be called again.
func (l *link) pay() bool {
	l.mu.Lock()
	owed := l.debts
	l.debts = debts{}
	if owed.empty() {
		l.paying = nil
		l.mu.Unlock()
		return false
	}
	l.mu.Unlock()
	l.report(methodRecall, owed.recall)
	bill := make([]uint64, 0, 2*min(len(owed.release), reportLength))
	for id, count := range owed.release {
		if bill = append(bill, id, count); len(bill) >= 2*reportLength {
			l.report(methodRelease, bill)
			bill = bill[:0]
		}
	}
	l.report(methodRelease, bill)
	return true
}

// reportLength is how many objects one report names at most, so that it is within any limit for messages.
const reportLength = 2048

// report tells the manager something that it need not answer. It fails only with the session, whose end settles all.
func (l *link) report(method string, numbers []uint64) {
	for len(numbers) != 0 {
		n := min(len(numbers), 2*reportLength)
		_, _ = l.caller.Call(context.Background(), serverObject, method, encode(numbers[:n]))
		numbers = numbers[n:]
	}
}

// settle blocks until everything owed is settled, or ctx ends.
func (l *link) settle(ctx context.Context) error {
	for {
		l.mu.Lock()
		paying := l.paying
		l.mu.Unlock()
		if paying == nil {
			return nil
		}
		select {
		case <-paying:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// disown lets go of references for proxies that will not be decoded.
func (l *link) disown(ids []uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if h := l.held.get(id); h != nil && h.lent > 0 {
			h.lent--
			l.releaseLocked(id, h)
		}
	}
	l.payLocked()
}
