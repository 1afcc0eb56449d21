package pool_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

// A guest is a process that uses a hosted pool that it was given.
type guest struct {
	Pipe  *spawn.PipeEnd
	Pool  *pool.Hosted
	Tasks int // that it leaves pending
}

var visits = spawn.RegisterNamed("pool_test.visit", func(ctx context.Context, g guest) error {
	if got, err := double.Apply(ctx, g.Pool, 4); got != 8 || err != nil {
		return errors.Join(errors.New("a guest's task failed"), err)
	}
	for range g.Tasks {
		if _, err := sleeps.ApplyAsync(ctx, g.Pool, time.Minute); err != nil {
			return err
		}
	}
	if err := g.Pipe.Send(nil); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
})

func startGuest(t *testing.T, h *pool.Hosted, tasks int) *spawn.Process {
	t.Helper()
	ours, theirs, err := spawn.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	process, err := visits.Start(t.Context(), guest{theirs, h, tasks}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if _, err := ours.Receive(); err != nil {
		t.Fatal(err, process.Wait(t.Context()))
	}
	return process
}

func TestHostedKilledClientTakesItsOwnTasksAlone(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 5, Grace: 100 * time.Millisecond})
	mine, err := sleeps.ApplyAsync(t.Context(), h, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	killed, other := startGuest(t, h, 3), startGuest(t, h, 1)
	if got := hostedStats(t, h).Pending; got != 5 {
		t.Fatalf("%d tasks are pending", got)
	}
	if err := killed.Kill(); err != nil {
		t.Fatal(err)
	}
	hostedEventually(t, "three tasks are cancelled", func() bool { return hostedStats(t, h).Cancelled == 3 })
	if got := hostedStats(t, h); got.Pending == 0 || got.Lost != 0 {
		t.Errorf("after the death: %+v", got)
	}
	if _, err := mine.Get(t.Context()); err != nil {
		t.Errorf("another's task: %v", err)
	}
	if err := other.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	hostedEventually(t, "four tasks are cancelled", func() bool { return hostedStats(t, h).Cancelled == 4 })
	if got := hostedStats(t, h); got.Pending != 0 || got.Done != 3 {
		t.Errorf("at the end: %+v", got)
	}
}

