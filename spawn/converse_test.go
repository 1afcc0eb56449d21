package spawn_test

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

func init() {
	spawn.RegisterRole("test/obey", obeying)
	spawn.RegisterRole("test/goexit", leaving)
	spawn.RegisterRole("test/eager", eager)
	spawn.RegisterRole("test/heedless", heedless)
}

// obeying knocks once for each byte of an order, ends at one that says so, and writes what is no knock at another.
func obeying(ctx context.Context, c *spawn.Child) error {
	ended := make(chan error, 1)
	c.Orders = func(message []byte) {
		switch string(message) {
		case "end":
			ended <- errors.New("ordered to")
		default:
			if babble, ok := strings.CutPrefix(string(message), "babble"); ok {
				_, err := os.NewFile(4, "hello").WriteString(babble)
				ended <- err
				return
			}
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

// eager knocks as soon as it can, and until it has said hello.
func eager(ctx context.Context, c *spawn.Child) error {
	c.Orders = func([]byte) {}
	tried, knocked := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(knocked)
		for try := 1; c.Knock() != nil; try++ {
			if try == 1000 {
				close(tried)
			}
		}
	}()
	<-tried
	if err := c.Hello(""); err != nil {
		return err
	}
	<-knocked
	<-ctx.Done()
	return ctx.Err()
}

// heedless takes one order and no other.
func heedless(ctx context.Context, c *spawn.Child) error {
	c.Orders = func([]byte) { select {} }
	if err := c.Hello(""); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
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
	for babble, want := range map[string]error{
		"\x00\x01\x00\x01":  wire.ErrFrameTooLarge,
		"\x00\x00\x00\x01x": wire.ErrFrameTooLarge,
		"\xf0\x00\x00\x00":  wire.ErrBadFrame,
		"\x00\x00":          io.ErrUnexpectedEOF,
	} {
		p := begin(t, "test/obey", "", nil)
		if err := p.Order([]byte("babble" + babble)); err != nil {
			t.Fatal(err)
		}
		if err := p.AwaitKnock(); !errors.Is(err, want) && (!errors.Is(want, io.ErrUnexpectedEOF) || !errors.Is(err, io.EOF)) {
			t.Errorf("%q: %v", babble, err) // the pipe of a child that is gone may be closed before it is read to its end
		}
	}
}

// A knock cannot be taken for the hello, however early it is tried.
func TestKnocksFollowTheHello(t *testing.T) {
	for range 10 {
		p := begin(t, "test/eager", "", nil)
		if err := p.AwaitKnock(); err != nil {
			t.Fatal(err)
		}
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
	}
}

// Who gives orders to a child that takes none is not kept for longer than its grace, and can end it.
func TestOrdersThatNobodyTakes(t *testing.T) {
	p := begin(t, "test/heedless", "", &spawn.Options{Grace: time.Second})
	message := make([]byte, 1<<10)
	for sent := 0; ; sent++ {
		err := p.Order(message)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil || sent > 1<<10 {
			t.Fatal(sent, err)
		}
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.Signal() != 0 || p.ExitCode() != 128+int(syscall.SIGTERM) {
		t.Error(p.Signal(), p.ExitCode())
	}
}

// Nor is he where others go on giving some.
func TestOrdersThatNobodyTakesFromMany(t *testing.T) {
	p := begin(t, "test/heedless", "", &spawn.Options{Grace: time.Second})
	message, over := make([]byte, 256), make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		ticks := time.NewTicker(50 * time.Millisecond)
		defer ticks.Stop()
		for range 100 {
			others.Go(func() { _ = p.Order(message) })
			select {
			case <-ticks.C:
			case <-over:
				return
			}
		}
	})
	for sent := 0; ; sent++ {
		begun := time.Now()
		err := p.Order(message)
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("an order has taken %v", took)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil || sent > 1<<12 {
			t.Fatal(sent, err)
		}
	}
	close(over)
	others.Wait()
}

// A child that was stopped for longer than its grace takes orders again when it goes on, those before as well as later ones.
func TestOrdersAfterOneThatWasLate(t *testing.T) {
	p := begin(t, "test/obey", "", nil)
	if err := p.SignalTree(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	message, taken := []byte(strings.Repeat("x", 256)), 0
	for ; ; taken++ {
		err := p.Order(message)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil || taken > 1<<10 {
			t.Fatal(taken, err)
		}
	}
	begun := time.Now()
	for range 5 {
		if err := p.Order(message); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if took := time.Since(begun); took >= spawn.DefaultGrace {
		t.Errorf("5 orders that were not taken after the first took %v", took)
	}
	if err := p.SignalTree(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for range taken * len(message) {
		if err := p.AwaitKnock(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Order([]byte("y")); err != nil {
		t.Fatal(err)
	}
	if err := p.AwaitKnock(); err != nil {
		t.Fatal(err)
	}
	if err := p.Shutdown(t.Context()); err != nil || p.Signal() != 0 || p.ExitCode() != 0 {
		t.Error(p.Signal(), p.ExitCode(), err)
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
