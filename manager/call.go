package manager

// A Call is one call of one method of an object. It is answered exactly once, by Return, ReturnObject or Fail; later
// answers are ignored. Its methods are safe for concurrent use and don't block; its fields must not be changed.
type Call struct {
	Method   string
	Argument []byte // encoded, and the object's to keep
	Session  *Session
}

// Return answers with an encoded value, which is the manager's from then on. Each proxy in it gets a reference for the
// caller's session, so that the object may drop its own at once (see [Host.Drop]).
func (c *Call) Return(value []byte) { panic("not yet") }

// ReturnObject makes o, of a registered type, a shared object, and answers with a proxy for it.
func (c *Call) ReturnObject(typeName string, o Object) { panic("not yet") }

// Fail answers with an error, which must not be nil. Sentinels that were registered with wire.RegisterError are found by
// errors.Is in the caller.
func (c *Call) Fail(err error) { panic("not yet") }

// OnCancel sets what is called, in another goroutine, when the caller gives up or its session ends before the answer;
// it is called at once when that has happened already. fn must see to it that the call is answered soon: with
// Fail(context.Canceled) if nothing was done, with Return if its turn has come meanwhile. Without an OnCancel a call
// that is cancelled is answered with context.Canceled. OnCancel is to be called once, before Object.Call returns.
func (c *Call) OnCancel(fn func()) { panic("not yet") }

// Cancelled reports whether the caller has given up or its session is ending.
func (c *Call) Cancelled() bool { panic("not yet") }

// A Host is an object's way to its manager. Its methods are safe for concurrent use and don't block.
type Host struct{}

// Keep takes a reference of the object's own to each object whose proxy is in an encoded value, which is about to be
// stored. It takes all or, with an error, none: the error wraps ErrForeignProxy or ErrNoSuchObject, or is that of a
// malformed value. Whatever is kept when the object itself goes is dropped with it.
func (h *Host) Keep(value []byte) error { panic("not yet") }

// Drop lets go of what Keep took for the same value.
func (h *Host) Drop(value []byte) { panic("not yet") }

// ID returns the object's number, which no other object of the manager has or will have.
func (h *Host) ID() uint64 { panic("not yet") }

// Name returns the name that the object was created with, or "".
func (h *Host) Name() string { panic("not yet") }

// A Session is one client's connection, as objects see it: the owner of holds and waits. Two sessions are the same when
// their pointers are.
type Session struct{}

// ID returns the session's number, which no other session of the manager has or will have.
func (s *Session) ID() uint64 { panic("not yet") }

// String names the session and its process, for people.
func (s *Session) String() string { panic("not yet") }
