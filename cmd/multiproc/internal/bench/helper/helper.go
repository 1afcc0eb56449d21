// Package helper starts this binary again as one of the small programs that multiproc bench compares with: processes
// without anything of this module in them.
//
// A binary becomes such a program in the first line of its main, which calls Main, when its name (argv[0]) says so: as any
// program would, after its packages have been initialised. It ends at the end of its first connection, so that none outlives
// who started it.
package helper

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// name is the argv[0] of a helper process.
const name = "multiproc-bench-helper"

// firstFile is the first descriptor after the standard streams.
const firstFile = 3

// A Kind is what a helper does.
type Kind string

// The kinds of helpers.
const (
	Bare Kind = "bare" // says one byte at its start
	Echo Kind = "echo" // sends messages of Size bytes back, on each connection
	RPC  Kind = "rpc"  // serves Service by net/rpc on its connection
)

// Main is the first line of the binary's main. In a helper it does what that is for, and exits; anywhere else it returns at
// once.
func Main() {
	if len(os.Args) != 4 || os.Args[0] != name {
		return
	}
	connections, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fail(err)
	}
	size, err := strconv.Atoi(os.Args[3])
	if err != nil {
		fail(err)
	}
	if err := serve(Kind(os.Args[1]), connections, size); err != nil {
		fail(err)
	}
	os.Exit(0)
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	os.Exit(1)
}

// A Process is a helper that runs. It is not safe for concurrent use but for its connections.
type Process struct {
	Connections []net.Conn // Unix sockets, closed by Close

	command *exec.Cmd
}

// Start starts a helper with that many connections and messages of size bytes. It does not wait for it to be ready.
// The helper is killed when ctx ends; who started it calls Close.
func Start(ctx context.Context, kind Kind, connections, size int) (*Process, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &Process{command: exec.CommandContext(ctx, executable)}
	p.command.Args = []string{name, string(kind), strconv.Itoa(connections), strconv.Itoa(size)}
	p.command.Stderr = os.Stderr
	p.command.WaitDelay = time.Second
	defer func() {
		for _, file := range p.command.ExtraFiles {
			file.Close()
		}
	}()
	for range connections {
		conn, file, err := Pair()
		if err != nil {
			p.closeConnections()
			return nil, err
		}
		p.Connections = append(p.Connections, conn)
		p.command.ExtraFiles = append(p.command.ExtraFiles, file)
	}
	if err := p.command.Start(); err != nil {
		p.closeConnections()
		return nil, err
	}
	return p, nil
}

// PID returns the helper's process id.
func (p *Process) PID() int { return p.command.Process.Pid }

// Kill sends SIGKILL.
func (p *Process) Kill() error { return p.command.Process.Kill() }

// Close closes the connections and blocks until the helper has exited, which it does at that. It returns nil also where
// the helper was killed.
func (p *Process) Close() error {
	p.closeConnections()
	err := p.command.Wait()
	var ended *exec.ExitError
	if errors.As(err, &ended) && !ended.Exited() {
		return nil
	}
	return err
}

func (p *Process) closeConnections() {
	for _, conn := range p.Connections {
		conn.Close()
	}
}

// Pair returns the two ends of a Unix socket, the second one to be inherited. Both are the caller's to close.
func Pair() (net.Conn, *os.File, error) {
	syscall.ForkLock.RLock()
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(ends[0])
		syscall.CloseOnExec(ends[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	own := os.NewFile(uintptr(ends[0]), "socketpair")
	other := os.NewFile(uintptr(ends[1]), "socketpair")
	conn, err := net.FileConn(own)
	own.Close()
	if err != nil {
		other.Close()
		return nil, nil, err
	}
	return conn, other, nil
}
