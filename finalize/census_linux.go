package finalize

import (
	"bytes"
	"fmt"
	"os"
)

// census is what a Census keeps from one pass to the next.
type census struct {
	scan scan
	seen sightings
}

// sightings are what processes had in their environments when a pass looked, and the pass before it. A process's marks
// stay what they were until it runs another program, whose environment lies elsewhere. A nil *sightings knows nothing.
type sightings struct {
	before, now map[Identity]sighting
}

type sighting struct {
	marks   [][]byte
	environ uint64 // its address
}

var pageSize = uint64(os.Getpagesize())

func (c *census) take(trees []Tree) ([][]Member, error) {
	p, err := openProc()
	if err != nil {
		return nil, err
	}
	defer p.close()
	s := &c.scan
	s.proc, s.self, s.seen = p, os.Getpid(), &c.seen
	s.table.begin(trees)
	c.seen.begin()
	if err := p.each(s.look); err != nil {
		return nil, err
	}
	s.table.spread()
	members := make([][]Member, len(trees))
	for i := range s.table.entries {
		if e := &s.table.entries[i]; e.owner != nobody && e.pid != s.self {
			members[e.owner] = append(members[e.owner], Member{Identity: e.identity(), Resident: e.resident * pageSize})
		}
	}
	return members, nil
}

// begin forgets those that the last pass has not come upon.
func (s *sightings) begin() {
	if s.now == nil {
		s.before, s.now = map[Identity]sighting{}, map[Identity]sighting{}
	}
	s.before, s.now = s.now, s.before
	clear(s.now)
}

// recall returns the marks of a process that was seen before.
func (s *sightings) recall(st *stat) (marks [][]byte, known bool) {
	if s == nil || st.environStart == 0 {
		return nil, false
	}
	last, ok := s.before[st.identity()]
	if !ok || last.environ != st.environStart {
		return nil, false
	}
	s.now[st.identity()] = last
	return last.marks, true
}

// note keeps the marks of a process.
func (s *sightings) note(st *stat, environment []byte) {
	if s == nil {
		return
	}
	noted := sighting{environ: st.environStart}
	for mark := range marksIn(environment) {
		noted.marks = append(noted.marks, bytes.Clone(mark))
	}
	s.now[st.identity()] = noted
}

func footprint(id Identity) (uint64, error) {
	p, err := openProc()
	if err != nil {
		return 0, err
	}
	defer p.close()
	rollup, err := p.read(id.PID, "smaps_rollup", &p.environ)
	if err != nil {
		return 0, fmt.Errorf("finalize: the footprint of %v: %w", id, err)
	}
	if !alive(id) {
		return 0, fmt.Errorf("finalize: the footprint of %v: %w", id, os.ErrProcessDone)
	}
	return proportionalSize(rollup), nil
}

// proportionalSize adds up the sizes in smaps_rollup, which are in KiB.
func proportionalSize(rollup []byte) (size uint64) {
	for line := range bytes.SplitSeq(rollup, []byte{'\n'}) {
		fields := bytes.Fields(line)
		if len(fields) < 2 || string(fields[0]) != "Pss:" && string(fields[0]) != "SwapPss:" {
			continue
		}
		if n, ok := number(fields[1]); ok {
			size += n << 10
		}
	}
	return size
}
