package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// memorySeals keep a file from changing its size, which would end with SIGBUS whoever looks at what is gone.
const memorySeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// newMemory makes memory to share: a file without a name that cannot change its size, and our mapping of it. The caller
// closes the file.
func newMemory() (mapping, *os.File, error) {
	fd, err := unix.MemfdCreate("multiproc-session", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return mapping{}, nil, os.NewSyscallError("memfd_create", err)
	}
	file := os.NewFile(uintptr(fd), "multiproc-session")
	if err := file.Truncate(memoryBytes); err != nil {
		return mapping{}, nil, errors.Join(err, file.Close())
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, memorySeals); err != nil {
		return mapping{}, nil, errors.Join(os.NewSyscallError("fcntl", err), file.Close())
	}
	m, err := mapMemory(fd)
	if err != nil {
		return mapping{}, nil, errors.Join(err, file.Close())
	}
	return m, file, nil
}

// mapMemory maps a file of exactly the size that is shared, if it is one that cannot change it.
func mapMemory(fd int) (mapping, error) {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return mapping{}, os.NewSyscallError("fcntl", err)
	}
	var info unix.Stat_t
	if err := unix.Fstat(fd, &info); err != nil {
		return mapping{}, os.NewSyscallError("fstat", err)
	}
	if seals&memorySeals != memorySeals || info.Size != memoryBytes {
		return mapping{}, fmt.Errorf("a file of %d bytes with seals %#x is no memory to share", info.Size, seals)
	}
	lane, err := mapPart(fd, 0, laneBytes)
	if err != nil {
		return mapping{}, err
	}
	words, err := mapPart(fd, wordsAt, wordsBytes)
	if err != nil {
		unmapMemory(lane)
		return mapping{}, err
	}
	return mapping{lane, newWords(words)}, nil
}

func mapPart(fd int, offset int64, size int) ([]byte, error) {
	memory, err := unix.Mmap(fd, offset, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return memory, os.NewSyscallError("mmap", err)
}

// newWords returns the words in a mapping, which is theirs from then on.
func newWords(memory []byte) *Words {
	w := &Words{memory: memory}
	runtime.AddCleanup(w, unmapMemory, memory)
	return w
}

// release lets go of the file. Who still uses a word finds other memory in its place.
func (w *Words) release() {
	w.Leave()
	address := unsafe.Pointer(unsafe.SliceData(w.memory))
	_, _ = unix.MmapPtr(-1, 0, address, uintptr(len(w.memory)), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED) // which only fails where the mapping stays as it is, for nobody's use
	runtime.KeepAlive(w)
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
