package wire

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTokensAreFound(t *testing.T) {
	a, b := Token{"Lock", "/a", 1}, Token{"Queue", "tcp:b", 1 << 60}
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

func (f *fakeCustodian) Adopt(context.Context, []Token) error {
	f.calls = append(f.calls, "adopt")
	return errors.New("gone")
}
func (f *fakeCustodian) Release([]Token) { f.calls = append(f.calls, "release") }

func TestCustodian(t *testing.T) {
	ctx, tokens := context.Background(), []Token{{"Lock", "/a", 1}}
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
	if err := Adopt(ctx, tokens); err == nil {
		t.Error("Adopt lost the custodian's error")
	}
	Release(tokens)
	if diff := cmp.Diff([]string{"hold", "adopt", "release"}, f.calls); diff != "" {
		t.Error(diff)
	}
	if panicOf(func() { SetCustodian(f) }) == nil {
		t.Error("a second custodian was accepted")
	}
}
