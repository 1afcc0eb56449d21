package spawn

//go:generate go run github.com/tinylib/msgp -file messages.go -tests=false -unexported -io=false

//msgp:tuple boot hello order record argument section

// protocol is raised when any message here changes. Both ends are one binary, except where a platform without
// /proc/self/exe has found a replaced one under the old path.
const protocol = 2

// boot is the first frame on the lifeline: all that a child has to know.
type boot struct {
	Protocol    int
	Role        string
	Name        string
	ParentPID   int
	ParentName  string
	Grace       int64 // nanoseconds
	Procs       int
	MemoryLimit int64 // bytes
	Limits      []limitTuple
	Detached    bool
	Guarded     bool // an outer guardian kills what this child leaves
	Sections    []section
	Argument    []byte
}

//msgp:tuple limitTuple

// limitTuple is a Limit on its way to the child.
type limitTuple struct {
	Resource int
	Soft     uint64
	Hard     uint64
}

// section is what one bequest has put into a boot message.
type section struct {
	Name string
	Data []byte
}

// hello is the first frame on the second pipe: the child is ready, or why it is not.
type hello struct {
	PID     int
	Address string
	Failed  bool
	Error   []byte // as wire.AppendError has it
	Knocks  bool   // more frames may come: empty ones
}

// order is any later frame on a child's lifeline.
type order struct {
	Kind    int
	Message []byte // of orderRole
}

// Kinds of order. A child ignores those that it does not know.
const (
	orderStop = 1
	orderRole = 2 // it is for the role
)

// record is what a frame on the guardian's lifeline holds: a process to watch over, or one that is gone.
type record struct {
	PID   int
	Start uint64
	Group int
	Grace int64 // nanoseconds
	Gone  bool
}

// argument is the argument of the role in which registered functions run.
type argument struct {
	Function string
	Ends     []uint64 // pipe ends, in the order of the inherited files
	Value    []byte
}
