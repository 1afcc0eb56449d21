package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTokensAreFound(t *testing.T) {
	a, b := Token{"Lock", "/a", 1, 0}, Token{"Queue", "tcp:b", 1 << 60, 0}
	value := map[string]any{"x": []any{a, "no", []byte("\xc7\x00\x50")}}
	encoded, err := codecOf[map[string]any](t).Append(nil, &value)
	if err != nil {
		t.Fatal(err)
	}
	encoded = AppendToken(AppendToken(encoded, b), a)
	got, err := FindTokens(encoded)
	if diff := cmp.Diff([]Token{a, b, a}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for cut := 1; cut < len(encoded); cut++ {
		if tokens, err := FindTokens(encoded[:cut]); err != nil && (!errors.Is(err, ErrMalformed) || tokens != nil) {
			t.Errorf("cut to %d bytes: %v, %v", cut, tokens, err)
		}
	}
	if got, err := FindTokens([]byte{0xd4, 80, 0xc0}); !errors.Is(err, ErrMalformed) {
		t.Error(got, err)
	}
}

type fakeCustodian struct{ calls []string }

func (f *fakeCustodian) Hold(context.Context, []Token) error {
	f.calls = append(f.calls, "hold")
	return nil
}

func (f *fakeCustodian) Dispatch(_ context.Context, tokens []Token) (uint64, error) {
	f.calls = append(f.calls, fmt.Sprint("dispatch ", len(tokens)))
	return 7, nil
}

func (f *fakeCustodian) Adopt(context.Context, []Token) error {
	f.calls = append(f.calls, "adopt")
	return errors.New("gone")
}
func (f *fakeCustodian) Release([]Token) { f.calls = append(f.calls, "release") }
func (f *fakeCustodian) Decode(src []byte) (any, []byte, error) {
	t, rest, err := ReadToken(src)
	return t.Passage, rest, err
}

func TestCustodian(t *testing.T) {
	ctx, tokens := context.Background(), []Token{{"Lock", "/a", 1, 0}}
	if err := Hold(ctx, tokens); !errors.Is(err, ErrNoCustodian) {
		t.Error(err)
	}
	if err := Adopt(ctx, nil); err != nil {
		t.Error(err)
	}
	Release(tokens)
	f := &fakeCustodian{}
	SetCustodian(f)
	t.Cleanup(func() { custodian.Store(nil) })
	_ = Hold(ctx, nil)
	if err := Hold(ctx, tokens); err != nil {
		t.Error(err)
	}
	if message, err := Dispatch(ctx, []byte{1}); err != nil || !bytes.Equal(message, []byte{1}) {
		t.Error(message, err)
	}
	message := AppendToken(AppendToken([]byte{0x93, 1}, tokens[0]), tokens[0])
	marked, err := Dispatch(ctx, message)
	want := Token{"Lock", "/a", 1, 7}
	if found, err2 := FindTokens(marked); err != nil || err2 != nil || len(found) != 2 || found[0] != want || found[1] != want {
		t.Error(found, err, err2)
	}
	if err := Adopt(ctx, tokens); err == nil {
		t.Error("Adopt lost the custodian's error")
	}
	Release(tokens)
	var decoded []any
	if _, err := DecodeValue(marked, &decoded); err != nil || !cmp.Equal(decoded, []any{int64(1), uint64(7), uint64(7)}) {
		t.Error(decoded, err)
	}
	if diff := cmp.Diff([]string{"hold", "dispatch 2", "adopt", "release"}, f.calls); diff != "" {
		t.Error(diff)
	}
	if panicOf(func() { SetCustodian(f) }) == nil {
		t.Error("a second custodian was accepted")
	}
}

func TestPassageIsForCarriersAlone(t *testing.T) {
	passing := Token{"Lock", "/a", 1, 9}
	encoded := AppendToken([]byte{0x92}, passing)
	encoded = AppendToken(encoded, passing)
	if got, rest, err := ReadToken(encoded[1:]); err != nil || got != passing || len(rest) == 0 {
		t.Error(got, err)
	}
	plain := Token{"Lock", "/a", 1, 0}
	var decoded []any
	_, err := DecodeValue(encoded, &decoded)
	if diff := cmp.Diff([]any{plain, plain}, decoded); err != nil || diff != "" {
		t.Error(diff, err)
	}
	var typed Token
	if _, err := typed.UnmarshalMsg(encoded[1:]); err != nil || typed != plain {
		t.Error(typed, err)
	}
	if again, err := passing.MarshalMsg(nil); err != nil || !bytes.Equal(again, AppendToken(nil, plain)) {
		t.Errorf("%x, %v", again, err)
	}
	zero := append([]byte{0xc7, 0x0b, 80}, 0x94, 0xa4, 'L', 'o', 'c', 'k', 0xa2, '/', 'a', 1, 0)
	if _, _, err := ReadToken(zero); !errors.Is(err, ErrMalformed) {
		t.Errorf("a passage of 0: %v", err)
	}
}
