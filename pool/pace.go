package pool

import "time"

// aheadTime is how much work a link sends ahead: enough that a worker never waits for the next task, little
// enough that nothing waits long behind another.
const (
	aheadTime  = int64(time.Millisecond)
	mostAhead  = 1 << 13 // tasks that are so short that it is less than that
	shortTask  = int64(10 * time.Microsecond)
	timedBelow = 16                           // links that send less than this ahead have their tasks' beginnings written down
	leastLapse = int64(2 * napTime)           // a link that looks sooner is not kept from it
	lately     = int64(50 * time.Millisecond) // over which a link averages for how long it is kept from looking
)

// paceLocked adapts how many tasks may be in flight to how long those took that have ended since it was called last: it doubles
// at the most, and falls to one at once when a task takes longer than what is to be ahead. The wake of a worker that slept is no task's
// time; and when many short tasks seem to take longer than those before, the worker has most likely waited for a processor.
//
// While the worker is at work, the link's own clock tells how long its tasks take. A worker that has run dry did so at some moment
// since the link looked last, which may be long ago where the program's own goroutines keep all its processors busy: then the
// worker's clock tells. It is asked only when all it was sent has ended, so that one that lies gets no more while it is slow.
func (l *link) paceLocked() {
	ended := int64(l.ended - l.paced)
	if ended == 0 {
		return
	}
	now, looked := clock(), l.since
	if l.fresh {
		l.since, l.fresh = min(max(int64(l.shared.word(wordStintBegun).Load()), l.since), now), false
	}
	each, lapse, hidden := max(1, (now-l.since)/ended), int64(0), false
	if l.napped {
		lapse = now - looked
	}
	if l.aloft == 0 && (l.napped || now-l.since > leastLapse) {
		told, over, ok := l.stintLocked(ended, now)
		if ok {
			each, lapse = told, max(lapse, now-over)
		}
		hidden = l.napped && !ok // that all had ended when the nap was over says little of how long they took
	}
	l.lapse += (min(lapse, int64(tickEvery)) - l.lapse) * min(now-looked, lately) / lately
	least, usual, ahead := int64(1), aheadTime/each, l.horizonLocked()/each
	if each < shortTask {
		least = int64(l.target / 4)
	}
	if hidden {
		usual, ahead = mostAhead, mostAhead
	}
	before := l.target
	l.target = int(max(1, least, min(ahead, 2*int64(l.target), mostAhead)))
	l.usual = int(max(1, least, min(usual, mostAhead)))
	l.pool.ahead.Add(int64(l.target - before))
	l.since, l.napped, l.paced = now, false, l.ended
}

// horizonLocked returns how much work is to be ahead of the worker: what it does while the link is kept from looking, twice that
// if it was not enough, but no more than would be taken back.
func (l *link) horizonLocked() int64 {
	lapse := l.lapse
	if l.aloft == 0 {
		lapse *= 2
	}
	return max(aheadTime, min(lapse, int64(tickEvery)))
}

// roomLocked returns how many of the tasks in the queue a link may take that has room for so many: more than are usually sent ahead
// only as long as they would else have to wait for it, and not where they would be another worker's. It is called with p.mu held.
func (p *Pool) roomLocked(l *link, room int) int {
	workers := max(1, int(p.size.Load()))
	return min(room, max(l.usual-l.aloft, (p.queued+workers-1)/workers))
}

// stintLocked returns how long each task took of the worker's last stint, and when that was over, as the worker says. Of a stint that
// began before the link looked last, only what came after that counts. It is false if the worker has not told of all that has ended.
func (l *link) stintLocked(ended, now int64) (each, over int64, ok bool) {
	if l.shared.word(wordStintEnded).Load() != l.ended {
		return 0, 0, false
	}
	begun, tasks := int64(l.shared.word(wordStintBegun).Load()), l.shared.word(wordStintTasks).Load()
	if begun <= 0 || begun > now || tasks == 0 || tasks > uint64(ended) {
		begun, tasks = l.since, uint64(ended)
	}
	over = min(max(int64(l.shared.word(wordStintOver).Load()), begun), now)
	return max(1, (over-begun)/int64(tasks)), over, true
}
