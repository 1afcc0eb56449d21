package manager

import (
	"bytes"
	"slices"

	"github.com/multiproc-go/multiproc/wire"
)

// tokenKind is the kind of the MessagePack extension that a token is.
const tokenKind = 80

// findTokens is wire.FindTokens that is quick where there is none, however long the value.
func findTokens(encoded []byte) ([]wire.Token, error) {
	if !mayHoldToken(encoded) {
		return nil, nil
	}
	return wire.FindTokens(encoded)
}

// enoughLooks is after how many bytes of the tokens' kind mayHoldToken leaves the question to the walk, which skips a
// long string in one step.
const enoughLooks = 64

// shortestToken is how many bytes a token has at least: the head of an extension, and a tuple of three.
const shortestToken = 6

// mayHoldToken looks for a byte of the tokens' kind after what may be the head of an extension.
func mayHoldToken(encoded []byte) bool {
	if len(encoded) < shortestToken {
		return false
	}
	at := 0
	for range enoughLooks {
		next := bytes.IndexByte(encoded[at:], tokenKind)
		if next < 0 {
			return false
		}
		at += next
		for _, head := range extensionHeads {
			if at >= head.length && encoded[at-head.length] == head.lead {
				return true
			}
		}
		at++
	}
	return true
}

// extensionHeads are the heads that are long enough for a token: the lead byte, and how far before the kind it stands.
var extensionHeads = []struct {
	lead   byte
	length int
}{{0xd6, 1}, {0xd7, 1}, {0xd8, 1}, {0xc7, 2}, {0xc8, 3}, {0xc9, 5}}

// idsOfTokens returns the numbers of objects.
func idsOfTokens(tokens []wire.Token) []uint64 {
	ids := make([]uint64, len(tokens))
	for i, t := range tokens {
		ids[i] = t.ID
	}
	return ids
}

// withoutPassage copies tokens.
func withoutPassage(tokens []wire.Token) []wire.Token {
	copied := slices.Clone(tokens)
	for i := range copied {
		copied[i].Passage = 0
	}
	return copied
}

// idsAt returns the numbers of those tokens that are objects at an address.
func idsAt(address string, tokens []wire.Token) []uint64 {
	var ids []uint64
	for _, t := range tokens {
		if t.Address == address && t.ID != serverObject {
			ids = append(ids, t.ID)
		}
	}
	return ids
}
