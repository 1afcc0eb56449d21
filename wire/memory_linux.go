package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// memorySeals keep a file from changing its size, which would end with SIGBUS whoever looks at what is gone.
const memorySeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// newMemory makes memory to share: a file without a name that cannot change its size, and our mapping of it. The caller
// closes the file.
func newMemory(size int) ([]byte, *os.File, error) {
	fd, err := unix.MemfdCreate("multiproc-session", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, os.NewSyscallError("memfd_create", err)
	}
	file := os.NewFile(uintptr(fd), "multiproc-session")
	if err := file.Truncate(int64(size)); err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, memorySeals); err != nil {
		return nil, nil, errors.Join(os.NewSyscallError("fcntl", err), file.Close())
	}
	memory, err := mapMemory(fd, size)
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return memory, file, nil
}

// mapMemory maps a file of exactly that size, if it is one that cannot change it.
func mapMemory(fd, size int) ([]byte, error) {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	var info unix.Stat_t
	if err := unix.Fstat(fd, &info); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	if seals&memorySeals != memorySeals || info.Size != int64(size) {
		return nil, fmt.Errorf("a file of %d bytes with seals %#x is no memory to share", info.Size, seals)
	}
	memory, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return memory, os.NewSyscallError("mmap", err)
}

func unmapMemory(memory []byte) { _ = unix.Munmap(memory) } // it fails for what is no mapping alone

// yield lets another thread run on this processor.
func yield() { _, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }

// sendFile writes p to a Unix socket together with a file, and returns how many bytes of p were written.
func sendFile(c *net.UnixConn, p []byte, file *os.File) (int, error) {
	n, _, err := c.WriteMsgUnix(p, unix.UnixRights(int(file.Fd())), nil)
	return n, err
}

// A fileReader reads from a Unix socket, and keeps the last file that came with what it has read. Whoever does not want
// files reads from the socket itself, and the system closes them.
type fileReader struct {
	conn    *net.UnixConn
	fd      int      // -1 for none
	control [32]byte // for few descriptors: the system closes further ones
}

func (r *fileReader) Read(p []byte) (int, error) {
	n, length, _, _, err := r.conn.ReadMsgUnix(p, r.control[:])
	if length > 0 { // -1 after an error
		r.keep(r.control[:length])
	}
	if errors.Is(err, io.EOF) {
		err = io.EOF // bare, as readers return it
	}
	return max(n, 0), err
}

func (r *fileReader) keep(control []byte) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return
	}
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			r.close()
			r.fd = fd
		}
	}
}

// take returns the file, which is the caller's then, or -1.
func (r *fileReader) take() int {
	fd := r.fd
	r.fd = -1
	return fd
}

func (r *fileReader) close() { closeFile(r.take()) }

func closeFile(fd int) {
	if fd >= 0 {
		_ = unix.Close(fd) // nothing was written
	}
}
