package manager_test

import (
	"context"
	"time"
)

// waitLimit is after what time a test fails that waits for something.
const waitLimit = 10 * time.Second

// pause waits a little between two looks at something that only polling can tell, or until ctx ends.
func pause(ctx context.Context) {
	timer := time.NewTimer(time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
