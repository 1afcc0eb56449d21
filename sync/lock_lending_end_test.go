package sync_test

import (
	"testing"

	mpsync "github.com/multiproc-go/multiproc/sync"
)

// A condition's own lock gives back its word with the condition, also when somebody had it.
func TestWordsOfConditionsThatAreGone(t *testing.T) {
	h := newHost(t)
	m := h.session()
	lasting := h.borrow(m, "lasting")
	for range 3000 {
		condition := must(mpsync.NewCondition(t.Context(), m, nil))
		must(condition.Acquire(t.Context()))
		check(t, condition.Close())
	}
	for i := 1500; i < lasting.Words().Len(); i++ {
		if lasting.Words().Load(i) != 0 {
			t.Fatalf("word %d was taken, with 3000 conditions", i)
		}
	}
}
