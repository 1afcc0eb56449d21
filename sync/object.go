package sync

import (
	"errors"
	stdsync "sync"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/sync/internal/state"
	"github.com/multiproc-go/multiproc/wire"
)

var (
	errWrongOwner   = errors.New("an RLock is acquired for an Owner, by the RLock itself; a Lock for none")
	errNoSuchMethod = errors.New("the client's program is another than the manager's")
)

// nothing is the result of a method that has none.
var nothing = message(nil).value([]byte{0xc0})

// methods are what clients may call on an object in the manager, by name. Each answers the call, or sees to it that it
// is answered later.
type methods[O any] map[string]func(o O, c call, r *reader)

// call carries out a request.
func (m methods[O]) call(o O, q *manager.Request) {
	m.carryOut(o, q.Method, q.Argument, call{q, q.Session})
}

func (m methods[O]) carryOut(o O, method string, argument []byte, c call) {
	do := m[method]
	if do == nil {
		c.Fail(errNoSuchMethod)
		return
	}
	r := readers.Get().(*reader)
	*r = *wire.NewReader(argument)
	do(o, c, r)
	*r = reader{}
	readers.Put(r)
}

// readers are those of methods, none of which keeps its own.
var readers = stdsync.Pool{New: func() any { return new(reader) }}

// A call is a manager.Request, as far as methods have to do with it, and whose it is.
type call struct {
	request
	session *manager.Session
}

type request interface {
	Return(value []byte)
	Fail(err error)
	OnCancel(fn func())
}

// A keeper keeps alive what the proxies in stored values refer to: it is the object's manager.Host.
type keeper interface {
	Keep(value []byte) error
	Drop(value []byte)
}

// A maker makes an object of the argument of New. With an error, what it returns besides is nothing.
type maker func(r *reader, h keeper) (manager.Object, error)

// register makes a type of objects known to managers.
func (m methods[O]) register(name string, newObject maker) {
	t := manager.Type{
		Name: name,
		New: func(argument []byte, h *manager.Host) (manager.Object, error) {
			return newObject(wire.NewReader(argument), h)
		},
	}
	for method := range m {
		t.Methods = append(t.Methods, method)
	}
	manager.RegisterType(t)
}

// answer answers a call that did not wait.
func answer(c call, result message, err error) {
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
