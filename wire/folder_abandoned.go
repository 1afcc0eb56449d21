package wire

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// What one look for abandoned folders may cost: a folder for temporary files can be very full, or slow.
const (
	sweepEntries  = 8192
	sweepBatch    = 256
	sweepDuration = 100 * time.Millisecond
)

// newFolderAge is how old a folder that was not locked yet must be to count as abandoned: its maker may be between two
// instructions, or stopped there.
const newFolderAge = 10 * time.Minute

var swept struct {
	mu      sync.Mutex // guards the field below
	parents map[string]bool
}

// sweepOnce has abandoned folders removed, once in a process for each place.
func sweepOnce(parent string) {
	swept.mu.Lock()
	done := swept.parents[parent]
	if swept.parents == nil {
		swept.parents = map[string]bool{}
	}
	swept.parents[parent] = true
	swept.mu.Unlock()
	if !done {
		removeAbandoned(parent, time.Now())
	}
}

// RemoveAbandonedFolders removes the folders of sockets that killed processes of this user have left in the folder for
// temporary files, and in the others where NewSocketFolder makes them. What is locked, is not this user's alone, or holds anything but a socket of ours is left as it is, and
// no symbolic link is followed. It returns how many it has removed. It looks at a bounded number of files and blocks no
// longer than the file system does; whatever fails leaves the folder to the next who looks. It is safe for concurrent use,
// also by several processes.
func RemoveAbandonedFolders() (removed int) {
	for _, parent := range folderParents() {
		removed += removeAbandoned(parent, time.Now())
	}
	return removed
}

func removeAbandoned(parent string, now time.Time) (removed int) {
	list, err := os.Open(parent)
	if err != nil {
		return 0
	}
	defer list.Close()
	begun := time.Now()
	for seen := 0; seen < sweepEntries; seen += sweepBatch {
		names, err := list.Readdirnames(sweepBatch)
		for _, name := range names {
			if time.Since(begun) > sweepDuration {
				return removed
			}
			if isNew, ours := folderName(name); ours && removeIfAbandoned(filepath.Join(parent, name), isNew, now) {
				removed++
			}
		}
		if err != nil {
			return removed
		}
	}
	return removed
}

// folderName reports whether a name is one that folders for sockets have, and whether it is one of a new folder.
func folderName(name string) (isNew, ours bool) {
	number, locked := strings.CutPrefix(name, folderPrefix)
	if !locked {
		if number, isNew = strings.CutPrefix(name, newFolderPrefix); !isNew {
			return false, false
		}
	}
	_, err := strconv.ParseUint(number, 10, 32)
	return isNew, err == nil
}

// removeIfAbandoned removes one folder, if it is ours and nobody holds it.
func removeIfAbandoned(path string, isNew bool, now time.Time) bool {
	info, err := os.Lstat(path)
	if err != nil || !private(info) || isNew && now.Sub(info.ModTime()) < newFolderAge {
		return false
	}
	lock, err := lockFolder(path, syscall.LOCK_EX)
	if err != nil {
		return false
	}
	defer lock.Close()
	if locked, err := lock.Stat(); err != nil || !private(locked) {
		return false
	}
	return emptyFolder(path, lock) && os.Remove(path) == nil
}

// private reports whether it is a directory of this user that is open to nobody else.
func private(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.IsDir() && info.Mode().Perm() == 0o700 && int(stat.Uid) == os.Geteuid()
}

// emptyFolder removes the socket from a folder that is locked. It reports whether there was nothing but that; otherwise it
// removes nothing.
func emptyFolder(path string, folder *os.File) bool {
	names, err := folder.Readdirnames(2)
	switch {
	case errors.Is(err, io.EOF) && len(names) == 0:
		return true
	case err != nil || len(names) != 1 || names[0] != SocketName:
		return false
	}
	socket := filepath.Join(path, SocketName)
	info, err := os.Lstat(socket)
	return err == nil && info.Mode().Type() == os.ModeSocket && os.Remove(socket) == nil
}
