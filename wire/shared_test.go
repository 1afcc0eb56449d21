package wire_test

import (
	"bytes"
	"testing"

	"github.com/multiproc-go/multiproc/wire"
)

type namedBytes []byte

// Bytes that were encoded by their header alone decode as if by Append, also from memory that may change.
func TestBytesBehindTheirHeader(t *testing.T) {
	codec, err := wire.CodecOf[namedBytes]()
	if err != nil {
		t.Fatal(err)
	}
	for _, sent := range []namedBytes{{}, {1}, bytes.Repeat([]byte{7}, 100_000)} {
		raw, ok := codec.Bytes(&sent)
		if !ok || !bytes.Equal(raw, sent) {
			t.Fatal(ok, len(raw))
		}
		encoded := append(wire.AppendBytesHeader(nil, len(raw)), raw...)
		var received, shared namedBytes
		if err := codec.Decode(encoded, &received); err != nil || !bytes.Equal(received, sent) {
			t.Fatal(err, len(received))
		}
		if err := codec.DecodeShared(encoded, &shared, wire.CloneBytes); err != nil || !bytes.Equal(shared, sent) || shared == nil {
			t.Fatal(err, len(shared))
		}
		clear(encoded)
		if !bytes.Equal(shared, sent) {
			t.Fatal("what was decoded is not a copy")
		}
	}
}

// DecodeShared refuses what Decode refuses, and decodes other types as that does.
func TestDecodeSharedIsDecode(t *testing.T) {
	codec, err := wire.CodecOf[[]byte]()
	if err != nil {
		t.Fatal(err)
	}
	for _, encoded := range [][]byte{{}, {0xc0}, {0xc4, 2, 1, 1}, {0xc6, 0, 0, 0, 9, 1}, {0xc6, 0xff, 0xff, 0xff, 0xff, 1}, {0xc6, 0, 0, 0, 1, 1, 1}, {0xa1, 'a'}, {1}} {
		var received, shared []byte
		want, got := codec.Decode(encoded, &received), codec.DecodeShared(encoded, &shared, wire.CloneBytes)
		if (want == nil) != (got == nil) || want == nil && (!bytes.Equal(received, shared) || (received == nil) != (shared == nil)) {
			t.Errorf("%x: %v and %v, %v and %v", encoded, received, shared, want, got)
		}
	}
	strings, err := wire.CodecOf[string]()
	if err != nil {
		t.Fatal(err)
	}
	text := "text"
	if _, ok := strings.Bytes(&text); ok {
		t.Fatal("a string was taken for bytes")
	}
	encoded, err := strings.Append(nil, &text)
	if err != nil {
		t.Fatal(err)
	}
	var received string
	if err := strings.DecodeShared(encoded, &received, wire.CloneBytes); err != nil || received != text {
		t.Fatal(received, err)
	}
}
