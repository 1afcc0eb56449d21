package pool_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/multiproc-go/multiproc/pool"
)

// A pool that has ended has no workers, nor any that are starting.
func TestNoWorkersAreLeftInStats(t *testing.T) {
	ends := map[string]func(p *pool.Pool, gone string){
		"Shutdown": func(p *pool.Pool, _ string) {
			if err := p.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		},
		"Close": func(p *pool.Pool, _ string) { p.Close() },
		"broken": func(p *pool.Pool, gone string) {
			if err := os.RemoveAll(gone); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, _ = dies.Apply(t.Context(), p, int(syscall.SIGKILL))
			}
			if _, err := double.Apply(t.Context(), p, 1); !errors.Is(err, pool.ErrPoolBroken) {
				t.Error(err)
			}
			awaitStats(t, p, func(s pool.Stats) bool { return len(s.Workers) == 0 })
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			gone := filepath.Join(t.TempDir(), "dir")
			if err := os.Mkdir(gone, 0o700); err != nil {
				t.Fatal(err)
			}
			p := newPool(t, &pool.Options{Workers: 2, StartFailures: 2, Initializer: initWrites.With(filepath.Join(gone, "runs"))})
			workerPIDs(t, p, 2)
			end(p, gone)
			if s := p.Stats(); len(s.Workers) != 0 {
				t.Errorf("%+v", s.Workers)
			}
		})
	}
}
