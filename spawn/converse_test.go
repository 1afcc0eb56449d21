package spawn_test

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

func init() {
	spawn.RegisterRole("test/obey", obeying)
	spawn.RegisterRole("test/goexit", leaving)
}

// obeying knocks once for each byte of an order, ends at one that says so, and writes what is no knock at another.
func obeying(ctx context.Context, c *spawn.Child) error {
	ended := make(chan error, 1)
	c.Orders = func(message []byte) {
		switch string(message) {
		case "end":
			ended <- errors.New("ordered to")
		case "babble":
			_, err := os.NewFile(4, "hello").WriteString(strings.Repeat("\x00\x01", 4) + "babble")
			ended <- err
		}
		for range message {
			_ = c.Knock()
		}
	}
	if err := c.Knock(); err == nil {
		return errors.New("knocked before the hello")
	}
	if err := c.Hello(""); err != nil {
		return err
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leaving leaves while its goroutine is being ended.
func leaving(_ context.Context, c *spawn.Child) error {
	if err := c.Hello(""); err != nil {
		return err
	}
	defer c.Leave(errors.New("left"))
	runtime.Goexit()
	return nil
}

// A role gets all orders, in turn, and its parent hears each of its knocks, until the child is gone.
func TestOrdersAndKnocks(t *testing.T) {
	p := begin(t, "test/obey", "", nil)
	for _, order := range []string{"a", "bc", "def"} {
		if err := p.Order([]byte(order)); err != nil {
			t.Fatal(err)
		}
	}
	for range 6 {
		if err := p.AwaitKnock(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Order([]byte("end")); err != nil {
		t.Fatal(err)
	}
	for heard := 0; ; heard++ {
		err := p.AwaitKnock()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || heard == 3 {
			t.Fatal(heard, err)
		}
	}
	<-p.Done()
	if p.ExitCode() != 1 || !strings.Contains(p.StderrTail(), "ordered to") {
		t.Errorf("%d: %s", p.ExitCode(), p.StderrTail())
	}
	if err := p.Order([]byte("x")); !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	if err := p.AwaitKnock(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// Of a child that writes what is no knock, no more than a header is read.
func TestKnocksAreEmpty(t *testing.T) {
	p := begin(t, "test/obey", "", nil)
	if err := p.Order([]byte("babble")); err != nil {
		t.Fatal(err)
	}
	if err := p.AwaitKnock(); !errors.Is(err, wire.ErrFrameTooLarge) {
		t.Fatal(err)
	}
}

// A role that takes no orders cannot be sent any, nor be listened to.
func TestOrdersToNobody(t *testing.T) {
	p := begin(t, "test/wait", "", nil)
	if err := p.Order(nil); err == nil || errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	if err := p.AwaitKnock(); err == nil || errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// A role whose goroutine is ended by runtime.Goexit can leave all the same.
func TestLeaveAfterGoexit(t *testing.T) {
	p := begin(t, "test/goexit", "", nil)
	<-p.Done()
	if p.ExitCode() != 1 || !strings.Contains(p.StderrTail(), "left") {
		t.Errorf("%d: %s", p.ExitCode(), p.StderrTail())
	}
}
