//go:build !linux

package finalize

import (
	"errors"
	"fmt"
)

type census struct{}

func (*census) take([]Tree) ([][]Member, error) {
	return nil, fmt.Errorf("finalize: a census of process trees: %w", errors.ErrUnsupported)
}

func footprint(id Identity) (uint64, error) {
	return 0, fmt.Errorf("finalize: the footprint of %v: %w", id, errors.ErrUnsupported)
}
