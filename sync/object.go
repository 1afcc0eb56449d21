package sync

import (
	"errors"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/state"
)

var (
	errLeftOver     = errors.New("something is left over")
	errWrongOwner   = errors.New("an RLock is acquired for an Owner, by the RLock itself; a Lock for none")
	errNoSuchMethod = errors.New("the client's program is another than the manager's")
)

// nothing is the result of a method that has none.
var nothing = message(nil).value([]byte{0xc0})

// methods are what clients may call on an object in the manager, by name. Each answers the call, or sees to it that it
// is answered later.
type methods[O any] map[string]func(o O, c *manager.Request, r *reader)

// call carries out c.
func (m methods[O]) call(o O, c *manager.Request) {
	method := m[c.Method]
	if method == nil {
		c.Fail(errNoSuchMethod)
		return
	}
	method(o, c, &reader{rest: c.Argument})
}

// register makes a type of objects known to managers. Methods that may answer later are named in waiting.
func (m methods[O]) register(name string, newObject func(r *reader, h *manager.Host) (manager.Object, error), waiting ...string) {
	t := manager.Type{
		Name: name,
		New: func(argument []byte, h *manager.Host) (manager.Object, error) {
			return newObject(&reader{rest: argument}, h)
		},
	}
	for method := range m {
		t.Methods = append(t.Methods, method)
	}
	manager.RegisterType(t)
}

// answer answers a call that did not wait.
func answer(c *manager.Request, result message, err error) {
	if err != nil {
		c.Fail(err)
		return
	}
	c.Return(result)
}

// sessionsOf returns the manager's sessions of those that a machine knows.
func sessionsOf(known []state.Session) []*manager.Session {
	sessions := make([]*manager.Session, 0, len(known))
	for _, s := range known {
		if of, ok := s.(*manager.Session); ok {
			sessions = append(sessions, of)
		}
	}
	return sessions
}
