package manager_test

import (
	"errors"
	"net"
	"path/filepath"
	"testing"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// takings are what is done with a token that has arrived, or is to leave.
var takings = map[string]func(t *testing.T, encoded []byte) error{
	"hold": func(t *testing.T, encoded []byte) error {
		return wire.Hold(t.Context(), must(wire.FindTokens(encoded)))
	},
	"adopt": func(t *testing.T, encoded []byte) error {
		return wire.Adopt(t.Context(), must(wire.FindTokens(encoded)))
	},
	"dispatch": func(t *testing.T, encoded []byte) error { _, err := wire.Dispatch(t.Context(), encoded); return err },
	"decode a proxy": func(_ *testing.T, encoded []byte) error {
		_, err := wire.DecodeValue(encoded, new(manager.Proxy))
		return err
	},
	"decode any": func(_ *testing.T, encoded []byte) error { _, err := wire.DecodeValue(encoded, new(any)); return err },
	"decode a manager": func(_ *testing.T, encoded []byte) error {
		token, _, err := wire.ReadToken(encoded)
		if err != nil {
			return err
		}
		token.ID = 0
		_, err = wire.DecodeValue(wire.AppendToken(nil, token), new(manager.Manager))
		return err
	},
}

func TestTokensOfAKilledManager(t *testing.T) {
	m := must(manager.Start(t.Context(), nil))
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	encoded := must(p.MarshalMsg(nil))
	if err := m.Process().Kill(); err != nil {
		t.Fatal(err)
	}
	<-m.Lost()
	check := func(when string) {
		for what, take := range takings {
			if err := take(t, encoded); !errors.Is(err, manager.ErrManagerLost) || errors.Is(err, wire.ErrMalformed) {
				t.Errorf("%s, %s: %v", what, when, err)
			}
		}
		if _, err := manager.As[manager.Proxy](p); !errors.Is(err, manager.ErrManagerLost) {
			t.Errorf("As, %s: %v", when, err)
		}
		if _, err := m.MarshalMsg(nil); !errors.Is(err, manager.ErrManagerLost) {
			t.Errorf("a Manager is encoded, %s: %v", when, err)
		}
	}
	check("with a lost session")
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	check("with none")
}

// A proxy of a lost session stays lost, also where somebody serves at the same address again.
func TestProxiesStayLost(t *testing.T) {
	o := &manager.Options{Address: "unix:" + filepath.Join(t.TempDir(), "s")}
	m := must(manager.Start(t.Context(), o))
	p := must(manager.Create(t.Context(), m, "box", nil, nil))
	if err := m.Process().Kill(); err != nil {
		t.Fatal(err)
	}
	<-m.Lost()
	next := must(manager.Start(t.Context(), o))
	if _, err := p.MarshalMsg(nil); !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("a proxy is encoded: %v", err)
	}
	if _, err := manager.As[manager.Proxy](p); !errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("As: %v", err)
	}
	if err := errors.Join(m.Close(), next.Close()); err != nil {
		t.Error(err)
	}
}

// Who listens at an address, and is no manager of ours, has not lost one; who goes away in the handshake has.
func TestTokensOfStrangers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other")
	stranger, err := wire.Listen(t.Context(), "unix", path, &wire.ListenOptions{
		TransportOptions: wire.TransportOptions{Auth: wire.AuthOptions{Key: []byte("another key")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, take := range takings {
		err := take(t, wire.AppendToken(nil, wire.Token{Type: "box", Address: "unix:" + path, ID: 1}))
		if !errors.Is(err, wire.ErrAuthentication) || errors.Is(err, manager.ErrManagerLost) || errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s, another key: %v", what, err)
		}
	}
	if err := stranger.Close(); err != nil {
		t.Error(err)
	}
	path = filepath.Join(t.TempDir(), "dying")
	dying, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for conn, err := dying.Accept(); err == nil; conn, err = dying.Accept() {
			_ = conn.Close()
		}
	}()
	for what, take := range takings {
		err := take(t, wire.AppendToken(nil, wire.Token{Type: "box", Address: "unix:" + path, ID: 1}))
		if !errors.Is(err, manager.ErrManagerLost) {
			t.Errorf("%s, cut off: %v", what, err)
		}
	}
	_ = dying.Close()
	<-ended
	if _, err := manager.Connect(t.Context(), "unix:"+path, nil); err == nil || errors.Is(err, manager.ErrManagerLost) {
		t.Errorf("Connect where nobody is: %v", err)
	}
}
