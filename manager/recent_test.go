package manager_test

import (
	"errors"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// An object that a session has called many times, and that was removed since, is found no more: also by a client that breaks the
// rules and goes on calling what it has let go.
func TestObjectsThatWereCalledAreRemoved(t *testing.T) {
	m := started(t, nil)
	ctx := t.Context()
	client := wire.NewCaller(raw(t, m, m.Key()), nil)
	defer client.Close()
	call := func(p *manager.Proxy, method string) error {
		_, err := client.Call(ctx, p.Token().ID, method, []byte{0xc0})
		return err
	}
	stays := must(manager.Create(ctx, m, "box", nil, nil))
	defer stays.Close()
	for range 50 {
		goes := must(manager.Create(ctx, m, "box", nil, nil))
		for range 3 {
			for _, p := range []*manager.Proxy{goes, stays} {
				if err := errors.Join(call(p, "Put"), call(p, "Get")); err != nil {
					t.Fatal(err)
				}
				if err := call(p, "Gut"); !errors.Is(err, manager.ErrNoSuchMethod) {
					t.Fatalf("a method that is not there: %v", err)
				}
			}
		}
		if err := goes.Close(); err != nil {
			t.Fatal(err)
		}
		must(m.NumberOfObjects(ctx)) // the release has arrived
		for _, method := range []string{"Put", "Get", "Gut"} {
			if err := call(goes, method); !errors.Is(err, manager.ErrNoSuchObject) {
				t.Fatalf("%s of an object that is gone: %v", method, err)
			}
		}
	}
}
