package manager

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/multiproc-go/multiproc/wire"
)

// An address is where a manager listens, as its parts.
type address struct{ network, path string }

// String is the form in which addresses are written, and stand in tokens.
func (a address) String() string { return a.network + ":" + a.path }

// parseAddress reads "unix:/path" or "tcp:host:port".
func parseAddress(text string) (address, error) {
	network, path, found := strings.Cut(text, ":")
	switch {
	case !found || path == "" || network != "unix" && network != "tcp":
		return address{}, fmt.Errorf("the address %q is neither unix:/path nor tcp:host:port", text)
	case network == "unix":
		if len(path) > longestSocketPath {
			return address{}, fmt.Errorf("the path of the socket %s has %d bytes, and systems allow %d",
				path, len(path), longestSocketPath)
		}
		absolute, err := filepath.Abs(path)
		if err != nil {
			return address{}, fmt.Errorf("the address %q: %w", text, err)
		}
		path = absolute
	}
	return address{network, path}, nil
}

// longestSocketPath is what fits every system's sockaddr_un, in bytes.
const longestSocketPath = 100

// socketIn returns the address of the socket in a folder.
func socketIn(folder *wire.SocketFolder) address { return address{"unix", folder.Socket()} }

// checkAdvertise finds what is wrong with Advertise.
func (o *Options) checkAdvertise() error {
	if o.Advertise == "" {
		return nil
	}
	if !strings.HasPrefix(o.Address, "tcp:") {
		return errors.New("only a manager with a TCP Address has one")
	}
	a, err := parseAddress(o.Advertise)
	if err != nil {
		return err
	}
	if a.network != "tcp" {
		return fmt.Errorf("%q is not tcp:host:port", o.Advertise)
	}
	host, port, err := net.SplitHostPort(a.path)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("%q names no host that a client could connect to", o.Advertise)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("the port of %q is no number from 0 to 65535", o.Advertise)
	}
	return nil
}

// publicAddress is what a server that listens somewhere tells its clients.
func (o *Options) publicAddress(listening address, actual net.Addr) string {
	if o.Advertise == "" {
		return listening.String()
	}
	a, _ := parseAddress(o.Advertise) // it was checked
	host, port, _ := net.SplitHostPort(a.path)
	if number, _ := strconv.ParseUint(port, 10, 16); number == 0 {
		if tcp, ok := actual.(*net.TCPAddr); ok {
			port = strconv.Itoa(tcp.Port)
		}
	}
	return address{"tcp", net.JoinHostPort(host, port)}.String()
}
