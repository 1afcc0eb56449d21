package wire

import (
	"errors"
	"testing"
)

func TestUsers(t *testing.T) {
	if err := errors.Join(allowUser(7, 7, 1), allowUser(0, 7, 1)); err != nil {
		t.Error(err)
	}
	for _, own := range []int{0, 8} {
		if err := allowUser(7, own, 1); !errors.Is(err, ErrPeerUser) {
			t.Error(err)
		}
	}
}
