package manager

import (
	"slices"
	"sync"

	"github.com/multiproc-go/multiproc/spawn"
)

// An Object is what a manager shares. The methods of one Object are called from any number of goroutines at once.
//
// Besides Call it may have the methods of [SessionWatcher], [Destroyer], [Inspector] and [Valuer], and of fmt.Stringer for
// [Proxy.Describe].
type Object interface {
	// Call carries out one method. It answers c now or later, exactly once, and must not block, since the goroutine that
	// reads the client's requests runs it, in the order of the requests: what has to wait keeps c, sets its
	// [Request.OnCancel], and answers when its turn has come; what takes long goes into a goroutine (see [Host.Go]).
	Call(c *Request)
}

// A SessionWatcher is an [Object] that keeps something on behalf of sessions, such as holds.
type SessionWatcher interface {
	// SessionEnded is called once for each session that has called the object, when it is over: its client has closed
	// it, died, or lost the connection. All calls of the session were answered before, and none comes after. It must
	// not block.
	SessionEnded(s *Session)
}

// A Destroyer is an [Object] with something to do at its end.
type Destroyer interface {
	// Destroyed is called once, when the last reference has gone or the manager ends. What the object has kept (see
	// [Host.Keep]) is dropped without it. It must not block.
	Destroyed()
}

// An Inspector is an [Object] that tells [Manager.Info] who holds it and who waits for it.
type Inspector interface {
	// Inspect is called at any time. It must not block.
	Inspect() Inspection
}

// An Inspection is what an object tells of itself. A session may be listed more than once.
type Inspection struct {
	Summary string // for people, in a few words: "3 of 8 free"
	Holders []*Session
	Waiters []*Session
}

// A Valuer is an [Object] of which [Proxy.Value] makes a copy.
type Valuer interface {
	// Value returns the encoding of what the object holds now. It must not block.
	Value() ([]byte, error)
}

// A Type is a kind of shared object.
type Type struct {
	// Name is what clients know it by. It must not be empty.
	Name string
	// New makes an object. argument is what Create was given, New's to keep; host is the object's own and serves
	// it for its whole life. New must not block.
	New func(argument []byte, host *Host) (Object, error)
	// Methods are the exposed ones: other names never reach an object.
	Methods []string
	// ByMethodsOnly keeps clients from creating objects of the type: they come from methods alone
	// (see [Request.ReturnObject]). New may then be nil.
	ByMethodsOnly bool
}

// types is filled while packages initialise and only read afterwards.
var types = struct {
	mu    sync.RWMutex // guards table
	table map[string]*registeredType
}{table: map[string]*registeredType{}}

// A registeredType is a Type whose names of methods are its own. Sessions look at those of a call that they have not made lately.
type registeredType struct{ Type }

// RegisterType makes a type known to every manager of the program. It must be called while packages initialise and
// panics afterwards, since a manager's process would never run that line; it panics as well when the name is taken
// and when there is nothing to make objects with.
func RegisterType(t Type) {
	spawn.MustRegister("manager.RegisterType")
	if t.Name == "" || t.New == nil && !t.ByMethodsOnly {
		panic("manager.RegisterType: a type needs a name and New")
	}
	t.Methods = slices.Clone(t.Methods)
	r := &registeredType{t}
	types.mu.Lock()
	defer types.mu.Unlock()
	if types.table[t.Name] != nil {
		panic("manager.RegisterType: " + t.Name + " is registered twice")
	}
	types.table[t.Name] = r
}

func typeNamed(name string) *registeredType {
	types.mu.RLock()
	defer types.mu.RUnlock()
	return types.table[name]
}
