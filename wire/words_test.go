//go:build linux

package wire

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Both ends see one word, and the client knows of it as soon as a reply can speak of it.
func TestWordsAreShared(t *testing.T) {
	known := make(chan *Conn, 1)
	s, far := sharing(t, func(r *Request) {
		conn := <-known
		known <- conn
		index, _, _ := conn.Words().Take()
		conn.Words().Store(index, uint64(1000+index))
		r.Answer(Reply{Payload: []byte{byte(index)}})
	}, nil, nil)
	known <- far
	for n := range 3 {
		reply, err := s.Call(context.Background(), 0, "lend", nil)
		if err != nil {
			t.Fatal(err)
		}
		index, words := int(reply.Payload[0]), s.Words()
		if index != n || words == far.Words() || words.Load(index) != uint64(1000+index) {
			t.Errorf("word %d is %d, at index %d", n, words.Load(index), index)
		}
		if words.CompareAndSwap(index, 7, 8) || !words.CompareAndSwap(index, uint64(1000+index), 8) || far.Words().Load(index) != 8 {
			t.Errorf("word %d is %d", n, far.Words().Load(index))
		}
	}
	if n := far.Words().Len(); n != wordsBytes/8 {
		t.Errorf("there are %d words", n)
	}
}

// Who uses a word meanwhile, or later, finds memory that is nobody else's.
func TestWordsAfterTheirConnection(t *testing.T) {
	var near, other *Words
	t.Run("", func(t *testing.T) { // after which both ends are joined
		s, far := sharing(t, func(*Request) {}, nil, nil)
		near, other = s.Words(), far.Words()
		near.Store(0, 1)
	})
	for range 3 {
		runtime.GC()
	}
	if near.Load(0) != 0 || other.Load(0) != 0 {
		t.Errorf("a word is still %d and %d", near.Load(0), other.Load(0))
	}
	near.Store(0, 2)
	if other.CompareAndSwap(0, 2, 3) {
		t.Error("it is still shared")
	}
}

func TestWordsAreTakenOnce(t *testing.T) {
	_, far := sharing(t, func(*Request) {}, nil, nil)
	words := far.Words()
	taken := make([]bool, words.Len())
	var mu sync.Mutex
	var takers sync.WaitGroup
	for range 4 {
		takers.Go(func() {
			for {
				index, before, ok := words.Take()
				if !ok {
					return
				}
				mu.Lock()
				if taken[index] || before != 0 {
					t.Errorf("word %d was taken before", index)
				}
				taken[index] = true
				mu.Unlock()
			}
		})
	}
	takers.Wait()
	words.Give(17)
	words.Give(4)
	for _, expected := range []int{4, 17} {
		if index, before, ok := words.Take(); index != expected || before != 1 || !ok {
			t.Errorf("word %d instead of %d, taken %d times before: %v", index, expected, before, ok)
		}
	}
	if _, _, ok := words.Take(); ok {
		t.Error("there is one word more")
	}
}

// What is sent is carried out without a call after it, in its order, over the socket and through shared memory.
func TestSendGoesAtOnce(t *testing.T) {
	arrived := make(chan string, 1)
	h := func(r *Request) {
		if r.Told() {
			arrived <- r.Method + string(r.Argument)
		}
		r.Answer(Reply{})
	}
	near, far := connPair(t, 0)
	shared, _ := sharing(t, h, nil, nil)
	for _, s := range []*serving{serve(t, near, far, h, nil, nil), shared} {
		if err := s.Send(0, "x", make([]byte, segmentSize+1)); !errors.Is(err, ErrFrameTooLarge) {
			t.Error(err)
		}
		for range 100 {
			for _, argument := range []string{"", "y", strings.Repeat("z", segmentSize)} {
				if err := s.Send(0, "x", []byte(argument)); err != nil {
					t.Fatal(err)
				}
				if got := <-arrived; got != "x"+argument {
					t.Fatalf("%d bytes for %d", len(got), 1+len(argument))
				}
			}
		}
		_ = s.Caller.Close()
		if err := s.Send(0, "x", nil); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
}
