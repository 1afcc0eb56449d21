package spawn

import (
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"golang.org/x/sys/unix"
)

// inheritance is what a child has been given by the process that started it.
type inheritance struct {
	booting *booting
	hello   *os.File
	files   []*os.File
}

// inherited is set while packages initialise, in children alone.
var inherited *inheritance

// init makes a child safe before any other code of the program runs: from here on no command that it starts inherits
// what is ours, and no pipe of a parent that died can end it by SIGPIPE. A guardian never returns from here: whatever
// the program's packages do while they initialise is not done a second time for its sake.
func init() {
	value, marked := os.LookupEnv(markerVariable)
	if !marked {
		return
	}
	_ = os.Unsetenv(markerVariable) // fails for no name that LookupEnv found
	restoreProcs()
	kind, identities, ok := parseMarker(value)
	if !ok || !verifyDescriptors(identities) {
		return // left over from another process: not meant for this one
	}
	for i := range identities {
		unix.CloseOnExec(firstDescriptor + i)
	}
	if !survivePipes() {
		// SIGPIPE is caught, since ignoring it would be inherited by commands: the pipe of a parent that died must not end a
		// child before its finalizers have run. Nobody reads the channel: what finds it full is dropped.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	}
	args := append(os.Args, "", "")[1:]
	setProcessName(args[0])
	os.Args = os.Args[:min(1, len(os.Args)):1]
	if kind == kindGuardian {
		os.Exit(guardianMain(args[1], pollable(firstDescriptor, "lifeline")))
	}
	inherited = inherit(kind, len(identities))
}

// restoreProcs gives GOMAXPROCS back the value that commands are to inherit. The runtime has read its own by now.
func restoreProcs() {
	value, set := os.LookupEnv(procsVariable)
	if !set {
		return
	}
	_ = os.Unsetenv(procsVariable)
	if value == "" {
		_ = os.Unsetenv("GOMAXPROCS")
	} else {
		_ = os.Setenv("GOMAXPROCS", value)
	}
}

// verifyDescriptors reports whether the process's descriptors are those that the marker speaks of. They are not where
// the variable was copied into the environment of a process that we did not start.
func verifyDescriptors(identities []descriptorIdentity) bool {
	for i, want := range identities {
		if got, err := identifyDescriptor(firstDescriptor + i); err != nil || got != want {
			return false
		}
	}
	return true
}

// inherit takes the descriptors over: two pipes, the crash file unless the child is bare, and those of the caller.
func inherit(kind string, count int) *inheritance {
	in := &inheritance{
		booting: newBooting(),
		hello:   os.NewFile(firstDescriptor+1, "hello"), // blocking: there is room for the few bytes that it takes
	}
	next := firstDescriptor + 2
	if kind == kindChild {
		catchCrash(next)
		next++
	}
	for ; next < firstDescriptor+count; next++ {
		in.files = append(in.files, os.NewFile(uintptr(next), "inherited"))
	}
	ending := endingSignals()
	go in.booting.watchSignals(ending, catchSignals(ending))
	go in.booting.watch(framed(pollable(firstDescriptor, "lifeline")))
	return in
}

// pollable makes a file of a pipe's end whose blocking mode is this process's own to set.
func pollable(fd int, name string) *os.File {
	_ = unix.SetNonblock(fd, true) // a blocking descriptor works too, at the cost of a thread
	return os.NewFile(uintptr(fd), name)
}

// catchCrash has the Go runtime write a crash into the memory file, which the parent reads after the exit. It is no
// pipe, because one that nobody drains would block the dying process.
func catchCrash(fd int) {
	file := os.NewFile(uintptr(fd), "crash")
	_ = debug.SetCrashOutput(file, debug.CrashOptions{}) // without it, stderr's tail still tells
	_ = file.Close()                                     // the runtime has its own copy
}
