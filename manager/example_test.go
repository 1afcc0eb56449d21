package manager_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/spawn"
)

// hits is a Go type that is shared. Its methods run concurrently.
type hits struct{ n atomic.Int64 }

func (h *hits) Add(n int64) int64 { return h.n.Add(n) }

func newHits(_ context.Context, start int64) (*hits, error) {
	if start < 0 {
		return nil, errors.New("nobody has been hit less than never")
	}
	h := &hits{}
	h.n.Store(start)
	return h, nil
}

var (
	sharedHits = manager.RegisterGo("example.hits", newHits, nil)
	hitTwice   = spawn.Register(addTwo)
)

// addTwo runs in a process of its own, which has a proxy of its own.
func addTwo(ctx context.Context, p *manager.Proxy) error {
	defer p.Close()
	return manager.Do(ctx, p, "Add", int64(2))
}

func Example() {
	ctx := context.Background()
	m, err := manager.Start(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	p, err := sharedHits.New(ctx, m, 40, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	child, err := hitTwice.Start(ctx, p, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := child.Wait(ctx); err != nil {
		fmt.Println(err)
		return
	}
	n, err := manager.Call[int64](ctx, p, "Add", int64(0))
	fmt.Println(n, err)
	// Output: 42 <nil>
}

// Programs that know a manager's address and key meet at objects by their names.
func ExampleConnect() {
	ctx := context.Background()
	key := []byte("from a file that only they can read")
	m, err := manager.Start(ctx, &manager.Options{Key: key})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()

	for range 2 { // each might be another program
		client, err := manager.Connect(ctx, m.Address(), &manager.Options{Key: key})
		if err != nil {
			fmt.Println(err)
			return
		}
		p, err := sharedHits.New(ctx, client, 0, &manager.ObjectOptions{Name: "visits", Pinned: true})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(manager.Call[int64](ctx, p, "Add", int64(1)))
		client.Close()
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
}

// A Server is a manager in this process.
func ExampleServer() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server, err := manager.NewServer(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()

	m, err := server.Manager(ctx) // others connect to server.Address()
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := sharedHits.New(ctx, m, 1, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(manager.Call[int64](ctx, p, "Add", int64(1)))
	p.Close()
	m.Close()

	cancel()
	fmt.Println(errors.Is(<-served, context.Canceled))
	// Output:
	// 2 <nil>
	// true
}

// Errors of a factory or method arrive with their text, and with their identity where that is registered.
func ExampleCall() {
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

	_, err = sharedHits.New(ctx, m, -1, nil)
	fmt.Println(err)
	p, err := sharedHits.New(ctx, m, 1, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = manager.Call[int64](ctx, p, "Subtract", int64(1))
	fmt.Println(errors.Is(err, manager.ErrNoSuchMethod))
	_, err = manager.Call[int64](ctx, p, "Add", "one")
	fmt.Println(errors.Is(err, manager.ErrArguments))
	// Output:
	// nobody has been hit less than never
	// true
	// true
}
