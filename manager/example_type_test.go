package manager_test

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/multiproc-go/multiproc/manager"
)

// A doorbell has calls wait: each Ring lets the first of those who Listen go.
type doorbell struct {
	mu        sync.Mutex // guards listeners
	listeners []*manager.Request
}

func init() {
	manager.RegisterType(manager.Type{
		Name:    "example.doorbell",
		New:     func([]byte, *manager.Host) (manager.Object, error) { return &doorbell{}, nil },
		Methods: []string{"Listen", "Ring"},
	})
}

// Call never blocks: a listener's request is kept, and answered by a later Ring, or when its caller gives up.
func (d *doorbell) Call(r *manager.Request) {
	if r.Method == "Ring" {
		if first := d.take(nil); first != nil {
			first.Return(r.Argument)
		}
		r.Return(nil)
		return
	}
	d.mu.Lock()
	d.listeners = append(d.listeners, r)
	d.mu.Unlock()
	r.OnCancel(func() {
		if d.take(r) != nil { // else it has been answered
			r.Fail(context.Canceled)
		}
	})
}

// take removes a listener, nil for the first one, and returns it if it was there.
func (d *doorbell) take(wanted *manager.Request) *manager.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := 0
	if wanted != nil {
		at = slices.Index(d.listeners, wanted)
	}
	if at < 0 || at >= len(d.listeners) {
		return nil
	}
	taken := d.listeners[at]
	d.listeners = slices.Delete(d.listeners, at, at+1)
	return taken
}

// SessionEnded finds nothing to do: the listeners of a session are cancelled before.
func (d *doorbell) SessionEnded(*manager.Session) {}

// Inspect tells who waits.
func (d *doorbell) Inspect() manager.Inspection {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := manager.Inspection{Summary: fmt.Sprintf("%d listen", len(d.listeners))}
	for _, r := range d.listeners {
		i.Waiters = append(i.Waiters, r.Session)
	}
	return i
}

func ExampleRegisterType() {
	ctx := context.Background()
	server, err := manager.NewServer(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	m, err := server.Manager(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	bell, err := manager.Create(ctx, m, "example.doorbell", nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	heard := make(chan string)
	go func() {
		sound, err := bell.Invoke(ctx, "Listen", nil)
		heard <- fmt.Sprintf("%q %v", sound, err)
	}()
	for listening := false; !listening; {
		info, err := m.Info(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		listening = info.Objects[0].Summary == "1 listen"
	}
	if _, err := bell.Invoke(ctx, "Ring", []byte("\xa4ding")); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-heard)
	// Output: "\xa4ding" <nil>
}
