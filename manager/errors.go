package manager

import (
	"errors"

	"github.com/multiproc-go/multiproc/wire"
)

var (
	// ErrManagerLost is wrapped by every call, pending or later, of a session that has ended: its manager died, was
	// shut down, or the connection broke. What a pending call did before that is unknown. It is wrapped as well when a
	// proxy of such a session is to be sent, and when one arrives whose manager is not there any more.
	ErrManagerLost = errors.New("the manager is lost")
	// ErrClosed is wrapped by calls of a Manager, a Proxy or a Server that was closed here.
	ErrClosed = errors.New("closed")
	// ErrExists is wrapped when an object of that name exists, with another type or other options.
	ErrExists = errors.New("an object of this name exists and is another")
	// ErrForeignProxy is wrapped when a proxy is to be stored in an object of another manager than its own.
	ErrForeignProxy = errors.New("the proxy belongs to another manager")
	// ErrNoSuchObject is wrapped when an object has gone, or its manager was started again since.
	ErrNoSuchObject = errors.New("no such object")
	// ErrNoSuchMethod is wrapped when an object's type does not expose the method.
	ErrNoSuchMethod = errors.New("no such method")
	// ErrArguments is wrapped when a method cannot be called with the arguments that it was given.
	ErrArguments = errors.New("the arguments do not fit the method")
	// ErrNoSuchType is wrapped when a manager's binary has no such type, or one that clients may not create.
	ErrNoSuchType = errors.New("no such type")
)

func init() {
	wire.RegisterError("manager.lost", ErrManagerLost)
	wire.RegisterError("manager.closed", ErrClosed)
	wire.RegisterError("manager.exists", ErrExists)
	wire.RegisterError("manager.foreign_proxy", ErrForeignProxy)
	wire.RegisterError("manager.no_such_object", ErrNoSuchObject)
	wire.RegisterError("manager.no_such_method", ErrNoSuchMethod)
	wire.RegisterError("manager.no_such_type", ErrNoSuchType)
	wire.RegisterError("manager.arguments", ErrArguments)
	wire.RegisterError("wire.unsupported_type", wire.ErrUnsupportedType)
}
