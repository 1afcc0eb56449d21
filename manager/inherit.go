package manager

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// A family is what the processes of one program know of one another.
type family struct {
	children atomic.Bool // whether this process has started any

	mu        sync.Mutex // guards the fields below
	key       []byte     // of managers that were given none
	self      string     // this process
	ancestors string     // the process that started this one
}

var program family

func init() { spawn.RegisterBequest("multiproc/manager", bequeath, inherit) }

// programKey is the key of all processes of this program.
func programKey() []byte {
	program.mu.Lock()
	defer program.mu.Unlock()
	if program.key == nil {
		program.key = make([]byte, 32)
		_, _ = rand.Read(program.key) // it never fails: Go ends the program instead
	}
	return program.key
}

// process is a name of this process that no other has.
func (f *family) process() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.self == "" {
		f.self = rand.Text()
	}
	return f.self
}

// parent is that of the process which started this one, or "".
func (f *family) parent() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ancestors
}

func (f *family) hasChildren() bool { return f.children.Load() }

// bequeath gives a child the keys of all managers that this process knows, those of later ones by the program's key.
func bequeath() ([]byte, error) {
	program.children.Store(true)
	will := [][]byte{programKey(), []byte(program.process())}
	directory.mu.Lock()
	defer directory.mu.Unlock()
	for address, c := range directory.credentials {
		insecure, security := []byte(nil), []byte(nil)
		if c.insecure {
			insecure = []byte{1}
		}
		if c.security != nil {
			security = []byte(c.security.name)
		}
		will = append(will, []byte(address), c.key, security, insecure)
	}
	return encode(will), nil
}

// inherit is bequeath's counterpart in the child.
func inherit(_ context.Context, encoded []byte) error {
	will, err := decode[[][]byte](encoded)
	if err != nil || len(will) < 2 {
		return errors.Join(errors.New("manager: malformed bequest"), err)
	}
	program.mu.Lock()
	program.key, program.ancestors = will[0], string(will[1])
	program.mu.Unlock()
	for rest := will[2:]; len(rest) >= 4; rest = rest[4:] {
		c := credential{key: rest[1], insecure: len(rest[3]) != 0}
		if name := string(rest[2]); name != "" {
			if c.security = securityNamed(name); c.security == nil {
				return fmt.Errorf("manager: the security %q is not registered in this process", name)
			}
		}
		directory.learn(string(rest[0]), c)
	}
	return nil
}

// A custodian keeps the objects alive whose proxies are in transit.
type custodian struct{}

func init() { wire.SetCustodian(custodian{}) }

// Hold is called by the sender. The references of a program's first process are its own, since what it sends to dies with
// it. Those of a child are taken in transit to its parent, which may outlive it.
func (custodian) Hold(ctx context.Context, tokens []wire.Token) error {
	return eachManager(ctx, tokens, func(l *link, ids []uint64) error {
		if program.parent() == "" {
			return l.acquire(ctx, ids)
		}
		_, err := l.call(ctx, serverObject, methodDispatch, encode(ids))
		return err
	}, releaseHeld)
}

// Adopt is called by the receiver.
func (custodian) Adopt(ctx context.Context, tokens []wire.Token) error {
	return eachManager(ctx, tokens, func(l *link, ids []uint64) error {
		if err := l.acquire(ctx, ids); err != nil {
			return err
		}
		l.adopted(ids)
		l.arrived(ids)
		return nil
	}, func(l *link, ids []uint64) { l.disown(ids) })
}

// Release is called by the sender.
func (custodian) Release(tokens []wire.Token) {
	for address, ids := range byManager(tokens) {
		directory.mu.Lock()
		l := directory.liveLocked(address)
		directory.mu.Unlock()
		if l != nil { // else the session has ended, and what it held with it
			releaseHeld(l, ids)
		}
	}
}

func releaseHeld(l *link, ids []uint64) {
	if program.parent() == "" {
		l.drop(ids)
		return
	}
	l.owe(func(d *debts) { d.recall = append(d.recall, ids...) })
}

// eachManager does something with the tokens of each manager. With an error, what was done for others is undone.
func eachManager(
	ctx context.Context, tokens []wire.Token, do func(*link, []uint64) error, undo func(*link, []uint64),
) error {
	var done []func()
	for address, ids := range byManager(tokens) {
		l, err := directory.link(ctx, address)
		if err == nil && len(ids) != 0 {
			err = do(l, ids)
		}
		if err != nil {
			for _, undo := range done {
				undo()
			}
			return err
		}
		done = append(done, func() { undo(l, ids) })
	}
	return nil
}

// byManager sorts the objects by their managers' addresses.
func byManager(tokens []wire.Token) map[string][]uint64 {
	sorted := map[string][]uint64{}
	for _, t := range tokens {
		if t.ID == serverObject {
			sorted[t.Address] = append(sorted[t.Address], []uint64{}...)
			continue
		}
		sorted[t.Address] = append(sorted[t.Address], t.ID)
	}
	return sorted
}
