package spawn_test

import (
	"context"
	"testing"

	"github.com/multiproc-go/multiproc/spawn"
)

func init() {
	spawn.RegisterRole("test/echo", func(ctx context.Context, c *spawn.Child) error {
		if err := c.Hello("echo:" + string(c.Argument)); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	})
}

func TestStartRole(t *testing.T) {
	p, err := spawn.StartRole(t.Context(), "test/echo", []byte("hi"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Address() != "echo:hi" {
		t.Errorf("address %q", p.Address())
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}
