package pool

import (
	"context"
	"testing"

	"github.com/multiproc-go/multiproc/spawn"
)

// lookedAt are functions that the process has looked at the types of, by the names of these tests.
func lookedAt() map[string]bool {
	functions.mu.Lock()
	defer functions.mu.Unlock()
	looked := map[string]bool{}
	for _, name := range []string{"test.lookedAt", "test.lookedAtNot"} {
		looked[name] = functions.byName[name].run != nil
	}
	return looked
}

var (
	asksWhatIsLookedAt = RegisterNamed("test.lookedAt", func(context.Context, struct{}) (map[string]bool, error) {
		return lookedAt(), nil
	})
	_ = RegisterNamed("test.lookedAtNot", func(context.Context, struct{ Name string }) (int, error) { return 0, nil })
)

// The first process looks at the types of all functions while packages initialise, so that it panics for those that cannot
// cross processes; a worker at those of the functions that it runs.
func TestWorkerLooksOnlyAtTypesOfWhatItRuns(t *testing.T) {
	if spawn.IsChild() {
		t.Fatal("the first process takes itself for a child")
	}
	if looked := lookedAt(); !looked["test.lookedAt"] || !looked["test.lookedAtNot"] {
		t.Errorf("in the first process: %v", looked)
	}
	p, err := New(t.Context(), &Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	looked, err := asksWhatIsLookedAt.Apply(t.Context(), p, struct{}{})
	if err != nil || !looked["test.lookedAt"] || looked["test.lookedAtNot"] {
		t.Errorf("in a worker: %v, %v", looked, err)
	}
}

// A function whose types cannot cross processes is refused when its entry is completed.
func TestEntryOfTypesThatCannotTravel(t *testing.T) {
	for _, complete := range []func(){
		func() { new(codecs[chan int, int]).make(&entry{name: "f"}, nil) },
		func() { new(codecs[int, chan int]).make(&entry{name: "f"}, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("it is taken")
				}
			}()
			complete()
		}()
	}
}
