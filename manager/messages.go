package manager

import (
	"fmt"

	"github.com/multiproc-go/multiproc/wire"
)

// protocolVersion is what both ends must agree on in the greeting.
const protocolVersion = 2

// The server's own methods: those of object 0.
const (
	serverObject = 0

	methodGreet     = "greet"     // who the client is, and where the server listens
	methodCreate    = "create"    // make an object, or find a named one
	methodRefer     = "refer"     // take references
	methodRelease   = "release"   // let go of references
	methodDispatch  = "dispatch"  // take references that outlive the session for a while
	methodRecall    = "recall"    // let go of those: they have arrived, or will not
	methodMethods   = "methods"   // what an object's type exposes
	methodCount     = "count"     // the number of objects
	methodInfo      = "info"      // everything
	methodPing      = "ping"      // nothing
	methodTerminate = "terminate" // end the manager
)

// Methods that every object has.
const (
	methodValue    = "#value"
	methodDescribe = "#describe"
)

// A greeting is what a client says of itself.
type greeting struct {
	Version int
	PID     int
	Name    string

	MaxMessage int64 // bytes of a result
}

// A welcome answers it.
type welcome struct {
	Version int
	Address string
	Session uint64
	PID     int
	Name    string

	MaxMessage int64 // bytes of an argument or result
	Memory     bool  // shared memory may be offered
}

// A createRequest asks for an object.
type createRequest struct {
	Type     string
	Name     string
	Pinned   bool
	Argument []byte
}

// encode and decode are for what this package itself sends.
func encode[T any](v T) []byte {
	codec, err := wire.CodecOf[T]()
	if err == nil {
		var encoded []byte
		if encoded, err = codec.Append(nil, &v); err == nil {
			return encoded
		}
	}
	panic(fmt.Sprintf("manager: encode a %T: %v", v, err)) // these types and values always encode
}

func decode[T any](encoded []byte) (v T, err error) {
	codec, err := wire.CodecOf[T]()
	if err != nil {
		return v, err
	}
	return codec.DecodeValue(encoded)
}
