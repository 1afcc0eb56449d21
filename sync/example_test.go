package sync_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/spawn"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// A deposit is what a teller gets: proxies are part of arguments like anything else.
type deposit struct {
	Lock    *mpsync.Lock
	Account *mpsync.Value[int]
	Amount  int
}

var teller = spawn.Register(func(ctx context.Context, d deposit) error {
	held, err := d.Lock.Acquire(ctx)
	if err != nil {
		return err
	}
	defer held.Release()
	balance, err := d.Account.Get(ctx)
	if err != nil {
		return err
	}
	return d.Account.Set(ctx, balance+d.Amount)
})

// The program's main calls spawn.Main, which children need.
func Example() {
	ctx := context.Background()
	m, err := manager.Start(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Shutdown(ctx)

	lock := must(mpsync.NewLock(ctx, m))
	account := must(mpsync.NewValue(ctx, m, 100))
	var tellers []*spawn.Process
	for _, amount := range []int{50, -30, 5} {
		tellers = append(tellers, must(teller.Start(ctx, deposit{lock, account, amount}, nil)))
	}
	for _, p := range tellers {
		if err := p.Wait(ctx); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(must(account.Get(ctx)))
	// Output: 125
}

// exampleManager returns a manager in this process, as the examples below need no other, and what ends it.
func exampleManager(ctx context.Context) (*manager.Manager, func()) {
	server := must(manager.NewServer(nil))
	m := must(server.Manager(ctx))
	return m, func() {
		m.Close()
		server.Close()
	}
}

func ExampleLock() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	lock := must(mpsync.NewLock(ctx, m, mpsync.Named("printer"))) // other programs find it by its name
	held, err := lock.Acquire(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer held.Release()
	if held.OwnerDied() {
		fmt.Println("the one before has died: look at what it left")
	}
	fmt.Println("fenced:", held.Fence() != 0)
	busy, err := lock.TryAcquire(ctx)
	fmt.Println(busy == nil, err)
	// Output:
	// fenced: true
	// true <nil>
}

func ExampleRLock() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	lock, me := must(mpsync.NewRLock(ctx, m)), mpsync.NewOwner()
	outer := must(lock.Acquire(ctx, me))
	inner := must(lock.Acquire(ctx, me)) // does not wait for itself
	fmt.Println(inner.Release(), must(lock.Locked(ctx)))
	fmt.Println(outer.Release(), must(lock.Locked(ctx)))
	// Output:
	// <nil> true
	// <nil> false
}

func ExampleSemaphore() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	slots := must(mpsync.NewSemaphore(ctx, m, 2))
	for range 2 {
		if err := slots.Acquire(ctx); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(slots.TryAcquire(ctx))
	fmt.Println(slots.Release())
	fmt.Println(slots.TryAcquire(ctx))
	// Output:
	// false <nil>
	// <nil>
	// true <nil>
}

func ExampleBoundedSemaphore() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	slots := must(mpsync.NewBoundedSemaphore(ctx, m, 2))
	fmt.Println(errors.Is(slots.Release(), mpsync.ErrOverReleased))
	// Output: true
}

func ExampleCondition() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	condition := must(mpsync.NewCondition(ctx, m, nil))
	ready := must(mpsync.NewValue(ctx, m, false))
	go func() { // in another process, as a rule
		held := must(condition.Acquire(ctx))
		defer held.Release()
		must[any](nil, ready.Set(ctx, true))
		must(condition.NotifyAll(ctx, held))
	}()

	held := must(condition.Acquire(ctx))
	defer held.Release()
	err := condition.WaitFor(ctx, held, func() bool { return must(ready.Get(ctx)) })
	fmt.Println(err)
	// Output: <nil>
}

func ExampleEvent() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	started := must(mpsync.NewEvent(ctx, m))
	brief, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	fmt.Println(errors.Is(started.Wait(brief), context.DeadlineExceeded))
	fmt.Println(started.Set(ctx))
	fmt.Println(started.Wait(ctx))
	// Output:
	// true
	// <nil>
	// <nil>
}

func ExampleBarrier() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	barrier := must(mpsync.NewBarrier(ctx, m, 2))
	other := make(chan error)
	go func() { // in another process, as a rule
		_, err := barrier.Wait(ctx)
		other <- err
	}()
	_, err := barrier.Wait(ctx)
	fmt.Println(err, <-other)
	// Output: <nil> <nil>
}