func TestHostedStoppedClientDelaysNobody(t *testing.T) {
	h := newHosted(t, newManager(t), &pool.Options{Workers: 2, Grace: 100 * time.Millisecond})
	stopped := startGuest(t, h, 1)
	if err := syscall.Kill(stopped.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	inputs := make([]int, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := double.Map(ctx, h, inputs); err != nil {
		t.Error(err)
	}
}

func TestHostedPoolEndsWithItsManager(t *testing.T) {
	m := must(manager.Start(t.Context(), nil))
	h := newHosted(t, m, &pool.Options{Workers: 2, Grace: 100 * time.Millisecond})
	workers := hostedStats(t, h).Workers
	slow, err := sleeps.ApplyAsync(t.Context(), h, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Process().Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Get(t.Context()); !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("a pending task: %v", err)
	}
	if _, err := double.Apply(t.Context(), h, 1); !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("a later task: %v", err)
	}
	for _, w := range workers {
		hostedEventually(t, "the workers are gone", func() bool { return w.PID == 0 || gone(w.PID) })
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// A caller whose context had ended waited as long as the manager was frozen, which could be for ever.
func TestHostedManagerFrozenUnderACancelledTask(t *testing.T) {
	m := must(manager.Start(t.Context(), nil))
	defer m.Close()
	h := newHosted(t, m, &pool.Options{Workers: 1, Grace: 100 * time.Millisecond})
	slow := must(sleeps.ApplyAsync(t.Context(), h, time.Minute))
	other := must(manager.Connect(t.Context(), m.Address(), nil))
	defer other.Close()
	if err := syscall.Kill(m.Process().PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	hostedEventually(t, "the manager has stopped", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		return other.Ping(ctx) != nil
	})
	slow.Cancel()
	limit, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := slow.Get(limit); !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("a pending task: %v", err)
	}
}

func TestHostedInThisProcess(t *testing.T) {
	s := must(manager.NewServer(nil))
	m := must(s.Manager(t.Context()))
	h := newHosted(t, m, &pool.Options{Workers: 2, Grace: 100 * time.Millisecond})
	if got, err := double.Apply(t.Context(), h, 3); got != 6 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	slow, err := sleeps.ApplyAsync(t.Context(), h, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	workers := hostedStats(t, h).Workers
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := slow.Get(t.Context()); err == nil {
		t.Error("a task outlives the manager")
	}
	for _, w := range workers {
		if w.PID != 0 && !gone(w.PID) {
			t.Errorf("worker %d is left", w.PID)
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// A parcel carries a proxy there and back.
type parcel struct {
	Note string
	Box  *manager.Proxy
	Pool *pool.Hosted
}

// passes puts a note into the box of its argument and returns the box.
var passes = pool.RegisterNamed("test.passes", func(ctx context.Context, p parcel) (parcel, error) {
	_, err := p.Box.Invoke(ctx, "Put", []byte{0xa1, 'x'})
	if p.Pool != nil {
		if got, err := double.Apply(ctx, p.Pool, 5); got != 10 || err != nil {
			return parcel{}, errors.Join(errors.New("a task of a task failed"), err)
		}
	}
	return parcel{Note: "back", Box: p.Box}, err
})

// makes returns a box that nobody else knows, and dies soon.
var makes = pool.RegisterNamed("test.makes", func(ctx context.Context, p parcel) (parcel, error) {
	m, err := p.Box.Manager()
	if err != nil {
		return parcel{}, err
	}
	box, err := manager.Create(ctx, m, "pool_test.box", nil, nil)
	return parcel{Note: "made", Box: box}, err
})

// box is a shared object that holds an encoded value.
type box struct {
	mu    sync.Mutex // guards value
	value []byte
}

func (b *box) Call(c *manager.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.Method == "Put" { //nolint:usestdlibvars // a method of a box
		b.value = c.Argument
	}
	c.Return(b.value)
}

func init() {
	manager.RegisterType(manager.Type{
		Name: "pool_test.box", Methods: []string{"Put", "Get"},
		New: func([]byte, *manager.Host) (manager.Object, error) { return &box{}, nil },
	})
}

func TestHostedProxiesInTasks(t *testing.T) {
	m := newManager(t)
	h := newHosted(t, m, &pool.Options{Workers: 2, MaxTasksPerChild: 1, Grace: 100 * time.Millisecond})
	mine := must(manager.Create(t.Context(), m, "pool_test.box", nil, nil))
	back, err := passes.Apply(t.Context(), h, parcel{Box: mine, Pool: h})
	if err != nil {
		t.Fatal(err)
	}
	mine.Close()
	if got, err := back.Box.Invoke(t.Context(), "Get", nil); err != nil || string(got) != "\xa1x" {
		t.Errorf("the box that came back holds %q, %v", got, err)
	}
	for range 5 { // each worker is gone by the time when its result is used
		made, err := makes.Apply(t.Context(), h, parcel{Box: back.Box})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := made.Box.Invoke(t.Context(), "Get", nil); err != nil {
			t.Errorf("a box made by a worker: %v", err)
		}
		made.Box.Close()
	}
	foreign := newManager(t)
	theirs := must(manager.Create(t.Context(), foreign, "pool_test.box", nil, nil))
	made, err := makes.Apply(t.Context(), h, parcel{Box: theirs})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := made.Box.Invoke(t.Context(), "Get", nil); err != nil || made.Box.Token().Address != foreign.Address() {
		t.Errorf("a box of another manager: %v", err)
	}
	for _, p := range []*manager.Proxy{made.Box, theirs, back.Box} {
		p.Close()
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// gone reports whether a process has ended.
func gone(pid int) bool {
	return errors.Is(syscall.Kill(pid, 0), os.ErrProcessDone) || syscall.Kill(pid, 0) != nil || zombie(pid)
}
