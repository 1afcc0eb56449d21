package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMarker(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	var fds []int
	for _, file := range []*os.File{read, write} {
		fd, err := descriptor(file)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	value, err := marker(kindChild, fds)
	if err != nil {
		t.Fatal(err)
	}
	kind, identities, ok := parseMarker(value)
	if kind != kindChild || len(identities) != 2 || !ok {
		t.Fatalf("%q: %q, %v, %v", value, kind, identities, ok)
	}
	for i, fd := range fds {
		if got, err := identifyDescriptor(fd); err != nil || got != identities[i] {
			t.Errorf("descriptor %d is %v, the marker says %v", fd, got, identities[i])
		}
	}
	if _, err := marker(kindChild, []int{-1}); err == nil {
		t.Error("a marker for no descriptor")
	}
}

// A marker that was copied into another process's environment must not have that take its descriptors for ours.
func TestForeignMarker(t *testing.T) {
	for _, value := range []string{"", "child", "child:", "child:1.2", "child:1.2.x", "child:1.2.3,", "child:-1.2.3"} {
		if _, identities, ok := parseMarker(value); ok {
			t.Errorf("%q was parsed as %v", value, identities)
		}
	}
	_, identities, ok := parseMarker("child:1.2.4096,1.3.4096")
	if !ok || verifyDescriptors(identities) {
		t.Errorf("%v was taken for this process's own", identities)
	}
}

func TestAmbiguity(t *testing.T) {
	for symbol, ambiguous := range map[string]bool{
		"main.run":                               false,
		"example.com/a.b/c.run":                  false,
		"example.com/a.b/c.(*T).Run":             false,
		"example.com/c.T.Run":                    false,
		"main.func1":                             false, // a function of that name
		"main.init.func1":                        false, // var f = func() {}
		"main.glob..func1":                       false, // the same, by older compilers
		"main.init.0.func2":                      false,
		"main.init.makeClosure.func1":            true, // makeClosure, inlined
		"main.makeClosure.func1":                 true,
		"main.(*T).Run.func1":                    true,
		"main.init.func1.1":                      true,
		"main.init.func1.func2":                  true,
		"main.T.Run-fm":                          true,
		"main.run[...]":                          true,
		"main.(*List[...]).Len":                  true,
		"example.com/c.init.0.makeClosure.func1": true,
	} {
		if got := ambiguity(symbol); (got != "") != ambiguous {
			t.Errorf("%s: %q", symbol, got)
		}
	}
}

func TestTail(t *testing.T) {
	var kept tail
	var all strings.Builder
	for i := range 5000 {
		line := fmt.Sprintln("line", i)
		kept.add([]byte(line))
		all.WriteString(line)
		if want := all.String()[max(0, all.Len()-tailSize):]; kept.String() != want {
			t.Fatalf("after line %d: %d bytes, want %d", i, len(kept.String()), len(want))
		}
	}
	kept.add([]byte(strings.Repeat("x", 3*tailSize)))
	if kept.String() != strings.Repeat("x", tailSize) {
		t.Error("more than fits has not pushed out the rest")
	}
}

func TestChildStatus(t *testing.T) {
	failure := errors.New("failure")
	terminated := &SignalError{Signal: syscall.SIGTERM}
	for _, test := range []struct {
		err, cause error
		code       int
		message    string
	}{
		{nil, nil, 0, ""},
		{nil, ErrParentLost, 0, ""},
		{failure, nil, 1, "failure"},
		{failure, ErrStopRequested, 1, "failure"},
		{context.Canceled, nil, 1, "context canceled"},
		{context.Canceled, ErrStopRequested, 0, ""},
		{ErrStopRequested, ErrStopRequested, 0, ""},
		{context.Canceled, ErrParentLost, 1, ""},
		{context.Canceled, terminated, 143, ""},
		{fmt.Errorf("wrapped: %w", context.Canceled), terminated, 143, ""},
		{&ExitError{Name: "child", Signal: syscall.SIGKILL}, nil, 137, "child (pid 0) was ended by SIGKILL"},
		{reportedError{failure}, nil, 1, ""},
	} {
		code, message := childStatus(test.err, test.cause)
		if code != test.code || message != test.message {
			t.Errorf("%v after %v: %d, %q; want %d, %q", test.err, test.cause, code, message, test.code, test.message)
		}
	}
}

func TestFindEnds(t *testing.T) {
	a, b, err := Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	encoded := []byte{0x93, 0x82, 0x01} // [{1: a, 2: [b]}, "text", nil]
	encoded, _ = a.MarshalMsg(encoded)
	encoded, _ = b.MarshalMsg(append(encoded, 0x02, 0x91))
	encoded = append(encoded, 0xa4, 't', 'e', 'x', 't', 0xc0)
	ids, err := findEnds(encoded)
	if err != nil || len(ids) != 2 || ids[0] != a.id || ids[1] != b.id {
		t.Errorf("%v, %v; want %d and %d", ids, err, a.id, b.id)
	}
	for n := range encoded {
		if _, err := findEnds(encoded[:n]); err == nil {
			t.Errorf("no error for the first %d bytes", n)
		}
	}
}

func FuzzFindEnds(f *testing.F) {
	f.Add([]byte{0x93, 0xd7, 81, 0, 0, 0, 0, 0, 0, 0, 1, 0xc0, 0x80})
	f.Add([]byte{0xdf, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(_ *testing.T, encoded []byte) { _, _ = findEnds(encoded) })
}

func FuzzBoot(f *testing.F) {
	encoded, err := (&boot{
		Protocol: protocol, Role: "role", Name: "name", Limits: []limitTuple{{1, 2, 3}},
		Sections: []section{{"keys", []byte{1}}}, Argument: []byte("argument"),
	}).MarshalMsg(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded)
	f.Fuzz(func(t *testing.T, encoded []byte) {
		var message boot
		if _, err := message.UnmarshalMsg(encoded); err != nil {
			return
		}
		if _, err := message.MarshalMsg(nil); err != nil {
			t.Error(err)
		}
	})
}

// A guardian that does not last is replaced later each time, and at last no more; one that has lasted is replaced at once.
func TestGuardianBacksOff(t *testing.T) {
	g := guardian{dismissed: make(chan struct{})}
	total := time.Duration(0)
	for g.state != guardDown {
		g.born = time.Now()
		g.failLocked()
		pause := guardPause(g.failures)
		if pause < guardPause(g.failures-1) || pause > 5*time.Second || g.failures > 100 {
			t.Fatalf("%v after %d failures", pause, g.failures)
		}
		total += pause
	}
	if guardPause(1) != 0 || total < 10*time.Second || total > time.Minute {
		t.Errorf("%d guardians within %v", g.failures, total)
	}
	g.state, g.born = guardUp, time.Now().Add(-guardLasting)
	if g.failLocked(); g.state != guardLost || g.failures != 1 {
		t.Errorf("after one that had lasted: state %d, %d failures", g.state, g.failures)
	}
}

// A sweep waits for others that are about to exit, but not for as long as they keep coming.
func TestGatheringEnds(t *testing.T) {
	s := sweeper{arrived: make(chan struct{}, 1)}
	s.expected.Store(1) // one that never exits
	gathered := make(chan struct{})
	go func() {
		defer close(gathered)
		s.gather()
	}()
	limit := time.After(100 * gatherLimit)
	for {
		select {
		case s.arrived <- struct{}{}:
		case <-gathered:
			return
		case <-limit:
			t.Fatal("it is still waiting")
		}
	}
}

// When all that were expected have exited, nothing is waited for.
func TestGatheringEndsWithTheLast(t *testing.T) {
	s := sweeper{arrived: make(chan struct{}, 1)}
	s.expected.Store(2)
	began := time.Now()
	for range 2 {
		go func() {
			s.expected.Add(-1)
			s.arrived <- struct{}{}
		}()
	}
	s.gather()
	if took := time.Since(began); s.expected.Load() != 0 && took < gatherPause {
		t.Errorf("%d have not exited after %v", s.expected.Load(), took)
	}
}
