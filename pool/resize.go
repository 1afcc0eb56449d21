package pool

import (
	"context"
	"fmt"
	"slices"

	"github.com/tinylib/msgp/msgp"
)

// Resize changes how many workers the pool keeps, which Options.Workers has said at first. It does not wait: further workers
// are started; those that are too many are sent nothing more, what they were sent ahead and have not begun goes to others,
// and each leaves when it has run what it has begun. Until then there may be more processes. It is safe for concurrent use,
// and the last call counts.
//
// Errors: ErrClosed or ErrPoolBroken, when the pool has ended; a number below 1 or below Options.MinWorkers.
func (p *Pool) Resize(workers int) error {
	switch least := max(1, p.options.MinWorkers); {
	case workers < least:
		return fmt.Errorf("pool: cannot resize to %d workers; at least %d are kept", workers, least)
	case workers > maxWorkers:
		return fmt.Errorf("pool: cannot resize to %d workers; at most %d are possible", workers, maxWorkers)
	}
	p.mu.Lock()
	if p.state == closed || p.seated {
		defer p.mu.Unlock()
		return p.closedLocked()
	}
	var surplus []*seat
	if before := int(p.size.Load()); workers >= before {
		p.growLocked(workers)
	} else {
		surplus = p.seats[workers:before]
		p.shedLocked(workers, surplus)
	}
	p.mu.Unlock()
	for _, s := range surplus {
		if l := s.link.Load(); l != nil {
			l.release(ExitResized, false)
		}
	}
	return nil
}

func (p *Pool) closedLocked() error {
	if p.reason != nil {
		return p.reason
	}
	return ErrClosed
}

// growLocked has so many seats filled.
func (p *Pool) growLocked(workers int) {
	before := int(p.size.Load())
	p.size.Store(int64(workers))
	p.ahead.Add(int64(workers - before))
	p.filled += workers - before
	for number := before; number < workers; number++ {
		if number < len(p.seats) {
			s := p.seats[number] // it was there before
			s.empty = false
			s.wake()
			continue
		}
		s := p.newSeat(number)
		p.seats = append(p.seats, s)
		p.seating.Go(s.run)
	}
	p.wantSuccessorLocked()
}

// shedLocked has seats stay empty that are too many.
func (p *Pool) shedLocked(workers int, surplus []*seat) {
	p.ahead.Add(int64(workers) - p.size.Load())
	p.size.Store(int64(workers))
	for _, s := range surplus {
		if !s.empty {
			p.filled--
		}
		s.empty = false
		if s.listed {
			s.listed = false
			p.vacant = slices.DeleteFunc(p.vacant, func(other *seat) bool { return other == s })
		}
	}
}

// allSeats returns the seats, also those that are to stay empty.
func (p *Pool) allSeats() []*seat {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seats
}

// Resize changes how many workers the pool keeps, for all its clients, as Pool.Resize does. It blocks until the manager has
// answered or ctx ends. Errors: as Pool.Resize's and Stats'.
func (h *Hosted) Resize(ctx context.Context, workers int) error {
	_, err := h.use().proxy.Invoke(ctx, methodResize, msgp.AppendInt(nil, workers))
	if err != nil {
		return fmt.Errorf("pool: %s: %w", methodResize, fromHost(err))
	}
	return nil
}

// resize carries out a client's Resize.
func (h *hostedPool) resize(ctx context.Context, argument []byte) ([]byte, error) {
	workers, _, err := msgp.ReadIntBytes(argument)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errHostedMessage, err)
	}
	if err := h.awaitStart(ctx); err != nil {
		return nil, err
	}
	return nil, h.pool.Resize(workers)
}