func ExampleQueue() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	queue := must(mpsync.NewQueue[string](ctx, m, 10))
	for _, word := range []string{"first", "second"} {
		if err := queue.Put(ctx, word); err != nil {
			fmt.Println(err)
		}
	}
	if err := queue.Close(ctx); err != nil {
		fmt.Println(err)
	}
	for word, err := range queue.All(ctx) {
		fmt.Println(word, err)
	}
	// Output:
	// first <nil>
	// second <nil>
}

func ExampleJoinableQueue() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	tasks := must(mpsync.NewJoinableQueue[int](ctx, m, 0))
	go func() { // in another process, as a rule; should that die, another one gets what it has not done
		for {
			item, err := tasks.GetItem(ctx)
			if err != nil {
				return
			}
			_ = tasks.ItemDone(ctx, item)
		}
	}()
	for i := range 10 {
		if err := tasks.Put(ctx, i); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(tasks.Join(ctx))
	fmt.Println(tasks.Close(ctx)) // ends the consumer
	// Output:
	// <nil>
	// <nil>
}

func ExampleValue() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	count := must(mpsync.NewValue(ctx, m, 41))
	fmt.Println(count.Add(ctx, 1)) // needs no lock
	fmt.Println(count.CompareAndSwap(ctx, 42, 0))
	fmt.Println(count.Modify(ctx, func(n int) int { return n*2 + 1 }))
	// Output:
	// 42 <nil>
	// true <nil>
	// 1 <nil>
}

func ExampleArray() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	cells := must(mpsync.NewArray(ctx, m, []float64{0.5, 1.5, 2.5}))
	fmt.Println(cells.Add(ctx, 0, 1))
	fmt.Println(cells.Set(ctx, -1, 9))
	fmt.Println(cells.Snapshot(ctx))
	// Output:
	// 1.5 <nil>
	// <nil>
	// [1.5 1.5 9] <nil>
}

func ExampleList() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	list := must(mpsync.NewList[string](ctx, m))
	fmt.Println(list.Append(ctx, "b", "c", "a"))
	fmt.Println(list.Pop(ctx, -1))
	for i, v := range must(list.All(ctx)) {
		fmt.Println(i, v)
	}
	// Output:
	// <nil>
	// a <nil>
	// 0 b
	// 1 c
}

func ExampleDict() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	words := must(mpsync.NewDict[string, int](ctx, m))
	for _, word := range []string{"to", "be", "or", "not", "to", "be"} {
		must(words.Add(ctx, word, 1)) // atomic
	}
	for word, n := range must(words.All(ctx)) {
		fmt.Println(word, n)
	}
	// Output:
	// to 2
	// be 2
	// or 1
	// not 1
}

func ExampleSet() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	seen := must(mpsync.NewSet[string](ctx, m))
	for _, url := range []string{"/", "/about", "/"} {
		if must(seen.Add(ctx, url)) == 1 {
			fmt.Println("new:", url)
		}
	}
	// Output:
	// new: /
	// new: /about
}

func ExampleNamespace() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	shared := must(mpsync.NewNamespace(ctx, m))
	limit := mpsync.Attr[time.Duration](shared, "limit")
	fmt.Println(limit.Set(ctx, time.Minute))
	fmt.Println(limit.Get(ctx))
	fmt.Println(shared.Names(ctx))
	// Output:
	// <nil>
	// 1m0s <nil>
	// [limit] <nil>
}

// What arrives where nothing says of which type it is, is a proxy that has to be told.
func Example_any() {
	ctx := context.Background()
	m, end := exampleManager(ctx)
	defer end()

	shared := must(mpsync.NewNamespace(ctx, m))
	visits := must(mpsync.NewValue(ctx, m, 7))
	fmt.Println(shared.Set(ctx, "found", []any{"visits", visits}))

	found := must(shared.Get(ctx, "found")).([]any)
	proxy := found[1].(*manager.Proxy)
	defer proxy.Close()
	value := must(manager.As[mpsync.Value[int]](proxy))
	defer value.Close()
	fmt.Println(value.Add(ctx, 1))
	// Output:
	// <nil>
	// 8 <nil>
}
