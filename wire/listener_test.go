package wire

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func listen(t testing.TB, network, address string, o *ListenOptions) *Listener {
	t.Helper()
	l, err := Listen(context.Background(), network, address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// meet dials l and returns both ends.
func meet(t testing.TB, l *Listener, o *TransportOptions) (dialled, accepted *Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	type end struct {
		conn *Conn
		err  error
	}
	near := make(chan end, 1)
	go func() {
		c, err := Dial(ctx, l.Addr().Network(), l.Addr().String(), o)
		near <- end{c, err}
	}()
	accepted, err := l.Accept(ctx)
	client := <-near
	if err := errors.Join(err, client.err); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.conn.Close(), accepted.Close() })
	return client.conn, accepted
}

func exchange(t testing.TB, a, b *Conn) {
	t.Helper()
	for range 2 {
		if err := a.WriteFrame([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if got, err := b.ReadFrame(nil); string(got) != "hello" || err != nil {
			t.Fatalf("%q %v", got, err)
		}
		a, b = b, a
	}
}

func TestPrivateUnixSocket(t *testing.T) {
	l, err := Listen(context.Background(), "unix", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	directory := filepath.Dir(l.Addr().String())
	if info, err := os.Stat(directory); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info.Mode(), err)
	}
	a, b := meet(t, l, nil)
	exchange(t, a, b)
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(directory); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	exchange(t, a, b) // what was accepted stays
	if _, err := l.Accept(context.Background()); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestALongTemporaryFolderDoesNotMatter(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", long)
	listen(t, "unix", "", nil)
}

func TestTCPWithKey(t *testing.T) {
	o := TransportOptions{Auth: AuthOptions{Key: testKey}, InsecureTCP: true}
	l := listen(t, "tcp", "127.0.0.1:0", &ListenOptions{TransportOptions: o})
	a, b := meet(t, l, &o)
	exchange(t, a, b)
}

func TestTCPWithTLS(t *testing.T) {
	certificate, pool := testCertificate(t)
	o := TransportOptions{Auth: AuthOptions{Key: testKey}}
	server, client := o, o
	server.Secure = func(ctx context.Context, c net.Conn) (net.Conn, error) {
		secured := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13})
		return secured, secured.HandshakeContext(ctx)
	}
	client.Secure = func(ctx context.Context, c net.Conn) (net.Conn, error) {
		secured := tls.Client(c, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13})
		return secured, secured.HandshakeContext(ctx)
	}
	l := listen(t, "tcp", "127.0.0.1:0", &ListenOptions{TransportOptions: server})
	a, b := meet(t, l, &client)
	exchange(t, a, b)

	// A peer without TLS gets nowhere.
	client.Secure, client.InsecureTCP, client.Auth.Timeout = nil, true, 50*time.Millisecond
	if _, err := Dial(context.Background(), "tcp", l.Addr().String(), &client); err == nil {
		t.Error("plain text was accepted")
	}
}

func testCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, pool
}

func TestOptionsAreCheckedFirst(t *testing.T) {
	for name, refuse := range map[string]struct {
		network string
		options TransportOptions
		mention []string
	}{
		"plain TCP":   {"tcp", TransportOptions{}, []string{"an encryption, or InsecureTCP", "a key"}},
		"no key":      {"tcp", TransportOptions{InsecureTCP: true}, []string{"a key"}},
		"UDP":         {"udp", TransportOptions{}, []string{"udp"}},
		"TLS on Unix": {"unix", TransportOptions{Secure: func(context.Context, net.Conn) (net.Conn, error) { return nil, nil }}, []string{"encryption is for TCP"}},
	} {
		_, err := Listen(context.Background(), refuse.network, "127.0.0.1:0", &ListenOptions{TransportOptions: refuse.options})
		for _, mention := range refuse.mention {
			if err == nil || !strings.Contains(err.Error(), mention) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestSilentClientsDelayNobody(t *testing.T) {
	const silent = maxHandshakes + 20
	told := make(chan error, silent)
	o := TransportOptions{Auth: AuthOptions{Key: testKey, Timeout: time.Hour}}
	l := listen(t, "unix", "", &ListenOptions{TransportOptions: o, Rejected: func(_ net.Addr, err error) { told <- err }})
	for range silent {
		c, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	a, b := meet(t, l, &o)
	exchange(t, a, b)
	for range silent + 1 - maxHandshakes {
		if err := <-told; !errors.Is(err, ErrAuthentication) {
			t.Error(err)
		}
	}
}

func TestWrongKeyIsRejectedOnBothSides(t *testing.T) {
	told := make(chan error, 1)
	o := TransportOptions{Auth: AuthOptions{Key: testKey}}
	l := listen(t, "unix", "", &ListenOptions{TransportOptions: o, Rejected: func(_ net.Addr, err error) { told <- err }})
	o.Auth.Key = []byte("wrong")
	if _, err := Dial(context.Background(), "unix", l.Addr().String(), &o); !errors.Is(err, ErrAuthentication) {
		t.Error(err)
	}
	if err := <-told; !errors.Is(err, ErrAuthentication) {
		t.Error(err)
	}
}

func TestAcceptEndsWithItsContext(t *testing.T) {
	l := listen(t, "unix", "", nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Accept(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// However Accept, Dial and Close meet, nothing stays behind: TestMain looks.
func TestCloseAtAnyMoment(t *testing.T) {
	for range 50 {
		l, err := Listen(context.Background(), "unix", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if c, err := Dial(context.Background(), "unix", l.Addr().String(), nil); err == nil {
					c.Close()
				}
			})
			all.Go(func() {
				if c, err := l.Accept(context.Background()); err == nil {
					c.Close()
				}
			})
			all.Go(func() { _ = l.Close() })
		}
		all.Wait()
	}
}
