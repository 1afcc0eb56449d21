//go:build linux

package wire

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// memories returns how many memory files are open in this process, and how many of them are mapped.
func memories(t *testing.T) (open, mapped int) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.Contains(to, "multiproc-session") {
			open++
		}
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return open, strings.Count(string(maps), "multiproc-session")
}

// However a session ends, neither end keeps its memory, or the file.
func TestSharedMemoryIsLetGo(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, near, far *Conn){
		"the client closes":     func(t *testing.T, near, far *Conn) { _ = shareAndWait(t, near, far, 30).Close() },
		"the server closes":     func(t *testing.T, near, far *Conn) { shareAndWait(t, near, far, 30); _ = far.Close() },
		"before the answer":     func(t *testing.T, near, far *Conn) { _ = shareAndWait(t, near, far, offerAfter).Close() },
		"the server, before it": func(t *testing.T, near, far *Conn) { shareAndWait(t, near, far, offerAfter); _ = far.Close() },
		"with something told":   closeTold,
		"while somebody calls":  closeAmongCalls,
		"a server that takes none": func(t *testing.T, near, far *Conn) {
			s := serve(t, near, far, method, nil, nil)
			s.ShareMemory()
			for err := error(nil); err == nil; {
				_, err = s.Call(t.Context(), 0, "echo", nil)
			}
		},
		"a refusal": func(t *testing.T, near, far *Conn) {
			s := NewCaller(near, nil)
			s.offer()
			answer, _ := (&answerHeader{kindAnswer, false}).MarshalMsg(nil)
			if err := far.WriteFrame(answer); err != nil {
				t.Fatal(err)
			}
			for s.beside.Load() {
				runtime.Gosched()
			}
			_ = s.Close()
		},
		"an offer that is never read": func(t *testing.T, near, far *Conn) {
			s := NewCaller(near, nil)
			s.offer()
			_ = s.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			for n := range 40 {
				t.Run("", func(t *testing.T) { // after which both ends are joined
					near, far := connPair(t, 0)
					end(t, near, far)
				})
				if open, mapped := memories(t); open != 0 || mapped != 0 {
					t.Fatalf("session %d: %d files, %d mappings", n, open, mapped)
				}
			}
		})
	}
}

func shareAndWait(t *testing.T, near, far *Conn, calls int) *serving {
	s := serve(t, near, far, method, nil, &ServeOptions{ShareMemory: true})
	s.ShareMemory()
	for range calls {
		if _, err := s.Call(t.Context(), 0, "echo", nil); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func closeTold(t *testing.T, near, far *Conn) {
	s := shareAndWait(t, near, far, 30)
	if err := s.Tell(0, "echo", nil); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
}

func closeAmongCalls(t *testing.T, near, far *Conn) {
	s := shareAndWait(t, near, far, 1)
	failed := make(chan error, 4)
	for range cap(failed) {
		go func() {
			var err error
			for err == nil {
				_, err = s.Call(context.Background(), 0, "echo", make([]byte, 100))
			}
			failed <- err
		}()
	}
	timer := time.NewTimer(time.Millisecond)
	defer timer.Stop()
	<-timer.C
	_ = s.Close()
	for range cap(failed) {
		if err := <-failed; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
}
