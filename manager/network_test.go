package manager_test

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/multiproc-go/multiproc/manager"
	"github.com/multiproc-go/multiproc/wire"
)

// certificate is the same in every process: its key comes from a fixed seed, and signatures are deterministic.
var certificate = sync.OnceValue(func() tls.Certificate {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "manager"}, DNSNames: []string{"manager"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der := must(x509.CreateCertificate(nil, template, template, key.Public(), key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: must(x509.ParseCertificate(der))}
})

var encryption = manager.RegisterSecurity("manager_test",
	func(ctx context.Context, c net.Conn) (net.Conn, error) {
		secured := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate()}, MinVersion: tls.VersionTLS13})
		return secured, secured.HandshakeContext(ctx)
	},
	func(ctx context.Context, c net.Conn) (net.Conn, error) {
		roots := x509.NewCertPool()
		roots.AddCert(certificate().Leaf)
		secured := tls.Client(c, &tls.Config{RootCAs: roots, ServerName: "manager", MinVersion: tls.VersionTLS13})
		return secured, secured.HandshakeContext(ctx)
	},
)

func TestTCP(t *testing.T) {
	for name, o := range map[string]manager.Options{
		"encrypted": {Security: encryption},
		"insecure":  {InsecureTCP: true},
	} {
		t.Run(name, func(t *testing.T) {
			o.Address, o.Key = "tcp:127.0.0.1:0", []byte("secret")
			m := must(manager.Start(t.Context(), &o))
			defer m.Close()
			if !strings.HasPrefix(m.Address(), "tcp:127.0.0.1:") || strings.HasSuffix(m.Address(), ":0") {
				t.Errorf("address %s", m.Address())
			}
			other := must(manager.Connect(t.Context(), m.Address(), &o))
			defer other.Close()
			p := must(manager.Create(t.Context(), other, "box", nil, nil))
			c := start(t, p, nil) // the child has inherited the key and the encryption
			p.Close()
			c.do("put")
			c.do("close")
			if err := m.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			again := must(manager.NewServer(&manager.Options{
				Address: m.Address(), Key: o.Key, Security: o.Security, InsecureTCP: o.InsecureTCP,
			}))
			if err := again.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTCPWithoutAChoice(t *testing.T) {
	for _, o := range []manager.Options{
		{Address: "tcp:127.0.0.1:0"},
		{Address: "tcp:127.0.0.1:0", InsecureTCP: true, Security: encryption},
		{Address: "unix:/tmp/s", InsecureTCP: true},
		{Address: "tcp"},
		{Address: "unix:"},
		{Address: "unix:/" + strings.Repeat("long", 30)},
	} {
		if s, err := manager.NewServer(&o); err == nil {
			t.Errorf("%+v is accepted", o)
			s.Close()
		}
	}
	if _, err := manager.Connect(t.Context(), "tcp:127.0.0.1:1", nil); err == nil {
		t.Error("a connection without a choice")
	}
}

func TestUnencryptedClientOfAnEncryptedManager(t *testing.T) {
	m := must(manager.Start(t.Context(), &manager.Options{
		Address: "tcp:127.0.0.1:0", Key: []byte("secret"), Security: encryption, HandshakeTimeout: 200 * time.Millisecond,
	}))
	defer m.Close()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	_, err := manager.Connect(ctx, m.Address(), &manager.Options{Key: []byte("secret"), InsecureTCP: true})
	if err == nil {
		t.Error("connected")
	}
}

// A child that was started before a manager knows the key that all managers of the program have by default, and no other.
func TestProxyForAChildThatIsOlderThanTheManager(t *testing.T) {
	first := started(t, nil)
	p := must(manager.Create(t.Context(), first, "box", nil, nil))
	defer p.Close()
	c := start(t, p, nil)
	for key, want := range map[string]error{"": nil, "of its own": wire.ErrAuthentication} {
		o := &manager.Options{}
		if key != "" {
			o.Key = []byte(key)
		}
		second := started(t, o)
		item := must(manager.Create(t.Context(), second, "box", nil, nil))
		message := must(item.MarshalMsg(nil))
		answer := c.tell(append([]byte("decode"), message...))
		if _, failed := bytesPrefix(answer, "error: "); failed != (want != nil) {
			t.Errorf("key %q: %s", key, answer)
		}
		item.Close()
		c.tell([]byte("forget"))
	}
}
