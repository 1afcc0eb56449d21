package integration

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/multiproctest"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
	mpsync "github.com/multiproc-go/multiproc/sync"
	"github.com/multiproc-go/multiproc/wire"
)

// A parcel is an argument with what may belong to a manager that has died.
type parcel struct {
	Value   *mpsync.Value[int]
	Manager *manager.Manager
	Any     any
	Token   *wire.Token
	Turn    *mpsync.Event // of another manager, to be waited for
}

var (
	unpack = pool.RegisterNamed("integration.unpack", unpackParcel)
	resend = pool.RegisterNamed("integration.resend", resendToken)
	carry  = spawn.RegisterNamed("integration.carry", carryParcel)
)

func unpackParcel(ctx context.Context, p parcel) (int, error) {
	if p.Turn != nil {
		return 0, p.Turn.Wait(ctx)
	}
	return p.Value.Get(ctx)
}

// resendToken returns what it got.
func resendToken(_ context.Context, t wire.Token) (wire.Token, error) { return t, nil }

func carryParcel(context.Context, parcel) error { return nil }

// lostScene is a pool, a manager to be killed with a value in it, and an event in another.
func lostScene(t *testing.T) (*pool.Pool, *manager.Manager, *mpsync.Value[int], *mpsync.Event) {
	t.Helper()
	multiproctest.CheckNothingLeft(t)
	m, other := must(manager.Start(t.Context(), nil)), must(manager.Start(t.Context(), nil))
	p := must(pool.New(t.Context(), &pool.Options{Workers: 1}))
	t.Cleanup(func() {
		if err := errors.Join(p.Shutdown(context.Background()), m.Close(), other.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return p, m, must(mpsync.NewValue(t.Context(), m, 7)), must(mpsync.NewEvent(t.Context(), other))
}

// parcels are the ways in which something of a manager is in an argument.
func parcels(m *manager.Manager, v *mpsync.Value[int]) map[string]parcel {
	token := v.Token()
	return map[string]parcel{
		"a proxy": {Value: v}, "a manager": {Manager: m}, "any": {Any: []any{v}}, "a token": {Token: &token},
	}
}

// checkLost looks at an error that came because a manager had died. began is when it was asked for.
func checkLost(t *testing.T, what string, began time.Time, err error) {
	t.Helper()
	if !errors.Is(err, manager.ErrManagerLost) || errors.Is(err, wire.ErrMalformed) {
		t.Errorf("%s: %v", what, err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("%s: it took %v", what, took)
	}
}

func TestWhatIsSentAfterTheManagersDeath(t *testing.T) {
	p, m, v, _ := lostScene(t)
	multiproctest.KillManager(t, m)
	for what, argument := range parcels(m, v) {
		began := time.Now()
		_, err := unpack.Apply(t.Context(), p, argument)
		checkLost(t, "the argument of a task: "+what, began, err)
		began = time.Now()
		_, err = carry.Start(t.Context(), argument, nil)
		checkLost(t, "the argument of a process: "+what, began, err)
	}
}

func TestTasksThatWaitWhenTheManagerDies(t *testing.T) {
	for _, warm := range []bool{false, true} {
		p, m, v, turn := lostScene(t)
		if warm { // the worker has a session, which is lost then
			if got, err := unpack.Apply(t.Context(), p, parcel{Value: v}); got != 7 || err != nil {
				t.Fatal(got, err)
			}
		}
		first := must(unpack.ApplyAsync(t.Context(), p, parcel{Turn: turn}))
		waiting := map[string]*pool.AsyncResult[int]{}
		for what, argument := range parcels(m, v) {
			if argument.Token == nil { // which is decoded without its manager
				waiting[what] = must(unpack.ApplyAsync(t.Context(), p, argument))
			}
		}
		result := must(resend.ApplyAsync(t.Context(), p, v.Token()))
		multiproctest.KillManager(t, m)
		began := time.Now()
		if err := turn.Set(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := first.Get(t.Context()); err != nil {
			t.Error(err)
		}
		for what, task := range waiting {
			_, err := task.Get(t.Context())
			checkLost(t, what, began, err)
		}
		_, err := result.Get(t.Context())
		checkLost(t, "the result of a task", began, err)
	}
}

// A child that finds nobody where a proxy in its argument has its manager has not started.
func TestChildThatCannotReachTheManager(t *testing.T) {
	multiproctest.CheckNothingLeft(t)
	path := filepath.Join(t.TempDir(), "s")
	m := must(manager.Start(t.Context(), &manager.Options{Address: "unix:" + path}))
	v := must(mpsync.NewValue(t.Context(), m, 7))
	if err := os.Remove(path); err != nil { // for others the manager has died
		t.Fatal(err)
	}
	_, err := carry.Start(t.Context(), parcel{Value: v}, nil)
	var failed *spawn.StartError
	if !errors.Is(err, manager.ErrManagerLost) || !errors.As(err, &failed) {
		t.Error(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
