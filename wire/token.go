package wire

import (
	"fmt"
	"math"
)

// A Token names a shared object that lives in a manager. A proxy travels as its token: a MessagePack extension
// of kind 80, which FindTokens finds in any encoded value. A Token is a plain value, and refers to nothing by
// itself: see [Custodian].
type Token struct {
	Type    string // the registered name of the object's type
	Address string // where its manager listens
	ID      uint64 // the object, never used twice within the life of its manager
	Passage uint64 // the message that brings it, if that was dispatched (see Dispatch); otherwise 0
}

const tokenExtension = 80

// AppendToken appends the encoding of t, with its Passage, to dst and returns the extended slice. It is safe for
// concurrent use and does not block. It panics if t's strings are longer than MessagePack can say, 4 GiB.
func AppendToken(dst []byte, t Token) []byte {
	tuple := passingTuple(t)
	if uint64(tuple.Msgsize()) > math.MaxUint32 {
		panic("wire: a token of more than 4 GiB")
	}
	var body []byte // a tuple of strings and numbers always encodes
	if t.Passage == 0 {
		body, _ = (&tokenTuple{t.Type, t.Address, t.ID}).MarshalMsg(nil)
	} else {
		body, _ = tuple.MarshalMsg(nil)
	}
	return appendExtension(dst, tokenExtension, body)
}

// ReadToken is AppendToken's counterpart: it decodes the token that src begins with and returns what follows it. The
// error wraps ErrMalformed. It is safe for concurrent use and does not block.
func ReadToken(src []byte) (t Token, rest []byte, err error) {
	kind, body, rest, err := readExtension(src)
	if err != nil {
		return t, src, err
	}
	if kind != tokenExtension {
		return t, src, malformed(fmt.Sprintf("extension %d for a token", kind))
	}
	if t, err = readToken(body); err != nil {
		return t, src, err
	}
	return t, rest, nil
}

// FindTokens returns the tokens in encoded, which holds any number of encoded values one after another, in their
// order and with repetitions; nil when there are none. It does not decode anything else, does not keep encoded,
// does not block, and is safe for concurrent use. Errors wrap ErrMalformed or ErrTooDeep.
func FindTokens(encoded []byte) ([]Token, error) {
	var tokens []Token
	err := walkTokens(encoded, func(_, _ int, t Token) { tokens = append(tokens, t) })
	if err != nil {
		return nil, err
	}
	return tokens, nil
}

// walkTokens shows the tokens in encoded values, and where each begins and ends.
func walkTokens(encoded []byte, visit func(start, end int, t Token)) error {
	length := len(encoded)
	visitExtension := func(left int, kind int8, body []byte) error {
		if kind != tokenExtension {
			return nil
		}
		t, err := readToken(body)
		if err != nil {
			return err
		}
		start := length - left
		h, err := readHead(encoded[start:])
		if err != nil {
			return err
		}
		visit(start, start+h.size+h.body, t)
		return nil
	}
	for rest := encoded; len(rest) != 0; {
		var err error
		if rest, err = walkValue(rest, visitExtension); err != nil {
			return fmt.Errorf("wire: find tokens: %w", err)
		}
	}
	return nil
}

// markTokens returns a copy of encoded values whose tokens have a passage.
func markTokens(encoded []byte, passage uint64) ([]byte, error) {
	marked := make([]byte, 0, len(encoded)+len(encoded)/8)
	copied := 0
	err := walkTokens(encoded, func(start, end int, t Token) {
		t.Passage = passage
		marked = AppendToken(append(marked, encoded[copied:start]...), t)
		copied = end
	})
	return append(marked, encoded[copied:]...), err
}

// MarshalMsg appends t to dst without its Passage, so that a Token may be a field of any value. It never fails.
func (t Token) MarshalMsg(dst []byte) ([]byte, error) {
	t.Passage = 0
	return AppendToken(dst, t), nil
}

// UnmarshalMsg decodes the token that src begins with, without its Passage, and returns what follows it. The error wraps
// ErrMalformed.
func (t *Token) UnmarshalMsg(src []byte) (rest []byte, err error) {
	read, rest, err := ReadToken(src)
	if err != nil {
		return src, err
	}
	read.Passage = 0
	*t = read
	return rest, nil
}

func readToken(body []byte) (Token, error) {
	r := Reader{rest: body}
	n := r.Array()
	t := Token{Type: r.Text(), Address: r.Text(), ID: r.Uint()}
	want := 3
	if n > want {
		want = 4
		if t.Passage = r.Uint(); t.Passage == 0 {
			r.Fail(malformed("the passage is 0"))
		}
	}
	rest, err := r.after(n, want)
	switch {
	case err != nil:
		return Token{}, fmt.Errorf("token: %w", err)
	case len(rest) != 0:
		return Token{}, malformed("token: bytes after it")
	}
	return t, nil
}
