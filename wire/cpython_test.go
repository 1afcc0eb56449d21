package wire

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// python runs a script with CPython, skipping the test where there is none. It returns the first line that the script
// prints; wait returns the rest once the script has ended well.
func python(t *testing.T, script string, args ...string) (first string, wait func() string) {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to talk to")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, append([]string{"-c", script}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var line []byte
	for b := make([]byte, 1); len(line) == 0 || line[len(line)-1] != '\n'; line = append(line, b[0]) {
		if _, err := out.Read(b); err != nil {
			t.Fatalf("%v: %s", errors.Join(err, cmd.Wait()), stderr.String())
		}
	}
	return strings.TrimSpace(string(line)), func() string {
		var rest bytes.Buffer
		if _, err := rest.ReadFrom(out); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, stderr.String())
		}
		return strings.TrimSpace(rest.String())
	}
}

const pythonClient = `
import sys
from multiprocessing.connection import Client
print("ready", flush=True)
address = sys.argv[2] if sys.argv[1] == "unix" else (sys.argv[2].rsplit(":", 1)[0], int(sys.argv[2].rsplit(":", 1)[1]))
key = sys.argv[3].encode() or None
with Client(address, authkey=key) as c:
    for n in (0, 1, 16384, 16385, 3000000):
        c.send_bytes(b"x" * n)
        assert c.recv_bytes() == b"y" * n, n
    print("done")
`

const pythonListener = `
import sys
from multiprocessing.connection import Listener
address = None if sys.argv[1] == "unix" else ("127.0.0.1", 0)
family = "AF_UNIX" if sys.argv[1] == "unix" else "AF_INET"
key = sys.argv[2].encode() or None
with Listener(address, family, authkey=key) as l:
    print(l.address if sys.argv[1] == "unix" else "%s:%d" % l.address, flush=True)
    with l.accept() as c:
        for n in (0, 1, 16384, 16385, 3000000):
            assert c.recv_bytes() == b"x" * n, n
            c.send_bytes(b"y" * n)
        print("done")
`

var pythonSizes = []int{0, 1, 16384, 16385, 3000000}

// CPython up to 3.11 needs AllowMD5, and later versions don't mind it.
func pythonOptions(key string) TransportOptions {
	return TransportOptions{Auth: AuthOptions{Key: []byte(key), AllowMD5: true}, InsecureTCP: true}
}

func TestCPythonClientAndOurListener(t *testing.T) {
	for _, way := range []struct{ network, address, key string }{{"unix", "", ""}, {"unix", "", "k"}, {"tcp", "127.0.0.1:0", "k"}} {
		l := listen(t, way.network, way.address, &ListenOptions{TransportOptions: pythonOptions(way.key)})
		_, wait := python(t, pythonClient, way.network, l.Addr().String(), way.key)
		c, err := l.Accept(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range pythonSizes {
			if got, err := c.ReadFrame(nil); err != nil || !bytes.Equal(got, bytes.Repeat([]byte("x"), n)) {
				t.Fatal(len(got), n, err)
			}
			if err := c.WriteFrame(bytes.Repeat([]byte("y"), n)); err != nil {
				t.Fatal(err)
			}
		}
		if out := wait(); out != "done" {
			t.Error(out)
		}
		c.Close()
	}
}

func TestCPythonListenerAndOurClient(t *testing.T) {
	for _, way := range []struct{ network, key string }{{"unix", ""}, {"unix", "k"}, {"tcp", "k"}} {
		address, wait := python(t, pythonListener, way.network, way.key)
		o := pythonOptions(way.key)
		c, err := Dial(context.Background(), way.network, address, &o)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range pythonSizes {
			if err := c.WriteFrame(bytes.Repeat([]byte("x"), n)); err != nil {
				t.Fatal(err)
			}
			if got, err := c.ReadFrame(nil); err != nil || !bytes.Equal(got, bytes.Repeat([]byte("y"), n)) {
				t.Fatal(len(got), n, err)
			}
		}
		if out := wait(); out != "done" {
			t.Error(out)
		}
		c.Close()
	}
}

// pythonModern is the challenge of CPython 3.12 in the machine's Python, whatever its version, written after
// PROTOCOL.md.
const pythonModern = `
import hmac, os, sys
from multiprocessing.connection import Client
c = Client(sys.argv[1])
print("ready", flush=True)
key = sys.argv[2].encode()
message = c.recv_bytes(256)
assert message.startswith(b"#CHALLENGE#{sha256}") and len(message) == 11 + 8 + 40, message
c.send_bytes(b"{sha256}" + hmac.new(key, message[11:], "sha256").digest())
assert c.recv_bytes(256) == b"#WELCOME#"
challenge = b"{sha384}" + os.urandom(40)
c.send_bytes(b"#CHALLENGE#" + challenge)
assert c.recv_bytes(256) == b"{sha384}" + hmac.new(key, challenge, "sha384").digest()
c.send_bytes(b"#WELCOME#")
print("done")
`

func TestModernChallengeAgainstPythonsHMAC(t *testing.T) {
	o := TransportOptions{Auth: AuthOptions{Key: testKey}}
	l := listen(t, "unix", "", &ListenOptions{TransportOptions: o})
	_, wait := python(t, pythonModern, l.Addr().String(), string(testKey))
	c, err := l.Accept(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if out := wait(); out != "done" {
		t.Error(out)
	}
}

func TestOldCPythonNeedsTheOption(t *testing.T) {
	version, wait := python(t, "import sys; print(sys.version_info >= (3, 12))")
	wait()
	if version == "True" {
		t.Skip("this python3 knows more than MD5")
	}
	told := make(chan error, 1)
	o := pythonOptions("k")
	o.Auth.AllowMD5 = false
	l := listen(t, "unix", "", &ListenOptions{TransportOptions: o, Rejected: func(_ net.Addr, err error) { told <- err }})
	refused, wait := python(t, `
import sys
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
try:
    Client(sys.argv[1], authkey=b"k")
except AuthenticationError:
    print("refused")
`, l.Addr().String())
	wait()
	if err := <-told; refused != "refused" || !strings.Contains(err.Error(), "AllowMD5") {
		t.Error(refused, err)
	}
}
