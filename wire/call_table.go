package wire

// nearCalls is how many calls a callTable finds by their number alone.
const nearCalls = 64

// A callTable holds calls by their numbers, of which those that are under way at once mostly lie close together. The zero value
// is empty. It is not safe for concurrent use.
type callTable struct {
	near [nearCalls]struct {
		call uint64
		p    *pending // or nil
	}
	far map[uint64]*pending // those whose place in near was taken when they began
}

func (t *callTable) get(call uint64) *pending {
	if at := &t.near[call%nearCalls]; at.p != nil && at.call == call {
		return at.p
	}
	return t.far[call]
}

// set enters a call with a number that no other one there has.
func (t *callTable) set(call uint64, p *pending) {
	if at := &t.near[call%nearCalls]; at.p == nil {
		at.call, at.p = call, p
		return
	}
	if t.far == nil {
		t.far = make(map[uint64]*pending)
	}
	t.far[call] = p
}

// take removes a call, and returns nil if it is not there.
func (t *callTable) take(call uint64) *pending {
	if at := &t.near[call%nearCalls]; at.p != nil && at.call == call {
		p := at.p
		at.p = nil
		return p
	}
	p := t.far[call]
	if p != nil {
		delete(t.far, call)
	}
	return p
}

// all returns every call's.
func (t *callTable) all() []*pending {
	all := make([]*pending, 0, len(t.far))
	for _, p := range t.far {
		all = append(all, p)
	}
	for i := range t.near {
		if p := t.near[i].p; p != nil {
			all = append(all, p)
		}
	}
	return all
}
