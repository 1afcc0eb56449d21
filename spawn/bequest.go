package spawn

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// bequest is something that every child gets with its boot message.
type bequest struct {
	name string
	give func() ([]byte, error)
	take func(context.Context, []byte) error
}

// bequests is filled while packages initialise and only read afterwards, in the order of registration.
var bequests struct {
	mu   sync.Mutex // guards list
	list []bequest
}

// RegisterBequest has every child inherit something from its parent, over the boot pipe, where nobody else can read it:
// the keys of managers, for one. give is called in the parent for each start, concurrently, and what it returns must not
// be changed afterwards; nil bytes send nothing. take is called in the child with them, in the order of registration,
// before the after-fork hooks run and before the role does. An error of either makes the start fail.
//
// It must be called while packages initialise and panics afterwards (see MustRegister), and when the name is taken.
func RegisterBequest(name string, give func() ([]byte, error), take func(context.Context, []byte) error) {
	MustRegister("spawn.RegisterBequest")
	bequests.mu.Lock()
	defer bequests.mu.Unlock()
	if slices.ContainsFunc(bequests.list, func(b bequest) bool { return b.name == name }) {
		panic("spawn.RegisterBequest: " + name + " is registered twice")
	}
	bequests.list = append(bequests.list, bequest{name, give, take})
}

// gatherBequests makes the sections of a boot message.
func gatherBequests() ([]section, error) {
	var sections []section
	for _, b := range listBequests() {
		data, err := b.give()
		if err != nil {
			return nil, fmt.Errorf("bequeath %s: %w", b.name, err)
		}
		if data != nil {
			sections = append(sections, section{Name: b.name, Data: data})
		}
	}
	return sections, nil
}

// takeBequests hands the sections of the boot message to those who registered for them.
func takeBequests(ctx context.Context, sections []section) error {
	for _, b := range listBequests() {
		at := slices.IndexFunc(sections, func(s section) bool { return s.Name == b.name })
		if at < 0 {
			continue
		}
		if err := b.take(ctx, sections[at].Data); err != nil {
			return fmt.Errorf("spawn: inherit %s: %w", b.name, err)
		}
	}
	return nil
}

func listBequests() []bequest {
	bequests.mu.Lock()
	defer bequests.mu.Unlock()
	return slices.Clone(bequests.list)
}
