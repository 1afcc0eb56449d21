package poolexpvar_test

import (
	"context"
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/pool/poolexpvar"
	"github.com/multiproc-go/multiproc/spawn"
)

func TestMain(m *testing.M) { spawn.TestMain(m) }

var (
	double = pool.RegisterNamed("poolexpvar.double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	dies   = pool.RegisterNamed("poolexpvar.dies", func(context.Context, int) (int, error) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	})
)

func read(t *testing.T, v expvar.Var, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(v.String()), into); err != nil {
		t.Fatalf("%v: %s", err, v)
	}
}

func TestVarIsThePoolsStats(t *testing.T) {
	p, err := pool.New(t.Context(), &pool.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	v := poolexpvar.Var(p)
	if _, err := double.Map(t.Context(), p, make([]int, 5)); err != nil {
		t.Fatal(err)
	}
	var lost *pool.WorkerLostError
	if _, err := dies.Apply(t.Context(), p, 0); !errors.As(err, &lost) {
		t.Fatal(err)
	}
	var s pool.Stats
	if read(t, v, &s); s.Submitted != 6 || s.Done != 5 || s.Lost != 1 || len(s.Workers) != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestVarOfAHostedPool(t *testing.T) {
	m, err := manager.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := pool.NewHosted(t.Context(), m, &pool.Options{Workers: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := poolexpvar.HostedVar(h, 10*time.Second)
	if _, err := double.Apply(t.Context(), h, 1); err != nil {
		t.Fatal(err)
	}
	var s pool.Stats
	if read(t, v, &s); s.Submitted != 1 || s.Done != 1 {
		t.Fatalf("%+v", s)
	}
	if err := errors.Join(h.Close(), m.Close()); err != nil {
		t.Fatal(err)
	}
	var failed struct{ Error string }
	if read(t, v, &failed); failed.Error == "" {
		t.Fatal(v)
	}
}

func ExamplePublish() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	poolexpvar.Publish("thumbnails", p) // served at /debug/vars
	_, _ = double.Map(ctx, p, []int{1, 2, 3})

	var s pool.Stats
	fmt.Println(json.Unmarshal([]byte(expvar.Get("thumbnails").String()), &s), s.Done)
	// Output: <nil> 3
}
