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
}

const tokenExtension = 80

// AppendToken appends the encoding of t to dst and returns the extended slice. It is safe for concurrent use and
// does not block. It panics if t's strings are longer than MessagePack can say, 4 GiB.
func AppendToken(dst []byte, t Token) []byte {
	tuple := tokenTuple(t)
	if uint64(tuple.Msgsize()) > math.MaxUint32 {
		panic("wire: a token of more than 4 GiB")
	}
	body, _ := tuple.MarshalMsg(nil) // a tuple of strings and numbers always encodes
	return appendExtension(dst, tokenExtension, body)
}

// FindTokens returns the tokens in encoded, which holds any number of encoded values one after another, in their
// order and with repetitions; nil when there are none. It does not decode anything else, does not keep encoded,
// does not block, and is safe for concurrent use. Errors wrap ErrMalformed or ErrTooDeep.
func FindTokens(encoded []byte) ([]Token, error) {
	var tokens []Token
	visit := func(kind int8, body []byte) error {
		if kind != tokenExtension {
			return nil
		}
		t, err := readToken(body)
		if err != nil {
			return err
		}
		tokens = append(tokens, t)
		return nil
	}
	for len(encoded) != 0 {
		rest, err := walkValue(encoded, visit)
		if err != nil {
			return nil, fmt.Errorf("wire: find tokens: %w", err)
		}
		encoded = rest
	}
	return tokens, nil
}

// MarshalMsg appends t to dst as AppendToken does, so that a Token may be a field of any value. It never fails.
func (t Token) MarshalMsg(dst []byte) ([]byte, error) { return AppendToken(dst, t), nil }

// UnmarshalMsg decodes the token that src begins with and returns what follows it. The error wraps ErrMalformed.
func (t *Token) UnmarshalMsg(src []byte) (rest []byte, err error) {
	kind, body, rest, err := readExtension(src)
	if err != nil {
		return src, err
	}
	if kind != tokenExtension {
		return src, malformed(fmt.Sprintf("extension %d for a token", kind))
	}
	if *t, err = readToken(body); err != nil {
		return src, err
	}
	return rest, nil
}

func readToken(body []byte) (Token, error) {
	r := Reader{rest: body}
	n := r.Array()
	t := Token{r.Text(), r.Text(), r.Uint()}
	rest, err := r.after(n, 3)
	switch {
	case err != nil:
		return Token{}, fmt.Errorf("token: %w", err)
	case len(rest) != 0:
		return Token{}, malformed("token: bytes after it")
	}
	return t, nil
}
