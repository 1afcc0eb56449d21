package sync

import (
	"context"

	"github.com/multiproc-go/multiproc/manager"
)

const typeEvent = "Event"

// An Event is a flag that can be waited for. It is not set at first.
//
// It is safe for concurrent use, and may be passed to other processes; see the package's section on passing on.
type Event struct{ manager.Proxy }

// NewEvent makes an Event in a manager, or with [Named] finds it. It blocks until the manager has answered or ctx ends.
func NewEvent(ctx context.Context, m *manager.Manager, options ...Option) (*Event, error) {
	p, err := create(ctx, m, typeEvent, nil, options)
	if err != nil {
		return nil, err
	}
	return &Event{*p}, nil
}

// Wait blocks until the event is set, or ctx ends. All who wait when it is set go on, even if it is cleared at once.
func (e *Event) Wait(ctx context.Context) error {
	return failed(typeEvent, "Wait", tell(ctx, &e.Proxy, "Wait", nil))
}

// Set sets the event. It blocks for the manager's answer alone.
func (e *Event) Set(ctx context.Context) error {
	return failed(typeEvent, "Set", tell(ctx, &e.Proxy, "Set", nil))
}

// Clear takes the event back. It blocks for the manager's answer alone.
func (e *Event) Clear(ctx context.Context) error {
	return failed(typeEvent, "Clear", tell(ctx, &e.Proxy, "Clear", nil))
}

// IsSet reports whether the event is set. It may be out of date when it returns.
func (e *Event) IsSet(ctx context.Context) (bool, error) {
	set, err := askBool(ctx, &e.Proxy, "IsSet", nil)
	return set, failed(typeEvent, "IsSet", err)
}

// Clone returns another reference to the same event. It does not block.
func (e *Event) Clone() (*Event, error) {
	p, err := e.Proxy.Clone()
	if err != nil {
		return nil, failed(typeEvent, "Clone", err)
	}
	return &Event{*p}, nil
}

// MarshalMsg and UnmarshalMsg pass the event on to other processes, as part of any value.
func (e *Event) MarshalMsg(dst []byte) ([]byte, error) { return e.Proxy.MarshalMsg(dst) }

// UnmarshalMsg takes the event over: see MarshalMsg.
func (e *Event) UnmarshalMsg(src []byte) ([]byte, error) { return adopt(&e.Proxy, typeEvent, src) }
