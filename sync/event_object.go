package sync

import (
	stdsync "sync"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/state"
)

// eventObject is an Event in the manager.
type eventObject struct {
	mu    stdsync.Mutex // guards event
	event state.Event
}

func init() {
	eventTable.register(typeEvent, newEventObject)
}

func newEventObject(r *reader, _ keeper) (manager.Object, error) { return &eventObject{}, r.End() }

var eventTable = methods[*eventObject]{
	"Wait":  (*eventObject).wait,
	"Set":   func(o *eventObject, c call, r *reader) { o.change(c, r, (*state.Event).Set) },
	"Clear": func(o *eventObject, c call, r *reader) { o.change(c, r, (*state.Event).Clear) },
	"IsSet": func(o *eventObject, c call, r *reader) { answer(c, message(nil).bool(o.isSet()), r.End()) },
}

// Call implements manager.Object.
func (o *eventObject) Call(c *manager.Request) { eventTable.call(o, c) }

// SessionEnded implements manager.SessionWatcher.
func (o *eventObject) SessionEnded(s *manager.Session) {
	o.operate(func(e *state.Event) { e.EndSession(s) })
}

// Inspect implements manager.Inspector.
func (o *eventObject) Inspect() manager.Inspection {
	i := manager.Inspection{Summary: "clear"}
	if o.isSet() {
		i.Summary = "set"
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	i.Waiters = sessionsOf(o.event.Waiters())
	return i
}

// operate does something to the event, and answers whom that concerns.
func (o *eventObject) operate(do func(e *state.Event)) {
	o.mu.Lock()
	do(&o.event)
	answered := o.event.Answered()
	o.mu.Unlock()
	answerWaits(answered)
}

func (o *eventObject) wait(c call, r *reader) {
	if err := r.End(); err != nil {
		c.Fail(err)
		return
	}
	w := &state.Wait{Session: c.session, Call: c}
	o.operate(func(e *state.Event) { e.Wait(w) })
	c.OnCancel(func() { o.operate(func(e *state.Event) { e.Cancel(w) }) })
}

func (o *eventObject) change(c call, r *reader, how func(*state.Event)) {
	err := r.End()
	if err == nil {
		o.operate(how)
	}
	answer(c, nothing, err)
}

func (o *eventObject) isSet() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.event.IsSet()
}
