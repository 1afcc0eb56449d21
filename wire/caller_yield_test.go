package wire

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
)

// mostly reports whether try, which hangs on who is run next, returns true more often than not: the runtime takes another one now
// and then, and a busy machine too.
func mostly(try func() bool) bool {
	yes := 0
	for range 20 {
		if try() {
			yes++
		}
	}
	return yes > 10
}

// Who finds his own reply lets those run that have got theirs: where there is one processor they would wait for as long as he
// goes on calling.
func TestWhoLooksForHimselfLetsOthersRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, test := range []struct {
		settled uint64
		ran     bool
	}{{1, false}, {2, true}} {
		got := mostly(func() bool {
			ran := atomic.Bool{}
			c := &Caller{}
			c.settled.Store(test.settled) // of which this call is one
			gone := make(chan struct{})
			go func() { ran.Store(true); close(gone) }()
			c.reuse(&pending{notices: make(chan notice, noticeKinds)}, true)
			defer func() { <-gone }()
			return ran.Load()
		})
		if got != test.ran {
			t.Errorf("with %d replies that were found the other has run: %t", test.settled, got)
		}
	}
}

// Who looks for his own reply first lets those run that have got theirs, and what they bring about counts: here it is the reply,
// which he would not wait for, as his context has ended.
func TestWhoLooksForHimselfFirstLetsOthersRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, others := range []bool{true, false} {
		got := mostly(func() bool {
			client, server := lanes(t)
			client.inward, server.outward = true, true
			c := &Caller{lane: client, inbox: newInbox[replyHeader](100, 100)}
			if others { // one that has its reply and has not run
				c.begun.Add(1)
				c.settled.Add(1)
			}
			call, p, err := c.enter(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				reply, _ := (&replyHeader{kindReply, call, Return, 0}).MarshalMsg(nil)
				send(t, &server.out, string(reply))
			}()
			defer func() { <-gone }()
			return c.readFor(ended, p)
		})
		if got != others {
			t.Errorf("with others %t the reply was found: %t", others, got)
		}
	}
}

// Whether a call waits is never overlooked, whatever begins and is settled meanwhile.
func TestACallThatWaitsIsNotOverlooked(t *testing.T) {
	var c Caller
	c.begun.Add(1) // the call that waits
	var over atomic.Bool
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for !over.Load() {
			c.begun.Add(1)
			c.settled.Add(1)
		}
	}()
	for range 2_000_000 {
		if !c.waits() {
			t.Error("it was overlooked")
			break
		}
	}
	over.Store(true)
	<-gone
}
