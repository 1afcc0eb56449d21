package manager

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// privateDirectory makes a directory with permissions 0700 for a socket, whose path is short enough for one.
func privateDirectory() (directory string, err error) {
	parent := os.TempDir()
	if len(parent)+len("/multiproc-4294967295/manager") > longestSocketPath {
		parent = "/tmp"
	}
	if directory, err = os.MkdirTemp(parent, "multiproc-"); err != nil {
		return "", fmt.Errorf("manager: a directory for the socket: %w", err)
	}
	return directory, nil
}

// socketIn returns the address of the socket in a private directory.
func socketIn(directory string) address { return address{"unix", filepath.Join(directory, "manager")} }
