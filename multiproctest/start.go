package multiproctest

import (
	"context"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/finalize"
	"github.com/multiproc-go/multiproc/spawn"
)

// startPlan is the name of the plan for the starts of children.
const startPlan = "/start"

func init() {
	finalize.AfterFork("multiproctest", func(context.Context) error {
		if p, found := planFor(startPlan); found && spawn.Current().Role != warmRole {
			return p.begin()
		}
		return nil
	})
}

// DelayStarts has the next n children of this program start so much later: workers, managers, and the children of
// children. It ends with the test, however many have started by then.
func DelayStarts(t testing.TB, n int, d time.Duration) {
	t.Helper()
	add(t, startPlan, 1, n, fault{Kind: delays, Delay: d})
}

// FailStarts has the next n children of this program killed, by SIGKILL, as they start. It ends with the test, however many have
// started by then.
func FailStarts(t testing.TB, n int) {
	t.Helper()
	add(t, startPlan, 1, n, fault{Kind: kills})
}
