//go:build linux

package loan_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"runtime"
	stdsync "sync"
	"sync/atomic"
	"testing"

	"github.com/multiproc-go/multiproc/sync/internal/loan"
	"github.com/multiproc-go/multiproc/wire"
)

// sharedWords returns the server's and the client's view of the same words.
func sharedWords(t *testing.T) (server, client *wire.Words) {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	near, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn := wire.NewConn(far, 0)
	served := make(chan error, 1)
	go func() {
		served <- wire.Serve(context.Background(), conn, func(r *wire.Request) { r.Answer(wire.Reply{}) },
			&wire.ServeOptions{ShareMemory: true})
	}()
	caller := wire.NewCaller(wire.NewConn(near, 0), nil)
	t.Cleanup(func() {
		_ = caller.Close()
		<-served
	})
	caller.ShareMemory()
	for known := false; !known; { // and once more, since the server answers before it knows them itself
		known = caller.Words() != nil
		if _, err := caller.Call(t.Context(), 1, "x", nil); err != nil {
			t.Fatal(err)
		}
	}
	return conn.Words(), caller.Words()
}

const fence = 1 << 60

// lend makes a loan for the grant of a fence.
func lend(t *testing.T, server, client *wire.Words, fence uint64) (*loan.Loan, *loan.Borrowed) {
	t.Helper()
	l := loan.New(server, fence)
	b := loan.Borrow(client, l.Terms(), fence)
	if b == nil {
		t.Fatal("the terms make no sense")
	}
	return l, b
}

func expectLook(t *testing.T, l *loan.Loan, fence uint64, has bool) {
	t.Helper()
	if f, h, err := l.Look(); f != fence || h != has || err != nil {
		t.Errorf("fence %d, held %v, %v; not %d, %v", f, h, err, fence, has)
	}
}

func borrowed(t *testing.T) (*loan.Loan, *loan.Borrowed) {
	server, client := sharedWords(t)
	return lend(t, server, client, fence)
}

func TestALoanBeginsHeld(t *testing.T) {
	l, b := borrowed(t)
	expectLook(t, l, fence, true)
	if s := b.Look(); s != loan.Held {
		t.Error(s)
	}
	if _, s := b.Acquire(); s != loan.Held {
		t.Error("it was taken twice:", s)
	}
	if s := b.Release(fence + 1); s != loan.Over {
		t.Error("a grant that was never made was released:", s)
	}
	if s := b.Release(fence); s != loan.Free {
		t.Error(s)
	}
	if s := b.Release(fence); s != loan.Over {
		t.Error("it was released twice:", s)
	}
	expectLook(t, l, fence, false)
}

func TestEachAcquisitionIsAGrant(t *testing.T) {
	l, b := borrowed(t)
	b.Release(fence)
	for n := uint64(1); n < 100; n++ {
		if f, s := b.Acquire(); f != fence+n || s != loan.Free {
			t.Fatal(f, s)
		}
		expectLook(t, l, fence+n, true)
		if s := b.Release(fence + n); s != loan.Free {
			t.Fatal(s)
		}
		expectLook(t, l, fence+n, false)
	}
}

func TestRecallOfAFreeLock(t *testing.T) {
	l, b := borrowed(t)
	b.Release(fence)
	for range 2 {
		if f, has, err := l.Recall(); f != fence || has || err != nil {
			t.Error(f, has, err)
		}
	}
	if _, s := b.Acquire(); s != loan.Over {
		t.Error("it was taken after the recall:", s)
	}
	if s := b.Look(); s != loan.Over {
		t.Error(s)
	}
}

func TestRecallOfAHeldLock(t *testing.T) {
	l, b := borrowed(t)
	for range 2 {
		if f, has, err := l.Recall(); f != fence || !has || err != nil {
			t.Error(f, has, err)
		}
	}
	if _, s := b.Acquire(); s != loan.Over {
		t.Error("it was taken after the recall:", s)
	}
	if s := b.Release(fence); s != loan.Back {
		t.Error(s)
	}
	if f, has, err := l.Recall(); f != fence || has || err != nil {
		t.Error(f, has, err)
	}
}

// What was seized from who had it is not released, and what was released before was not seized.
func TestSeizure(t *testing.T) {
	for _, released := range []bool{false, true} {
		l, b := borrowed(t)
		b.Release(fence)
		b.Acquire()
		l.Recall()
		if released && b.Release(fence+1) != loan.Back {
			t.Error("it was not released")
		}
		if f, has, err := l.Seize(); f != fence+1 || has == released || err != nil {
			t.Errorf("released: %v; fence %d, held %v, %v", released, f, has, err)
		}
		if s := b.Release(fence + 1); s != loan.Over {
			t.Error("it was released afterwards:", s)
		}
		if _, s := b.Acquire(); s != loan.Over {
			t.Error("it was taken afterwards:", s)
		}
		l.End()
	}
}

// A word that was corrupt once is not believed again, and the fence that is told of it is none that the borrower can exceed.
func TestAWordThatIsCorruptForAWhile(t *testing.T) {
	server, client := sharedWords(t)
	l, b := lend(t, server, client, fence)
	index := int(l.Terms().Index)
	word := client.Load(index) | (1<<20-10)<<2 // near its end
	client.Store(index, 0)
	for range 2 {
		f, has, err := l.Look()
		if !errors.Is(err, loan.ErrCorrupt) || !has {
			t.Errorf("%v, held: %v", err, has)
		}
		client.Store(index, word)
		last := uint64(fence)
		for s := b.Release(last); s == loan.Free; s = b.Release(last) {
			last, _ = b.Acquire()
		}
		if last > f {
			t.Errorf("fence %d after at most %d", last, f)
		}
	}
}

