package spawn_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
)

// A function that is to run in a process of its own is registered by a package-level variable.
var greet = spawn.Register(greetSomebody)

func greetSomebody(_ context.Context, name string) error {
	if name == "" {
		return errors.New("nobody to greet")
	}
	fmt.Printf("hello %s\n", name)
	return nil
}

// Example starts a process for one call of a function. A program does this in the function that it passes to Main; here
// the package's TestMain has called spawn.TestMain.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	p, err := greet.Start(ctx, "you", &spawn.Options{Stdout: os.Stdout})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Wait(ctx))
	<-p.Swept()
	// Output:
	// hello you
	// <nil>
}

// An exit status other than 0 is an *ExitError.
func ExampleProcess_Wait() {
	ctx := context.Background()
	p, err := greet.Start(ctx, "", &spawn.Options{Stderr: new(discard)})
	if err != nil {
		fmt.Println(err)
		return
	}
	var exit *spawn.ExitError
	if errors.As(p.Wait(ctx), &exit) {
		fmt.Println(exit.Name, exit.Code, exit.Stderr)
	}
	<-p.Swept()
	// Output: greetSomebody 1 greetSomebody: nobody to greet
}

// One end of a pipe moves to the child with its argument.
func ExamplePipe() {
	ctx := context.Background()
	ours, theirs, err := spawn.Pipe()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ours.Close()
	p, err := report.Start(ctx, job{Name: "thumbnails", Sizes: []int{64, 128}, Reply: theirs}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(spawn.ReceiveValue[string](ours))
	<-p.Swept()
	// Output: thumbnails[64 128] map[] 0 <nil>
}

// Shutdown asks first: the child's context ends, and it returns in its own time.
func ExampleProcess_Shutdown() {
	ctx := context.Background()
	p, err := spawn.StartRole(ctx, "test/wait", nil, nil, &spawn.Options{Grace: 5 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Shutdown(ctx), p.ExitCode())
	// Output: <nil> 0
}

// A role that has set Child.Orders is told what to do over the pipe that it was started over, and says that something was done
// by knocking. This one knocks once for each byte of an order.
func ExampleProcess_Order() {
	ctx := context.Background()
	p, err := spawn.StartRole(ctx, "test/obey", nil, nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Order([]byte("ab")))
	fmt.Println(p.AwaitKnock(), p.AwaitKnock())
	fmt.Println(p.Shutdown(ctx))
	// Output:
	// <nil>
	// <nil> <nil>
	// <nil>
}

// A whole program. MainWith and Main never return, so nothing can come after them in main.
func ExampleMainWith() {
	main := func() {
		spawn.MainWith(&spawn.MainOptions{Grace: 30 * time.Second}, func(ctx context.Context) error {
			select {
			case <-spawn.Draining(ctx):
				return context.Canceled // exit status 130 after SIGINT, 143 after SIGTERM
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}
	_ = main
}

// discard is a writer that keeps nothing.
type discard struct{}

func (*discard) Write(p []byte) (int, error) { return len(p), nil }

// usage is what the program's first process shows to people. It takes long to make, and children show none.
var usage = func() string {
	if spawn.IsChild() {
		return ""
	}
	return "usage: program [FILE...]"
}()

// A package is initialised in each child, too, and leaves out there what only the first process needs.
func ExampleIsChild() {
	fmt.Println(spawn.IsChild(), usage)
	// Output: false usage: program [FILE...]
}
