package manager

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"github.com/multiproc-go/multiproc/spawn"
)

// A family is what the processes of one program know of one another.
type family struct {
	mu    sync.Mutex // guards the fields below
	key   []byte     // of managers that were given none
	child bool       // whether a process of this program has started this one
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

// isChild reports whether this process may die before those that it sends to.
func (f *family) isChild() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.child
}

// bequeath gives a child the keys of all managers that this process knows, those of later ones by the program's key.
func bequeath() ([]byte, error) {
	will := [][]byte{programKey()}
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
		will = append(will, []byte(address), []byte(c.route), c.key, security, insecure)
	}
	return encode(will), nil
}

// inherit is bequeath's counterpart in the child.
func inherit(_ context.Context, encoded []byte) error {
	will, err := decode[[][]byte](encoded)
	if err != nil || len(will) == 0 {
		return errors.Join(errors.New("manager: malformed bequest"), err)
	}
	program.mu.Lock()
	program.key, program.child = will[0], true
	program.mu.Unlock()
	for rest := will[1:]; len(rest) >= 5; rest = rest[5:] {
		c := credential{route: string(rest[1]), key: rest[2], insecure: len(rest[4]) != 0}
		if name := string(rest[3]); name != "" {
			if c.security = securityNamed(name); c.security == nil {
				return fmt.Errorf("manager: the security %q is not registered in this process", name)
			}
		}
		directory.learn(string(rest[0]), c)
	}
	return nil
}