// The next loan may have the same word: whoever comes late finds that it is not his.
func TestALoanThatIsOver(t *testing.T) {
	server, client := sharedWords(t)
	old, late := lend(t, server, client, fence)
	late.Release(fence)
	old.End()
	l, b := lend(t, server, client, fence)
	if l.Terms().Index != old.Terms().Index {
		t.Fatal("the word was not taken again")
	}
	for range 2 {
		if _, s := late.Acquire(); s != loan.Over {
			t.Error("somebody else's lock was taken:", s)
		}
		if s := late.Release(fence); s != loan.Over {
			t.Error("somebody else's lock was released:", s)
		}
		if s := late.Look(); s != loan.Over {
			t.Error(s)
		}
		b.Release(fence)
	}
	expectLook(t, l, fence, false)
}

func TestWordsThatNoBorrowerLeaves(t *testing.T) {
	server, client := sharedWords(t)
	for name, change := range map[string]func(word uint64) uint64{
		"cleared":             func(uint64) uint64 { return 0 },
		"another loan":        func(w uint64) uint64 { return w + 1<<22 },
		"fewer grants":        func(w uint64) uint64 { return w - 1<<2 },
		"all bits":            func(uint64) uint64 { return 1<<64 - 1 },
		"a count that wraps":  func(w uint64) uint64 { return w | (1<<20-1)<<2 + 1<<2 },
		"nothing but a count": func(uint64) uint64 { return 5 << 2 },
	} {
		l, b := lend(t, server, client, fence)
		b.Release(fence)
		b.Acquire()
		expectLook(t, l, fence+1, true)
		index := int(l.Terms().Index)
		client.Store(index, change(client.Load(index)))
		if _, has, err := l.Look(); !errors.Is(err, loan.ErrCorrupt) || !has {
			t.Errorf("%s: %v, held: %v", name, err, has)
		}
		if _, has, err := l.Recall(); !errors.Is(err, loan.ErrCorrupt) || !has {
			t.Errorf("%s: %v, held: %v", name, err, has)
		}
		l.End()
	}
}

// A count that has no room any more ends the loan instead of speaking of another one.
func TestALoanHasAnEnd(t *testing.T) {
	server, client := sharedWords(t)
	l, b := lend(t, server, client, fence)
	const most = 1<<20 - 1
	index := int(l.Terms().Index)
	client.Store(index, client.Load(index)&^1|(most-1)<<2)
	if f, s := b.Acquire(); f != fence+most || s != loan.Free {
		t.Error(f, s)
	}
	if s := b.Release(fence + most); s != loan.Free {
		t.Error(s)
	}
	if _, s := b.Acquire(); s != loan.Over {
		t.Error(s)
	}
	expectLook(t, l, fence+most, false)
}

func TestTermsThatMakeNoSense(t *testing.T) {
	server, client := sharedWords(t)
	for _, terms := range []loan.Terms{
		{}, {Index: 1}, {Index: uint64(client.Len()), Number: 1}, {Index: 1 << 63, Number: 1}, {Number: 1 << 42}, {Number: 1 << 63},
	} {
		if loan.Borrow(client, terms, fence) != nil {
			t.Errorf("%+v were taken", terms)
		}
	}
	if loan.Borrow(nil, loan.Terms{Number: 1}, fence) != nil || loan.New(nil, fence) != nil {
		t.Error("there is a loan without words")
	}
	for range server.Len() {
		if loan.New(server, fence) == nil {
			t.Fatal("a word is missing")
		}
	}
	if loan.New(server, fence) != nil {
		t.Error("there was a loan without a word")
	}
}

// A lock goes to and fro between a lender and borrowers that are slow: at each moment one has it, and fences grow.
func TestLendingExcludes(t *testing.T) {
	server, client := sharedWords(t)
	var (
		latest atomic.Pointer[loan.Borrowed]
		inside atomic.Int32
		last   atomic.Uint64
		locals atomic.Int64
		back   = make(chan struct{}, 1)
		done   = make(chan struct{})
	)
	enter := func(fence uint64) {
		if inside.Add(1) != 1 {
			t.Error("two have it")
		}
		if before := last.Swap(fence); before >= fence {
			t.Errorf("fence %d after %d", fence, before)
		}
	}
	leave := func() { inside.Add(-1) }
	var borrowers stdsync.WaitGroup
	for range 3 {
		borrowers.Go(func() {
			var b *loan.Borrowed
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				if b == nil || n%5 == 0 { // mostly a loan that may be long over
					b = latest.Load()
				}
				if runtime.Gosched(); b == nil {
					continue
				}
				f, s := b.Acquire()
				if s != loan.Free {
					b = nil
					continue
				}
				locals.Add(1)
				enter(f)
				leave()
				if s := b.Release(f); s == loan.Back {
					back <- struct{}{}
				} else if s != loan.Free {
					t.Error("what was held could not be released")
				}
			}
		})
	}
	for f, rounds := uint64(fence), 0; (rounds < 5000 || locals.Load() < 1000) && !t.Failed(); rounds++ {
		f++
		l := loan.New(server, f)
		b := loan.Borrow(client, l.Terms(), f)
		enter(f)
		leave()
		b.Release(f)
		latest.Store(b)
		if rounds%3 == 0 {
			runtime.Gosched()
		}
		now, has, err := l.Recall()
		if has {
			<-back
			now, has, err = l.Recall()
		}
		if has || err != nil {
			t.Error("it does not come back", err)
		}
		f = now + 1
		enter(f)
		leave()
		l.End()
	}
	close(done)
	borrowers.Wait()
}
