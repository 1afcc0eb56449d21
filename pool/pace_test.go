package pool

import "testing"

// A link naps for a millisecond where nothing else keeps the process awake, which is just as much work as it sends ahead: of
// however few tasks it had sent, each seemed to take its share of that, so that one worker never got more.
func TestPaceGrowsBeyondWhatANapHides(t *testing.T) {
	for name, test := range map[string]struct {
		napped bool
		left   int // tasks that had not ended after the nap
		want   int
	}{
		"all had ended":                {napped: true, want: 8},
		"the worker was still at work": {napped: true, left: 1, want: 4},
		"no nap":                       {want: 4},
	} {
		t.Run(name, func(t *testing.T) {
			l := &link{pool: &Pool{}, target: 4, aloft: test.left, napped: test.napped, since: clock() - aheadTime + aheadTime/10}
			l.paceLocked(4)
			if l.target != test.want || l.napped {
				t.Errorf("%d tasks may be in flight, want %d", l.target, test.want)
			}
		})
	}
}
