package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// ownTemp has this test use a folder for temporary files of its own, with a short path.
func ownTemp(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp("/tmp", "w") //nolint:usetesting // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	t.Setenv("TMPDIR", parent)
	return parent
}

// A listening is a process that listens at a socket in a folder of its own.
type listening struct {
	*exec.Cmd
	folder string
	stdin  io.Closer
}

func startListening(t *testing.T) *listening {
	t.Helper()
	l := &listening{Cmd: exec.Command("/proc/self/exe")}
	l.Env = append(os.Environ(), listenVariable+"=1")
	l.Stderr = os.Stderr
	var err error
	if l.stdin, err = l.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := l.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	l.folder = filepath.Dir(strings.TrimSpace(line))
	return l
}

func (l *listening) kill() {
	_ = l.Process.Kill() // which works on one that is stopped
	_ = l.Wait()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

func TestFolderOfAKilledProcessIsRemovedByTheNextStart(t *testing.T) {
	parent := ownTemp(t)
	live, stopped, killed := startListening(t), startListening(t), startListening(t)
	if filepath.Dir(killed.folder) != parent {
		t.Fatalf("it listens in %s", killed.folder)
	}
	if err := stopped.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	killed.kill()
	if !exists(killed.folder) {
		t.Fatal("a killed process has removed its folder")
	}
	next := startListening(t)
	if exists(killed.folder) {
		t.Error("the folder of a killed process is still there")
	}
	for name, l := range map[string]*listening{"live": live, "stopped": stopped, "next": next} {
		if !exists(filepath.Join(l.folder, SocketName)) {
			t.Errorf("the socket of the %s process is gone", name)
		}
	}
	next.stdin.Close()
	if err := next.Wait(); err != nil || exists(next.folder) {
		t.Errorf("one that ended by itself: %v, folder %v", err, exists(next.folder))
	}
}

// abandon makes a folder as a killed process leaves it.
func abandon(t *testing.T, parent string) string {
	t.Helper()
	f, err := makeFolder(parent)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: f.Socket()})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	if err := errors.Join(listener.Close(), f.lock.Close()); err != nil {
		t.Fatal(err)
	}
	return f.path
}

func TestOnlyAbandonedFoldersOfOursAreRemoved(t *testing.T) {
	parent := ownTemp(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	left := abandon(t, parent)
	empty := abandon(t, parent)
	must(os.Remove(filepath.Join(empty, SocketName)))
	fresh, aged := filepath.Join(parent, newFolderPrefix+"1"), filepath.Join(parent, newFolderPrefix+"2")
	must(errors.Join(os.Mkdir(fresh, 0o700), os.Mkdir(aged, 0o700)))
	old := time.Now().Add(-2 * newFolderAge)
	must(os.Chtimes(aged, old, old))

	foreignFile := abandon(t, parent)
	must(os.WriteFile(filepath.Join(foreignFile, "notes"), nil, 0o600))
	noSocket := abandon(t, parent)
	must(os.Remove(filepath.Join(noSocket, SocketName)))
	must(os.WriteFile(filepath.Join(noSocket, SocketName), nil, 0o600))
	open := abandon(t, parent)
	must(os.Chmod(open, 0o755))
	target := filepath.Join(parent, "target")
	must(os.Rename(abandon(t, parent), target))
	link := filepath.Join(parent, folderPrefix+"3")
	must(os.Symlink(target, link))
	linkInside := abandon(t, parent)
	must(os.Rename(filepath.Join(linkInside, SocketName), filepath.Join(parent, "socket")))
	must(os.Symlink(filepath.Join(parent, "socket"), filepath.Join(linkInside, SocketName)))
	unnumbered := filepath.Join(parent, folderPrefix+"ocks")
	must(os.Mkdir(unnumbered, 0o700))
	file := filepath.Join(parent, folderPrefix+"4")
	must(os.WriteFile(file, nil, 0o700))
	live, err := makeFolder(parent)
	must(err)
	also, err := OpenSocketFolder(live.Path())
	must(err)
	must(live.lock.Close()) // its maker is gone, but another process keeps it

	if n := removeAbandoned(parent, time.Now()); n != 3 {
		t.Errorf("%d folders were removed", n)
	}
	for _, path := range []string{left, empty, aged} {
		if exists(path) {
			t.Errorf("%s is still there", path)
		}
	}
	for name, path := range map[string]string{
		"new folder": fresh, "foreign file": filepath.Join(foreignFile, "notes"), "its socket": filepath.Join(foreignFile, SocketName),
		"file in place of the socket": filepath.Join(noSocket, SocketName), "folder open to others": filepath.Join(open, SocketName),
		"link": link, "target of the link": filepath.Join(target, SocketName), "link in a folder": filepath.Join(linkInside, SocketName),
		"target of that": filepath.Join(parent, "socket"), "name of another kind": unnumbered, "file": file, "kept": live.Path(),
	} {
		if !exists(path) {
			t.Errorf("%s: %s is gone", name, path)
		}
	}
	must(also.Remove())
	if _, err := OpenSocketFolder(live.Path()); err == nil {
		t.Error("a folder that is gone was kept")
	}
}

// While several look for abandoned folders, each of these is removed once, and no folder that somebody has just made.
func TestCleanersRaceWithEachOtherAndWithMakers(t *testing.T) {
	parent := ownTemp(t)
	const left = 50
	for range left {
		abandon(t, parent)
	}
	var removed atomic.Int32
	var all sync.WaitGroup
	faults := make(chan error, 1000)
	for range 4 {
		all.Go(func() {
			for range 20 {
				removed.Add(int32(removeAbandoned(parent, time.Now())))
			}
		})
		all.Go(func() {
			for range 50 {
				f, err := makeFolder(parent)
				if err == nil {
					_, err = os.Lstat(f.Path())
					err = errors.Join(err, f.Remove())
				}
				if err != nil {
					faults <- fmt.Errorf("a folder that was just made: %w", err)
				}
			}
		})
	}
	all.Wait()
	close(faults)
	for err := range faults {
		t.Error(err)
	}
	removed.Add(int32(removeAbandoned(parent, time.Now()))) // what a slow file system has left
	if n := removed.Load(); n != left {
		t.Errorf("%d folders were removed, %d had been left", n, left)
	}
	if rest, err := os.ReadDir(parent); err != nil || len(rest) != 0 {
		t.Errorf("left: %v %v", rest, err)
	}
}

// Where the folder for temporary files takes none, another one is found that is safe, and what is left there is removed too.
func TestFolderElsewhere(t *testing.T) {
	parent := ownTemp(t)
	missing, runtime := filepath.Join(parent, "missing"), filepath.Join(parent, "runtime")
	t.Setenv("TMPDIR", missing)
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	if err := os.Mkdir(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := NewSocketFolder()
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(f.Path()) != runtime || !keepsOthersOut(f.Path()) {
		t.Errorf("it is %s", f.Path())
	}
	left := abandon(t, runtime)
	if n := RemoveAbandonedFolders(); n < 1 || exists(left) || !exists(f.Path()) {
		t.Errorf("%d were removed; the abandoned one is there: %v, the other: %v", n, exists(left), exists(f.Path()))
	}
	if err := errors.Join(f.Remove(), os.Chmod(runtime, 0o777)); err != nil {
		t.Fatal(err)
	}
	f, err = NewSocketFolder()
	if err == nil {
		defer f.Remove()
	}
	if err == nil && filepath.Dir(f.Path()) != "/dev/shm" || err != nil && !strings.Contains(err.Error(), missing) {
		t.Errorf("where others may write to the folder: %v, %v", f, err)
	}
}
