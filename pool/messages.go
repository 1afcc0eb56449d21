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
	Logs        bool   // log records are forwarded
	LogLevel    int64  // from which level on
}

// order is what a link says by Process.Order: cancel the context of a task, if it is the one that runs.
type order struct {
	Cancel uint64 // its sequence number
}
