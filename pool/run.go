package pool

import (
	"encoding/binary"
)

// A run is many small tasks of one job with indices in a row, which travel as one: their encoded arguments, or what
// became of them, stand one behind another. Numbers stand there as they are in memory, and the first error ends the run.
// Everything else stands there as
//
//	mark    byte     0 to longest: the length of a value; or one of the marks below
//	length  uint32   after such a mark, in the machine's byte order
//	bytes
//
// Whether one of them has begun, and whether it has ended, is known as for a task that travels alone: see runWord.
const (
	markError = 255 // an error, with its length
	markLong  = 254 // a value, with its length
	longest   = 253 // of what needs no length of its own

	markSize     = 1
	longMarkSize = markSize + 4
	runTasks     = 2048     // tasks in a run, at most
	runBytes     = 16 << 10 // encoded arguments in a run, at most
	leastPayload = 16       // of MaxPayload, so that it need not be looked at for each number
	runLargest   = 1 << 10  // an argument longer than that travels alone
)

// sealRun makes what follows start in dst, behind a byte left for it, an element of a run.
func sealRun(dst []byte, start int, failed bool) []byte {
	n := len(dst) - start - markSize
	if n <= longest && !failed {
		dst[start] = byte(n)
		return dst
	}
	dst = append(dst, 0, 0, 0, 0)
	copy(dst[start+longMarkSize:], dst[start+markSize:start+markSize+n])
	dst[start] = markLong
	if failed {
		dst[start] = markError
	}
	binary.NativeEndian.PutUint32(dst[start+markSize:], uint32(n))
	return dst
}

// packing is how the elements of a run stand in it: so many bytes each, or 0 for behind a mark.
type packing int

// cut cuts the first element off a run. It returns errCorrupt when that is not whole.
func (p packing) cut(src []byte) (element, rest []byte, failed bool, err error) {
	if p == 0 {
		return cutRun(src)
	}
	if len(src) < int(p) {
		return nil, nil, false, errCorrupt
	}
	return src[:p:p], src[p:], false, nil
}

// measure returns how many bytes the first n elements of a run take, and how many of them are errors.
func (p packing) measure(src []byte, n int) (size, failed int, err error) {
	if p == 0 {
		return measureRun(src, n)
	}
	if n > len(src)/int(p) {
		return 0, 0, errCorrupt
	}
	return n * int(p), 0, nil
}

// cutRun cuts the first element with a mark off a run. It returns errCorrupt when that is not whole.
func cutRun(src []byte) (element, rest []byte, failed bool, err error) {
	if len(src) > 0 && src[0] <= longest {
		if end := markSize + int(src[0]); end <= len(src) {
			return src[markSize:end:end], src[end:], false, nil
		}
		return nil, nil, false, errCorrupt
	}
	if len(src) < longMarkSize {
		return nil, nil, false, errCorrupt
	}
	n := binary.NativeEndian.Uint32(src[markSize:])
	if uint64(n) > uint64(len(src)-longMarkSize) {
		return nil, nil, false, errCorrupt
	}
	end := longMarkSize + int(n)
	return src[longMarkSize:end:end], src[end:], src[0] == markError, nil
}

// measureRun returns how many bytes the first n elements with marks take, and how many of them are errors.
func measureRun(src []byte, n int) (size, failed int, err error) {
	at := 0
	for range n {
		if at < len(src) && src[at] <= longest {
			at += markSize + int(src[at])
			continue
		}
		if at > len(src) {
			break
		}
		element, _, isError, err := cutRun(src[at:])
		if err != nil {
			return 0, 0, err
		}
		if isError {
			failed++
		}
		at += longMarkSize + len(element)
	}
	if at > len(src) {
		return 0, 0, errCorrupt
	}
	return at, failed, nil
}

// count is how many tasks t stands for.
func (t *task) count() int { return max(1, t.run) }

// tally returns how many tasks there are, with those in runs.
func tally(tasks []task) int {
	n := 0
	for i := range tasks {
		n += tasks[i].count()
	}
	return n
}

// split takes the first n tasks off a run, n being less than it has.
func (t *task) split(n int) task {
	size, _, err := t.job.entry.argPacking.measure(t.arg, n)
	if err != nil {
		panic(err) // this process has encoded it
	}
	first := task{job: t.job, index: t.index, run: n, arg: t.arg[:size:size]}
	t.index += n
	t.run -= n
	t.arg = t.arg[size:]
	return first
}

// between returns the tasks of a run from the from-th to before the to-th, as they would have to be sent.
func (t *task) between(from, to int) task {
	part := *t
	if from > 0 {
		part.split(from)
	}
	if to-from < part.run {
		part = part.split(to - from)
	}
	return part.alone()
}

// alone makes a run of one task a task that travels alone.
func (t *task) alone() task {
	if t.run != 1 {
		return *t
	}
	e := t.job.entry
	element, _, _, err := e.argPacking.cut(t.arg)
	if err != nil {
		panic(err) // this process has encoded it
	}
	if e.argPacking > 0 {
		element = e.unpackArg(element)
	}
	return task{job: t.job, index: t.index, arg: element}
}

// settle gives the tasks of t, of which there may be many, one outcome.
func (t *task) settle(o outcome) {
	for i := range t.count() {
		t.job.settle(t.index+i, o)
	}
}

// runSink is a sink that takes the outcomes of a run at once: what became of count tasks from index on, each done or
// failed. The run is well formed, and lies in memory that is reused.
type runSink interface {
	settleRun(index, count int, run []byte)
}

// follows reports whether u, a run, continues t, one of the same job, so that both fit in one.
func (t *task) follows(u *task) bool {
	return t.run > 0 && u.run > 0 && t.job == u.job && t.index+t.run == u.index &&
		t.run+u.run <= runTasks && len(t.arg)+len(u.arg) <= runBytes && adjacent(t.arg, u.arg)
}

// adjacent reports whether b stands right behind a in memory that both may use.
func adjacent(a, b []byte) bool {
	return len(a) > 0 && len(b) > 0 && cap(a) >= len(a)+len(b) && &a[:len(a)+1][len(a)] == &b[0]
}
