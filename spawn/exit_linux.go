package spawn

import (
	"errors"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forkExec starts a process and returns how to wait for it.
func forkExec(path string, argv []string, attr *syscall.ProcAttr) (int, reaper, error) {
	pidfd := -1
	attr.Sys.PidFD = &pidfd
	pid, err := syscall.ForkExec(path, argv, attr)
	if err != nil {
		return 0, nil, err
	}
	if pidfd >= 0 {
		if reaper, err := newPidfdReaper(pid, pidfd); err == nil {
			return pid, reaper, nil
		}
	}
	reaper, err := newProcessReaper(pid)
	if err != nil {
		return 0, nil, errors.Join(err, discard(pid))
	}
	return pid, reaper, nil
}

// pidfdReaper is woken by the runtime's poller, so that waiting costs no thread.
type pidfdReaper struct {
	pid   int
	pidfd *os.File
	raw   syscall.RawConn
}

func newPidfdReaper(pid, pidfd int) (*pidfdReaper, error) {
	if err := unix.SetNonblock(pidfd, true); err != nil { // without it, os.NewFile would not ask the poller
		return nil, errors.Join(err, unix.Close(pidfd))
	}
	file := os.NewFile(uintptr(pidfd), "pidfd")
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &pidfdReaper{pid, file, raw}, nil
}

func (r *pidfdReaper) wait() (syscall.WaitStatus, error) {
	defer r.pidfd.Close()
	failed, polled := r.poll()
	if polled != nil { // the poller knows no pidfds, as on systems that emulate Linux
		_, failed = hasExited(r.pid, 0)
	}
	if failed != nil {
		return 0, failed
	}
	leaveNoGroup(r.pid)
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(r.pid, &status, 0, nil)
		if !errors.Is(err, syscall.EINTR) {
			return status, os.NewSyscallError("wait4", err)
		}
	}
}

// poll waits for the exit, until interrupt at most.
func (r *pidfdReaper) poll() (failed, polled error) {
	polled = r.raw.Read(func(uintptr) bool {
		var exited bool
		exited, failed = hasExited(r.pid, unix.WNOHANG)
		return exited || failed != nil
	})
	return failed, polled
}

func (r *pidfdReaper) awaitExit() error {
	failed, polled := r.poll()
	if errors.Is(polled, os.ErrDeadlineExceeded) {
		return errInterrupted
	}
	return errors.Join(failed, polled)
}

func (r *pidfdReaper) interrupt() { _ = r.pidfd.SetReadDeadline(time.Unix(1, 0)) } // fails once the child was reaped
func (r *pidfdReaper) resume()    { _ = r.pidfd.SetReadDeadline(time.Time{}) }     // likewise

// hasExited reports whether a child has exited, and leaves it to be reaped.
func hasExited(pid, options int) (bool, error) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT|options, nil)
		if !errors.Is(err, unix.EINTR) {
			return info.Signo != 0, os.NewSyscallError("waitid", err)
		}
	}
}

// reapGroup reaps what leaveNoGroup has killed in the group of a child that was reaped, where that had become a child of
// this process, as everything does that loses its parent below the first process of a container. A child whose pid is the
// group's number is none of those: it has got that number since.
func reapGroup(group int) {
	for {
		pid, err := exitedInGroup(group)
		if err != nil || pid == 0 || pid == group {
			return
		}
		if _, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil); err != nil {
			return
		}
	}
}

// exitedInGroup returns a child in a process group that has exited, and leaves it to be reaped; 0 if there is none.
func exitedInGroup(group int) (int, error) {
	// The pid comes first in a union behind three numbers, as aligned as a pointer.
	const word = int(unsafe.Sizeof(uintptr(0)))
	const at = (3*4 + word - 1) &^ (word - 1)
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PGID, group, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), at))), os.NewSyscallError("waitid", err)
	}
}

func (r *pidfdReaper) signal(signal syscall.Signal) error {
	var sent error
	err := r.raw.Control(func(fd uintptr) {
		sent = unix.PidfdSendSignal(int(fd), signal, nil, 0)
	})
	if err != nil || errors.Is(sent, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return os.NewSyscallError("pidfd_send_signal", sent)
}
