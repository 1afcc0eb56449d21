package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// patience is how long to wait for something that takes milliseconds.
const patience = time.Minute

var errLate = errors.New("a task has not begun within a minute")

// A meeting is a place where tasks in other processes say that they run, and wait.
type meeting struct {
	listener net.Listener
	folder   string // of the address, where that is a file
	present  []net.Conn
}

func newMeeting(ctx context.Context) (*meeting, error) {
	folder, address := "", "" // Linux finds a name that is in no folder
	if runtime.GOOS != "linux" {
		var err error
		if folder, err = os.MkdirTemp("", "multiproc-bench-"); err != nil {
			return nil, err
		}
		address = filepath.Join(folder, "meeting")
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "unix", address)
	if err != nil {
		return nil, errors.Join(err, removeFolder(folder))
	}
	return &meeting{listener: listener, folder: folder}, nil
}

func (m *meeting) address() string { return m.listener.Addr().String() }

// await blocks until so many have come, or ctx ends, and returns their pids.
func (m *meeting) await(ctx context.Context, n int) ([]int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errLate)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { m.listener.Close() })
	defer stop()
	pids := make([]int, 0, n)
	for range n {
		conn, err := m.listener.Accept()
		if err != nil {
			return nil, errors.Join(context.Cause(ctx), err)
		}
		m.present = append(m.present, conn)
		var pid int
		if _, err := fmt.Fscanln(conn, &pid); err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// release lets all go who are present.
func (m *meeting) release() {
	for _, conn := range m.present {
		conn.Close()
	}
	m.present = nil
}

// close ends the meeting.
func (m *meeting) close() error {
	m.release()
	return errors.Join(m.listener.Close(), removeFolder(m.folder))
}

func removeFolder(folder string) error {
	if folder == "" {
		return nil
	}
	return os.RemoveAll(folder)
}

// meet is the other end: it says its pid, and blocks until it is released or ctx ends.
func meet(ctx context.Context, address string) (int, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := fmt.Fprintln(conn, os.Getpid()); err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, conn)
	return os.Getpid(), err
}
