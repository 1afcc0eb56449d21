package sync_test

import (
	"runtime"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	mpsync "github.com/multiproc-go/multiproc/sync"
)

// What a session that has ended has sent is gone, though a lock remembers who had it last.
func TestSessionsThatHaveEndedKeepNothing(t *testing.T) {
	h := newHost(t)
	heap := func() int64 {
		for range 3 {
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const size, sessions = 8 << 20, 4
	before := heap()
	for i := range sessions {
		name := mpsync.Named(string(rune('a' + i)))
		defer must(mpsync.NewLock(t.Context(), h.watch, name)).Close()
		m := h.session()
		l := must(mpsync.NewLock(t.Context(), m, name))
		d := must(mpsync.NewDict[int, []byte](t.Context(), m))
		check(t, must(l.Acquire(t.Context())).Release())
		for range 9 {
			check(t, d.Set(t.Context(), 0, make([]byte, size)))
		}
		check(t, l.Close())
		check(t, d.Close())
		check(t, m.Close())
	}
	h.until("sessions have ended", func(i *manager.Info) bool { return len(i.Sessions) == 1 })
	if kept := heap() - before; kept > 2*size {
		t.Errorf("%d MiB are kept", kept>>20)
	}
}
