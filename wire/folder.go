package wire

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
)

// A SocketFolder is a folder of this process, with permissions 0700, for a Unix domain socket. A lock on it (flock) says
// for as long as its process lives, be it stopped, that it is in use: what a killed process has left is known by that, on
// a host where pids say nothing because containers share a folder, and RemoveAbandonedFolders removes it.
type SocketFolder struct {
	path   string
	lock   *os.File // the folder itself; nil where the file system knows no locks
	remove func() error
}

const (
	// folderPrefix begins the name of a folder that is locked, or abandoned. A number follows, of 32 bits.
	folderPrefix = "multiproc-s"
	// newFolderPrefix begins the name of a folder until its maker has locked it.
	newFolderPrefix = "multiproc-n"

	// SocketName is the name of the socket in a SocketFolder: of files with other names nobody knows whose they are.
	SocketName = "s"

	// longestPath is what fits every system's sockaddr_un, in bytes.
	longestPath = 100
)

// errFolderTaken is the end of an attempt whose folder is another's.
var errFolderTaken = errors.New("wire: the folder for a socket was taken by another process")

// NewSocketFolder makes a folder for a socket in the folder for temporary files, or in /tmp where the path of a socket would
// get too long. Where it cannot be made there, because that is full or read-only, it is made in $XDG_RUNTIME_DIR or /dev/shm.
// It does not block, but for the first call of a process, which has RemoveAbandonedFolders look there. The caller removes it.
// The error is the system's, about the folder for temporary files.
func NewSocketFolder() (*SocketFolder, error) {
	var first error
	for _, parent := range folderParents() {
		f, err := newFolderIn(parent)
		if err == nil {
			return f, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func newFolderIn(parent string) (f *SocketFolder, err error) {
	sweepOnce(parent)
	const attempts = 8
	for range attempts {
		if f, err = makeFolder(parent); err == nil || !errors.Is(err, errFolderTaken) {
			return f, err
		}
	}
	return nil, err
}

// OpenSocketFolder has this process keep a folder that another one has made, and tell others so. Where the folder cannot be
// locked, as after its removal, it is not kept, and the error says why.
func OpenSocketFolder(path string) (*SocketFolder, error) {
	lock, err := lockFolder(path, syscall.LOCK_SH)
	if err != nil {
		return nil, fmt.Errorf("wire: keep the socket's folder: %w", err)
	}
	return newFolder(path, lock), nil
}

// Path is where the folder is.
func (f *SocketFolder) Path() string { return f.path }

// Socket is the path for its socket.
func (f *SocketFolder) Socket() string { return filepath.Join(f.path, SocketName) }

// Remove removes the folder with all that is in it. It is no error if it has gone. Later calls return what the first did.
// It is safe for concurrent use.
func (f *SocketFolder) Remove() error { return f.remove() }

func newFolder(path string, lock *os.File) *SocketFolder {
	f := &SocketFolder{path: path, lock: lock}
	f.remove = sync.OnceValue(func() error {
		err := os.RemoveAll(f.path)
		if f.lock != nil {
			err = errors.Join(err, f.lock.Close()) // nobody may take the folder for abandoned before it is gone
		}
		return err
	})
	return f
}

// folderParents are where folders are made: in the first of them that takes one. Each is this user's alone, or one where
// nobody may touch what another user has made, as in /tmp.
func folderParents() []string {
	parents := []string{os.TempDir()}
	if len(parents[0])+len("/"+folderPrefix+"4294967295/"+SocketName) > longestPath {
		parents[0] = "/tmp"
	}
	for _, parent := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/dev/shm"} {
		if !slices.Contains(parents, parent) && filepath.IsAbs(parent) && keepsOthersOut(parent) &&
			len(parent)+len("/"+folderPrefix+"4294967295/"+SocketName) <= longestPath {
			parents = append(parents, parent)
		}
	}
	return parents
}

// keepsOthersOut reports whether what this user makes in a folder can be removed or replaced by nobody else but root.
func keepsOthersOut(parent string) bool {
	info, err := os.Stat(parent)
	if err != nil || !info.IsDir() {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return private(info) || ok && stat.Uid == 0 && info.Mode()&os.ModeSticky != 0
}

// makeFolder makes a folder under a name that is left alone while it is new, locks it, and gives it its own name: under that
// it is always locked, unless its process has gone.
func makeFolder(parent string) (*SocketFolder, error) {
	fresh, err := os.MkdirTemp(parent, newFolderPrefix)
	if err != nil {
		return nil, fmt.Errorf("wire: a folder for a socket: %w", err)
	}
	lock, err := lockFolder(fresh, syscall.LOCK_SH)
	if err != nil && !lockless(err) {
		return nil, errors.Join(fmt.Errorf("%w: %w", errFolderTaken, err), ignoreMissing(os.Remove(fresh)))
	}
	path := filepath.Join(parent, folderPrefix+strconv.FormatUint(uint64(rand.Uint32()), 10))
	if _, err = os.Lstat(path); err == nil { // a rename would replace an empty folder
		err = syscall.EEXIST
	} else {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		f := newFolder(fresh, lock)
		return nil, errors.Join(fmt.Errorf("%w: %w", errFolderTaken, err), f.Remove())
	}
	return newFolder(path, lock), nil
}

// lockFolder locks a folder without waiting, and makes sure that what it has locked is what the path names.
func lockFolder(path string, how int) (*os.File, error) {
	folder, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	err = flock(folder, how)
	if err == nil {
		var locked, named os.FileInfo
		if locked, err = folder.Stat(); err == nil {
			named, err = os.Lstat(path)
		}
		if err == nil && !os.SameFile(locked, named) {
			err = errFolderTaken
		}
	}
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	return folder, nil
}

// flock locks an open file without waiting.
func flock(f *os.File, how int) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var fault error
	if err := raw.Control(func(fd uintptr) { fault = syscall.Flock(int(fd), how|syscall.LOCK_NB) }); err != nil {
		return err
	}
	return os.NewSyscallError("flock", fault)
}

// lockless reports whether err says that the file system knows no locks. Then nobody can lock, and nobody removes.
func lockless(err error) bool {
	for _, e := range []error{syscall.ENOLCK, syscall.ENOSYS, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.EINVAL, syscall.EBADF} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
