package spawn

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Package os/signal costs a process two threads and several changes between threads for each signal, which is a tenth of
// what a child's whole start costs; and few children ever get a signal. So a handler below Go's runtime catches the first
// one: it notes the signal and rings. What is rung for then is done by os/signal, which gets the signal once more, and all
// that come after it. Until then the runtime does not know of that handler. Code that asks os/signal for one of these
// signals meanwhile gets it by the same way; one that ignores a signal replaces the handler.

// These three are the handler's.
var (
	notedSignals uint32 // bits
	signalBell   int32  //nolint:unused // it is used there: an eventfd
	bellValue    uint64 //nolint:unused // likewise: what is written to it
)

// noteSignal and passSignal are handlers for the kernel to call, and nobody else.
func noteSignal() //nolint:unused // signalHandlers uses it
func passSignal() //nolint:unused // likewise

// signalHandlers returns where those are.
func signalHandlers() (note, pass uintptr)

// kernelAction is the kernel's struct sigaction.
type kernelAction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// exchangeAction sets the action of a signal unless next is nil, and returns the one before.
func exchangeAction(number syscall.Signal, next *kernelAction) (before kernelAction, ok bool) {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(number), uintptr(unsafe.Pointer(next)),
		uintptr(unsafe.Pointer(&before)), unsafe.Sizeof(before.mask), 0, 0)
	return before, errno == 0
}

// catcher is what catches signals until the first has come.
type catcher struct {
	bell    *os.File
	signals []syscall.Signal
	actions []kernelAction // of the runtime, in the order of signals
}

// catchSignals begins to catch signals, or returns nil where package os/signal has to do that from the beginning. There is one
// catcher in a process at most.
func catchSignals(signals []os.Signal) *catcher {
	c := &catcher{}
	for _, s := range signals {
		number := s.(syscall.Signal)
		action, ok := exchangeAction(number, nil)
		if !ok || action.handler <= 1 { // by default or ignored: the runtime's own is what this one is modelled on
			return nil
		}
		c.signals, c.actions = append(c.signals, number), append(c.actions, action)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil
	}
	c.bell = os.NewFile(uintptr(bell), "signals")
	signalBell, bellValue = int32(bell), 1
	note, _ := signalHandlers()
	for i, number := range c.signals {
		action := c.actions[i]
		action.handler = note
		_, _ = exchangeAction(number, &action) // fails for no signal that could be looked at
	}
	return c
}

// await blocks until a signal has been caught.
func (c *catcher) await() {
	var value [8]byte
	_, _ = c.bell.Read(value[:]) // whatever fails, os/signal knows
}

// handOver has os/signal notify of the signals from now on, of those that were caught first.
func (c *catcher) handOver(to chan<- os.Signal) {
	note, _ := signalHandlers()
	for i, number := range c.signals {
		if signal.Ignored(number) { // by the program's code, since
			continue
		}
		signal.Notify(to, number)
		if now, ok := exchangeAction(number, nil); ok && now.handler == note {
			_, _ = exchangeAction(number, &c.actions[i])
		}
	}
	noted := atomic.SwapUint32(&notedSignals, 0)
	for _, number := range c.signals {
		if noted&(1<<number) != 0 {
			_ = unix.Kill(os.Getpid(), number)
		}
	}
}

// survivePipes keeps a write to a broken pipe from ending the process: it fails instead. The runtime is told to ignore the
// signal, and the kernel is not, since commands would inherit that.
func survivePipes() bool {
	action, ok := exchangeAction(syscall.SIGPIPE, nil)
	if !ok || action.handler <= 1 {
		return false
	}
	signal.Ignore(syscall.SIGPIPE)
	_, action.handler = signalHandlers()
	_, ok = exchangeAction(syscall.SIGPIPE, &action)
	return ok
}
