package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/proxygen"
)

// proxyFlags are the options of multiproc proxy, which may begin with one dash as those of Go's own tools do.
type proxyFlags struct {
	Type    string   `required:"" placeholder:"T" help:"The type, in the package of the current folder."`
	Output  string   `placeholder:"FILE" help:"The file to write (default: the type's name in lower case and _proxy_gen.go)."`
	Name    string   `placeholder:"NAME" help:"The name that managers know the type by (default: the package's import path, a dot and T)."`
	New     string   `placeholder:"FUNC" help:"The function that makes a T in the manager; - if only methods of other types do (default: newT or NewT, or else the zero value)."`
	Methods []string `placeholder:"M"    help:"Expose these methods (default: all exported ones, without a Close() error and a String() string)."`
	Shared  []string `placeholder:"M"    help:"Methods whose result, a pointer to a type that has a generated proxy too, becomes a shared object."`
}

// Help is shown below the flags.
func (*proxyFlags) Help() string {
	return `In the source of package tally:

  //go:generate multiproc proxy -type Counter
  type Counter struct{ ... }
  func newCounter(start int) *Counter
  func (c *Counter) Add(ctx context.Context, n int) (int, error)

After go generate, counter_proxy_gen.go registers the type with package manager,
with a table that calls its methods without reflection, and has a type for the
other processes:

  func NewCounterProxy(ctx context.Context, m *manager.Manager, start int,
  	o *manager.ObjectOptions) (*CounterProxy, error)
  func CounterProxyOf(p *manager.Proxy) (*CounterProxy, error)
  func (p *CounterProxy) Add(ctx context.Context, n int) (int, error)

A method may take a context first, and arguments of all types that can travel, of
which the last may be variadic; it may return a value, an error, or both. What
cannot be exposed (channels, functions, generic types and so on) is told with its
place in the source, and nothing is written.

Exit status: 0 when the file is there, 1 when it could not be made, 2 for wrong
usage.`
}

// run generates the file, and tells what keeps it from being made.
func (f *proxyFlags) run(ctx context.Context) error {
	_, err := proxygen.Generate(ctx, proxygen.Options{
		Folder: ".", Type: f.Type, Name: f.Name, Factory: f.New, Methods: f.Methods, Shared: f.Shared, Output: f.Output,
	})
	var faults proxygen.Faults
	switch {
	case err == nil:
		return nil
	case errors.As(err, &faults): // each line begins with a place, so that editors find it
		fmt.Fprintf(os.Stderr, "%v\nmultiproc proxy: %s cannot be exposed as it is; nothing was written\n", err, f.Type)
	default:
		fmt.Fprintf(os.Stderr, "multiproc proxy: %v\n", err)
	}
	return exitStatus(exitFailed)
}

// singleDashes gives the flags of multiproc proxy the second dash that the command line's parser wants.
func singleDashes(arguments []string) []string {
	if attempted(arguments) != "proxy" {
		return arguments
	}
	doubled := make([]string, len(arguments))
	for i, argument := range arguments {
		if len(argument) > 2 && strings.HasPrefix(argument, "-") && argument[1] != '-' {
			argument = "-" + argument
		}
		doubled[i] = argument
	}
	return doubled
}

// attempted returns the command that a command line begins with, if it is one that has help of its own.
func attempted(arguments []string) string {
	if len(arguments) == 0 || !slices.Contains([]string{"map", "proxy", "bench", "version"}, arguments[0]) {
		return ""
	}
	return arguments[0]
}
