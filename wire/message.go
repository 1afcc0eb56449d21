package wire

import "fmt"

//go:generate go run github.com/tinylib/msgp -file message.go -o message_gen.go -io=false -tests=false -unexported

// Each message is a tuple: MessagePack arrays without field names. A field may be added at the end of none of
// them without a new protocol version.

//msgp:tuple tokenTuple passingTuple errorTuple requestHeader replyHeader segmentHeader cancelHeader offerHeader answerHeader
//msgp:shim ReplyKind as:string using:ReplyKind.String/replyKind
//msgp:ignore ReplyKind

// A tokenTuple is the body of a token's extension.
type tokenTuple struct {
	Type    string
	Address string
	ID      uint64
}

// A passingTuple is that of a token in a message that was dispatched.
type passingTuple struct {
	Type    string
	Address string
	ID      uint64
	Passage uint64 // not 0
}

// An errorTuple is an error that leaves its process.
type errorTuple struct {
	Codes   []string
	Message string
	Stack   string
	Panic   bool
}

// messageKind is the first element of each call message's header.
type messageKind uint8

const (
	kindRequest messageKind = 1 + iota
	kindReply
	kindSegment
	kindCancel
	kindOffer
	kindAnswer
	kindTurn // a tuple with nothing else: what follows is in the ring
)

// told is the number of calls that have no reply, and are whole in their frame.
const told = 0

// A requestHeader opens a call. The rest of its frame is the beginning of the argument.
type requestHeader struct {
	Kind   messageKind
	Call   uint64 // unique within the connection, or told
	Object uint64
	Method string
	Size   uint64 // bytes of the whole argument
}

// A replyHeader ends a call. The rest of its frame is the beginning of the result.
type replyHeader struct {
	Kind   messageKind
	Call   uint64
	Result ReplyKind
	Size   uint64 // bytes of the whole result
}

// A segmentHeader continues the argument or result that did not fit its first frame.
type segmentHeader struct {
	Kind messageKind
	Call uint64
}

// A cancelHeader asks for the reply now. There is always one.
type cancelHeader struct {
	Kind messageKind
	Call uint64
}

// An offerHeader comes with a file, to be shared memory.
type offerHeader struct {
	Kind messageKind
	Size uint64 // bytes
}

// An answerHeader says what became of an offer.
type answerHeader struct {
	Kind  messageKind
	Taken bool
}

// read takes a request's header from its frame, and returns what follows. Unlike UnmarshalMsg it believes no length that
// the frame does not bear out where int has 32 bits.
func (h *requestHeader) read(frame []byte, known *names) (payload []byte, err error) {
	if payload, ok := h.readShort(frame, known); ok {
		return payload, nil
	}
	r := Reader{rest: frame}
	n := r.Array()
	*h = requestHeader{messageKind(r.Uint()), r.Uint(), r.Uint(), r.Text(), r.Uint()}
	return r.after(n, 5)
}

// read is requestHeader.read for a reply.
func (h *replyHeader) read(frame []byte) (payload []byte, err error) {
	if payload, ok := h.readShort(frame); ok {
		return payload, nil
	}
	r := Reader{rest: frame}
	n := r.Array()
	*h = replyHeader{messageKind(r.Uint()), r.Uint(), replyKind(r.Text()), r.Uint()}
	return r.after(n, 4)
}

// after returns what follows a tuple, which must have had so many fields.
func (r *Reader) after(fields, want int) ([]byte, error) {
	if r.err == nil && fields != want {
		return nil, fmt.Errorf("%w: a header of %d fields, not %d", ErrMalformed, fields, want)
	}
	return r.rest, r.err
}
