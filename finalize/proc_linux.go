package finalize

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// proc reads /proc with as few system calls and allocations as can be: a scan
// comes after each death of a child, and reads a file or two of every process of
// the machine. It is for one goroutine.
type proc struct {
	directory int    // descriptor of /proc, or AT_FDCWD
	root      string // what is put before its paths
	path      []byte
	entries   []byte      // of the directory, as the kernel returns them
	line      []byte      // one stat
	environ   []byte      // one environment
	ages      map[int]age // from the first call of each on
}

// An age is what was learnt of the process that has a pid: the inode of its folder, which the kernel numbers anew for
// each process, and when it started. So a process that is too old for a tree need not be asked for that at each pass.
type age struct{ inode, start uint64 }

// knownAges is what has been learnt, nil while somebody uses it: two at a time are rare. It is not left to the garbage
// collector, since to learn it again takes as long as thirty passes that know it.
var knownAges atomic.Pointer[map[int]age]

// unknownInode is that of a process that was not found in the listing of /proc.
const unknownInode = 0

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
	p.directory, p.root = directory, ""
	return p, nil
}

// openProcOnce returns a reader of /proc for a file or two, which the caller must close. It cannot list processes.
func openProcOnce() *proc {
	p := procs.Get().(*proc)
	p.directory, p.root = unix.AT_FDCWD, "/proc/"
	return p
}

func (p *proc) close() {
	if p.directory >= 0 {
		_ = unix.Close(p.directory)
	}
	if known := p.ages; known != nil {
		knownAges.Store(&known)
		p.ages = nil
	}
	procs.Put(p)
}

// each calls look for the pid of every process and the inode of its folder, in the order of their numbers, and
// asks for the next ones only after it has looked at those before.
func (p *proc) each(look func(pid int, inode uint64) error) error {
	listed := 0
	if p.ages == nil {
		if known := knownAges.Swap(nil); known != nil {
			p.ages = *known
		}
	}
	defer func() {
		if len(p.ages) > 2*listed+64 {
			p.ages = nil // most are those of processes that have gone
		}
	}()
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
			var inode uint64
			name, inode, rest = nextEntry(rest)
			pid, ok := number(name)
			if !ok {
				continue
			}
			listed++
			if err := look(int(pid), inode); err != nil {
				return err
			}
		}
	}
}

// nextEntry splits the first name and its inode from what getdents64 has returned.
func nextEntry(entries []byte) (name []byte, inode uint64, rest []byte) {
	const (
		inodeAt  = unsafe.Offsetof(unix.Dirent{}.Ino)
		lengthAt = unsafe.Offsetof(unix.Dirent{}.Reclen)
		nameAt   = unsafe.Offsetof(unix.Dirent{}.Name)
	)
	length := binary.NativeEndian.Uint16(entries[lengthAt:])
	name, _, _ = bytes.Cut(entries[nameAt:length], []byte{0})
	return name, binary.NativeEndian.Uint64(entries[inodeAt:]), entries[length:]
}

// startOf returns when the process started that a listing has just shown, if that is known.
func (p *proc) startOf(pid int, inode uint64) (start uint64, known bool) {
	a, found := p.ages[pid]
	return a.start, found && a.inode == inode && inode != unknownInode
}

// remember keeps when a process started that was listed with this inode.
func (p *proc) remember(pid int, inode, start uint64) {
	if inode != unknownInode {
		if p.ages == nil {
			p.ages = make(map[int]age)
		}
		p.ages[pid] = age{inode, start}
	}
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
	p.path = strconv.AppendInt(append(p.path[:0], p.root...), int64(pid), 10)
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
		return nil, &os.PathError{Op: "open", Path: "/proc/" + strings.TrimPrefix(path, p.root), Err: err}
	}
	defer func() { _ = unix.Close(fd) }()
	for n := 0; ; {
		got, err := unix.Read(fd, (*buffer)[n:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: "/proc/" + strings.TrimPrefix(path, p.root), Err: err}
		}
		n += got
		if n < len(*buffer) {
			return (*buffer)[:n], nil // these files come short at their end alone
		}
		*buffer = append(*buffer, make([]byte, len(*buffer))...)
	}
}
