package pool

//go:generate go run github.com/tinylib/msgp -file messages.go -o messages_gen.go -tests=false -io=false -unexported

//msgp:tuple setup
//msgp:tuple order

// setup is the argument of a worker's role.
type setup struct {
	Functions   []byte // digest of the parent's table of functions
	Initializer string // name, or empty for none
	Argument    []byte // the initializer's, encoded
	MaxPayload  int64  // bytes
}

// order is a frame on a link's control connection, always from the parent.
type order struct {
	Kind     uint8
	Sequence uint64 // the task that is meant
}

// Kinds of order.
const (
	orderCancel = 1 // cancel the context of the task Sequence, if it is the one that runs
	orderStop   = 2 // leave when the task that runs has ended
)

// maxOrder bounds an order's frame, in bytes.
const maxOrder = 64
