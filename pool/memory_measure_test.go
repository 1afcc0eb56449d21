package pool

import "testing"

// An exact look is taken when the count says that the limit may be passed, or when the last one is old.
func TestMeasurementIsTakenWhenDue(t *testing.T) {
	const limit, now = 800, int64(1e12)
	last := measurement{at: now - 100, cost: 50, resident: 1000, used: 600} // much is shared
	for _, c := range []struct {
		m        measurement
		resident int64
		now      int64
		want     bool
	}{
		{measurement{}, 699, now, false}, // whatever is shared, it is less
		{measurement{}, 700, now, true},  // the count misses a little
		{last, 1000, now, false},
		{last, 1200, now, false}, // 800 at the most
		{last, 1201, now, true},
		{last, 1000, now + 399, false}, // a look costs much
		{last, 1000, now + 400, true},
		{measurement{at: now, cost: measureAgain, resident: 1000}, 1000, now + measureAgain, true},
	} {
		if got := c.m.due(c.resident, limit, c.now); got != c.want {
			t.Errorf("%+v with %d at +%d: %v", c.m, c.resident, c.now-now, got)
		}
	}
}
