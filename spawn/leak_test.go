package spawn_test

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
)

// Starts that fail, at whatever point, leave no descriptor, and neither do those that succeed.
func TestDescriptorsAreClosed(t *testing.T) {
	if descriptors() == 0 {
		t.Skip("no /proc")
	}
	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, attempt := range map[string]func(context.Context) (*spawn.Process, error){
		"success": func(ctx context.Context) (*spawn.Process, error) {
			return spawn.StartRole(ctx, "test/exit", []byte("nil"), nil, nil)
		},
		"copied streams": func(ctx context.Context) (*spawn.Process, error) {
			return spawn.StartRole(ctx, "test/exit", []byte("nil"), nil,
				&spawn.Options{Stdin: endless{}, Stdout: io.Discard, Stderr: io.Discard})
		},
		"closed stream": func(ctx context.Context) (*spawn.Process, error) {
			return spawn.StartRole(ctx, "test/wait", nil, nil, &spawn.Options{Stdin: endless{}, Stdout: closed})
		},
		"closed file": func(ctx context.Context) (*spawn.Process, error) {
			return spawn.StartRole(ctx, "test/wait", nil, []*os.File{closed}, nil)
		},
		"no fork": func(ctx context.Context) (*spawn.Process, error) {
			return spawn.StartRole(ctx, "test/wait", nil, nil, &spawn.Options{Dir: "/nonexistent", Stdin: endless{}})
		},
		"refused": func(ctx context.Context) (*spawn.Process, error) {
			return spawn.StartRole(ctx, "test/refuse", nil, nil, nil)
		},
		"died": func(ctx context.Context) (*spawn.Process, error) {
			return spawn.StartRole(ctx, "test/mute", nil, nil, nil)
		},
		"context": func(ctx context.Context) (*spawn.Process, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			return spawn.StartRole(ctx, "test/hang", nil, nil, nil)
		},
		"pipe": func(ctx context.Context) (*spawn.Process, error) {
			ours, theirs, err := spawn.Pipe()
			if err != nil {
				return nil, err
			}
			defer ours.Close()
			return echo.Start(ctx, theirs, nil)
		},
		"pipe stays": func(ctx context.Context) (*spawn.Process, error) {
			ours, theirs, err := spawn.Pipe()
			if err != nil {
				return nil, err
			}
			defer ours.Close()
			defer theirs.Close()
			return echo.Start(ctx, theirs, &spawn.Options{Dir: "/nonexistent"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			once := func() {
				p, err := attempt(t.Context())
				if err != nil {
					return
				}
				<-p.Done()
				<-p.Swept()
			}
			once()                      // what is opened once and for all
			before := descriptors() + 2 // the guardian may still be on its way
			for range 5 {
				once()
			}
			eventually(t, patience, "descriptors closed", func() bool { return descriptors() <= before })
		})
	}
}

// endless is input without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
