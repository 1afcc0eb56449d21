package manager

import (
	"cmp"
	"os"
	"slices"
	"time"
)

// Info is what a manager tells of itself at one moment.
type Info struct {
	Name      string
	Address   string
	PID       int
	Since     time.Time
	Sessions  []SessionInfo // by number
	Objects   []ObjectInfo  // by number, which is by age
	InTransit int           // references that messages have which were sent and have not arrived
}

// A SessionInfo describes one session.
type SessionInfo struct {
	ID         uint64
	PID        int    // of the client's process, as it says
	Process    string // its name
	Since      time.Time
	Local      bool // in the manager's own process
	References int  // to objects
	Calls      int  // of methods of objects, that have returned without an answer and have none yet
}

// An ObjectInfo describes one object.
type ObjectInfo struct {
	ID         uint64
	Type       string
	Name       string
	Pinned     bool
	References int      // of sessions and objects, and in transit
	Sessions   []uint64 // that refer to it
	Containers []uint64 // objects that keep a proxy for it
	Summary    string   // what the object says of itself
	Holders    []uint64 // sessions that hold it
	Waiters    []uint64 // sessions that wait for it, in their order
}

func (s *Server) numberOfObjects() int {
	s.registry.mu.RLock()
	defer s.registry.mu.RUnlock()
	return s.registry.objects.length()
}

// info describes everything. Objects are asked outside of the registry's lock, so that what they say of themselves may be
// a little later.
func (s *Server) info() Info {
	info := Info{Name: s.options.Name, Address: s.Address(), PID: os.Getpid(), Since: s.since}
	sessions := s.openSessions()
	r := s.registry
	r.mu.RLock()
	entries := make(map[uint64]*entry, r.objects.length())
	described := make(map[uint64]*ObjectInfo, r.objects.length())
	for id, e := range r.objects.elements {
		entries[id] = e
		described[id] = &ObjectInfo{ID: id, Type: e.kind.Name, Name: e.name, Pinned: e.pinned, References: e.references}
	}
	for id, e := range r.objects.elements {
		for inner := range e.contained {
			if o := described[inner]; o != nil {
				o.Containers = append(o.Containers, id)
			}
		}
	}
	for _, session := range sessions {
		info.Sessions = append(info.Sessions, session.infoLocked(described))
	}
	for t := range r.transits {
		for _, count := range t.counts.elements {
			info.InTransit += count
		}
	}
	r.mu.RUnlock()
	for id, o := range described {
		o.inspect(entries[id])
		info.Objects = append(info.Objects, *o)
	}
	slices.SortFunc(info.Objects, func(a, b ObjectInfo) int { return cmp.Compare(a.ID, b.ID) })
	return info
}

func (s *Session) infoLocked(objects map[uint64]*ObjectInfo) SessionInfo {
	described := SessionInfo{ID: s.id, Since: s.since, Local: s.local, Calls: s.conn.Unanswered(isObject)}
	if g := s.client.Load(); g != nil {
		described.PID, described.Process = g.PID, g.Name
	}
	for id, count := range s.references.elements {
		described.References += count
		if o := objects[id]; o != nil {
			o.Sessions = append(o.Sessions, s.id)
		}
	}
	return described
}

func isObject(object uint64) bool { return object != serverObject }

func (o *ObjectInfo) inspect(e *entry) {
	slices.Sort(o.Sessions)
	slices.Sort(o.Containers)
	if !e.isMade() {
		return
	}
	inspector, ok := e.object.(Inspector)
	if !ok {
		return
	}
	seen := inspector.Inspect()
	o.Summary, o.Holders, o.Waiters = seen.Summary, idsOf(seen.Holders), idsOf(seen.Waiters)
}

func idsOf(sessions []*Session) []uint64 {
	var ids []uint64
	for _, s := range sessions {
		ids = append(ids, s.id)
	}
	return ids
}
