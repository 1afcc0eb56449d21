package manager_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// A memo is one for all proxies of an object, and of that object alone.
func TestMemoIsTheObjects(t *testing.T) {
	m := started(t, nil)
	made := 0
	memo := func(p *manager.Proxy) any {
		t.Helper()
		memo, err := p.Memo(func() any { made++; return &made })
		if err != nil {
			t.Fatal(err)
		}
		return memo
	}
	one, other := newDoorbell(t, m), newDoorbell(t, m)
	again, err := one.Clone()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if memo(one) != memo(again) {
			t.Error("two proxies of an object have two")
		}
		memo(other)
	}
	if made != 2 {
		t.Errorf("%d were made for 2 objects", made)
	}
	for _, p := range []*manager.Proxy{one, again, other} {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Memo(func() any { return nil }); !errors.Is(err, manager.ErrClosed) {
			t.Errorf("of a proxy that is closed: %v", err)
		}
	}
	if _, err := new(manager.Proxy).Memo(func() any { return nil }); err == nil {
		t.Error("the zero Proxy has one")
	}
}

func newDoorbell(t *testing.T, m *manager.Manager) *manager.Proxy {
	t.Helper()
	p, err := manager.Create(context.Background(), m, "example.doorbell", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What is sent arrives though nothing is called after it.
func TestSendArrives(t *testing.T) {
	m := started(t, nil)
	bell := newDoorbell(t, m)
	rung := make(chan error, 1)
	go func() {
		_, err := bell.Invoke(t.Context(), "Listen", nil)
		rung <- err
	}()
	for {
		if err := bell.Send("Ring", nil); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-rung:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}

// A call that was given up because another session was lost tells nothing of its own session, whose words stay.
func TestWordsAfterACallThatWasGivenUp(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no memory to share here")
	}
	m := started(t, nil)
	bell := newDoorbell(t, m)
	for bell.Words() == nil {
		if _, err := bell.Invoke(t.Context(), "Ring", nil); err != nil {
			t.Fatal(err)
		}
	}
	words := bell.Words()
	words.Store(0, 7)
	for _, cause := range []error{wire.ErrConnectionLost, wire.ErrClosed} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(fmt.Errorf("another session: %w", cause))
		if _, err := bell.Invoke(ctx, "Ring", nil); !errors.Is(err, cause) {
			t.Error(err)
		}
		if words.Load(0) != 7 {
			t.Fatalf("the words are gone after %v", cause)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := bell.Invoke(t.Context(), "Ring", nil); err == nil || words.Load(0) != 0 {
		t.Errorf("the words are there after the session: %v", err)
	}
}
