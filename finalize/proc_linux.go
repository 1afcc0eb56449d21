package finalize

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// proc reads /proc with as few system calls and allocations as can be: a scan
// comes after each death of a child, and reads a file or two of every process of
// the machine. It is for one goroutine.
type proc struct {
	directory int // descriptor of /proc
	path      []byte
	entries   []byte // of the directory, as the kernel returns them
	line      []byte // one stat
	environ   []byte // one environment
}

var procs = sync.Pool{New: func() any {
	return &proc{
		path:    make([]byte, 0, 32),
		entries: make([]byte, 16<<10),
		line:    make([]byte, 2<<10),
		environ: make([]byte, 16<<10),
	}
}}

// openProc returns a reader of /proc, which the caller must close.
func openProc() (*proc, error) {
	directory, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/proc", Err: err}
	}
	p := procs.Get().(*proc)
	p.directory = directory
	return p, nil
}

func (p *proc) close() {
	_ = unix.Close(p.directory)
	procs.Put(p)
}

// each calls look for the pid of every process, in the order of their numbers, and
// asks for the next ones only after it has looked at those before.
func (p *proc) each(look func(pid int) error) error {
	if _, err := unix.Seek(p.directory, 0, 0); err != nil {
		return os.NewSyscallError("lseek", err)
	}
	for {
		n, err := unix.Getdents(p.directory, p.entries)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("getdents64", err)
		}
		if n == 0 {
			return nil
		}
		for rest := p.entries[:n]; len(rest) > 0; {
			var name []byte
			name, rest = nextEntry(rest)
			pid, ok := number(name)
			if !ok {
				continue
			}
			if err := look(int(pid)); err != nil {
				return err
			}
		}
	}
}

// nextEntry splits the first name from what getdents64 has returned.
func nextEntry(entries []byte) (name, rest []byte) {
	const (
		lengthAt = unsafe.Offsetof(unix.Dirent{}.Reclen)
		nameAt   = unsafe.Offsetof(unix.Dirent{}.Name)
	)
	length := binary.NativeEndian.Uint16(entries[lengthAt:])
	name, _, _ = bytes.Cut(entries[nameAt:length], []byte{0})
	return name, entries[length:]
}

// stat reads a process's stat. The error is os.ErrProcessDone if there is no
// process with this pid.
func (p *proc) stat(pid int) (stat, error) {
	line, err := p.read(pid, "stat", &p.line)
	if err != nil {
		return stat{}, err
	}
	s, ok := parseStat(line)
	if !ok {
		return stat{}, errors.New("finalize: cannot understand /proc/" + strconv.Itoa(pid) + "/stat: " + string(line))
	}
	return s, nil
}

// environment reads the environment that a process was started with, valid until
// the next call. It is empty for a process that is about to exec or to end.
func (p *proc) environment(pid int) ([]byte, error) {
	return p.read(pid, "environ", &p.environ)
}

// lastPID returns the number that the kernel gave to a process or thread most
// recently, or 0 if that cannot be known. Some kernels lack the file that is for
// this; loadavg has the number as well, but some containers have a false loadavg.
func (p *proc) lastPID() int {
	for _, path := range [...]string{"sys/kernel/ns_last_pid", "loadavg"} {
		line, err := p.readPath(path, &p.line)
		if err != nil {
			continue
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		if last, ok := number(line[bytes.LastIndexByte(line, ' ')+1:]); ok {
			return int(last)
		}
	}
	return 0
}

// read reads a file of a process whole into a buffer, which it may enlarge.
func (p *proc) read(pid int, name string, buffer *[]byte) ([]byte, error) {
	p.path = strconv.AppendInt(p.path[:0], int64(pid), 10)
	p.path = append(append(p.path, '/'), name...)
	data, err := p.readPath(string(p.path), buffer)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return nil, os.ErrProcessDone
	}
	return data, err
}

func (p *proc) readPath(path string, buffer *[]byte) ([]byte, error) {
	fd, err := unix.Openat(p.directory, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/proc/" + path, Err: err}
	}
	defer func() { _ = unix.Close(fd) }()
	for n := 0; ; {
		got, err := unix.Read(fd, (*buffer)[n:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: "/proc/" + path, Err: err}
		}
		n += got
		if n < len(*buffer) {
			return (*buffer)[:n], nil // these files come short at their end alone
		}
		*buffer = append(*buffer, make([]byte, len(*buffer))...)
	}
}
