package spawn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/multiproc-go/multiproc/spawn"
)

// A job is an argument with something of each kind in it.
type job struct {
	Name  string            `msg:"name"`
	Sizes []int             `msg:"sizes"`
	Extra map[string]string `msg:"extra"`
	Reply *spawn.PipeEnd    `msg:"reply"`
	Other []*spawn.PipeEnd  `msg:"other"`
}

var (
	report   = spawn.Register(reportJob)
	echo     = spawn.Register(echoMessages)
	nothing  = spawn.Register(func(context.Context, struct{}) error { return nil })
	closure  = spawn.RegisterNamed("a closure", failing("from a closure"))
	tooLarge = spawn.Register(func(context.Context, chan int) error { return nil })
)

// reportJob answers over the pipe end in its argument.
func reportJob(_ context.Context, j job) error {
	text := fmt.Sprint(j.Name, j.Sizes, j.Extra, len(j.Other))
	if j.Reply == nil {
		return errors.New(text)
	}
	return spawn.SendValue(j.Reply, text)
}

// echoMessages sends back what it receives.
func echoMessages(_ context.Context, end *spawn.PipeEnd) error {
	for {
		message, err := end.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := end.Send(message); err != nil {
			return err
		}
	}
}

func failing(text string) func(context.Context, int) error {
	return func(_ context.Context, n int) error { return fmt.Errorf("%s: %d", text, n) }
}

func TestEntry(t *testing.T) {
	p, err := report.Start(t.Context(), job{Name: "n", Sizes: []int{1, 2}, Extra: map[string]string{"k": "v"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = p.Wait(t.Context())
	if want := "n[1 2] map[k:v] 0"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s in it", err, want)
	}
	if p.Name() != "reportJob" {
		t.Errorf("name %q", p.Name())
	}
	<-p.Swept()
}

func TestEntriesOfOtherKinds(t *testing.T) {
	p, err := nothing.Start(t.Context(), struct{}{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	<-p.Swept()
	if p, err = closure.Start(t.Context(), 7, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "from a closure: 7") {
		t.Error(err)
	}
	<-p.Swept()
	if _, err := tooLarge.Start(t.Context(), nil, nil); err == nil {
		t.Error("a channel was encoded")
	}
}

func TestPipeToChild(t *testing.T) {
	ours, theirs, err := spawn.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	p, err := echo.Start(t.Context(), theirs, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := theirs.Send(nil); !errors.Is(err, spawn.ErrPipeMoved) {
		t.Errorf("Send on an end that was passed on: %v", err)
	}
	if _, err := echo.Start(t.Context(), theirs, nil); !errors.Is(err, spawn.ErrPipeMoved) {
		t.Errorf("passing on an end twice: %v", err)
	}
	for _, message := range []string{"one", "", strings.Repeat("large", 1<<18)} {
		if err := ours.Send([]byte(message)); err != nil {
			t.Fatal(err)
		}
		if got, err := ours.Receive(); err != nil || string(got) != message {
			t.Fatalf("%d bytes came back of %d, %v", len(got), len(message), err)
		}
	}
	if err := ours.Close(); err != nil {
		t.Error(err)
	}
	if err := p.Wait(t.Context()); err != nil {
		t.Errorf("the child has not noticed the end: %v", err)
	}
	<-p.Swept()
}

func TestPipeWithinArgument(t *testing.T) {
	ours, theirs, err := spawn.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	other, another, err := spawn.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	p, err := report.Start(t.Context(), job{Name: "n", Reply: theirs, Other: []*spawn.PipeEnd{another}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := spawn.ReceiveValue[string](ours)
	if err != nil || text != "n[] map[] 1" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := other.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("the end of a child that has exited: %v", err)
	}
	<-p.Swept()
}

func TestPipeStaysAfterFailedStart(t *testing.T) {
	ours, theirs, err := spawn.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()
	_, err = echo.Start(t.Context(), theirs, &spawn.Options{Dir: "/nonexistent"})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "Options.Dir: chdir /nonexistent") {
		t.Fatal(err)
	}
	if err := theirs.Send([]byte("still here")); err != nil {
		t.Error(err)
	}
	if message, err := ours.Receive(); err != nil || string(message) != "still here" {
		t.Errorf("%q, %v", message, err)
	}
	if _, err := report.Start(t.Context(), job{Other: []*spawn.PipeEnd{theirs, theirs}}, nil); !errors.Is(err, spawn.ErrPipeMoved) {
		t.Errorf("the same end twice: %v", err)
	}
	if err := theirs.Close(); err != nil {
		t.Error(err)
	}
	if err := theirs.Send(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Send after Close: %v", err)
	}
	if _, err := echo.Start(t.Context(), theirs, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("passing on a closed end: %v", err)
	}
}

func TestRegisterTooLate(t *testing.T) {
	for what, register := range map[string]func(){
		"spawn.Register":        func() { spawn.Register(reportJob) },
		"spawn.RegisterRole":    func() { spawn.RegisterRole("late", nil) },
		"spawn.RegisterBequest": func() { spawn.RegisterBequest("late", nil, nil) },
	} {
		func() {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.Contains(text, what) || !strings.Contains(text, "package-level") {
					t.Errorf("%s panicked with %q", what, text)
				}
			}()
			register()
			t.Errorf("%s did not panic", what)
		}()
	}
}

func generic[T any](context.Context, T) error { return nil }

type (
	receiver struct{}
	pointed  struct{}
)

func (receiver) method(context.Context, int) error { return nil }
func (*pointed) method(context.Context, int) error { return nil }

func makeClosure() func(context.Context, int) error {
	return func(context.Context, int) error { return nil }
}

// inlinedClosure is what the compiler may give the name of a literal in an initialiser.
var (
	literal        = func(context.Context, int) error { return nil }
	inlinedClosure = makeClosure()
	nested         = func() func() { return func() { _ = literal } }()
)

func TestFunctionName(t *testing.T) {
	const here = "github.com/multiproc-go/multiproc/spawn_test."
	for _, test := range []struct {
		fn   any
		want string // "" for an error
	}{
		{reportJob, here + "reportJob"},
		{receiver.method, here + "receiver.method"},
		{(*pointed).method, here + "(*pointed).method"},
		{strings.ToUpper, "strings.ToUpper"},
		{generic[int], ""},
		{receiver{}.method, ""},
		{makeClosure(), ""},
		{inlinedClosure, ""},
		{nested, ""},
		{func() {}, ""},
		{(func())(nil), ""},
		{1, ""},
		{nil, ""},
	} {
		got, err := spawn.FunctionName(test.fn)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q, %v; want %q", got, err, test.want)
		}
	}
	if got, err := spawn.FunctionName(literal); err != nil || got == "" {
		t.Errorf("a literal in a package-level variable: %q, %v", got, err)
	}
}
