package pool

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// processor returns a number, from 1 on, of the processor that this thread runs on, or 0 if that is not to be known.
func processor() uint64 {
	var number uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&number)), 0, 0); errno != 0 {
		return 0
	}
	return uint64(number) + 1
}

// changeProcessor has this thread go on on another processor, if it may run on any other. What it may run on is put back as soon as
// it has moved, unless somebody else has changed it meanwhile. A thread that was not kept to less than its cpuset is kept to
// nothing again, so that it follows the cpuset if that grows later.
func changeProcessor() {
	runtime.LockOSThread() // the runtime starts no thread from this one meanwhile, which would inherit its processors
	defer runtime.UnlockOSThread()
	var all, seen unix.CPUSet
	here := processor()
	if here == 0 || unix.SchedGetaffinity(0, &all) != nil || all.Count() < 2 {
		return
	}
	others := all
	others.Clear(int(here) - 1)
	if unix.SchedSetaffinity(0, &others) != nil {
		return
	}
	if unix.SchedGetaffinity(0, &seen) != nil || seen != others {
		return
	}
	every := unix.CPUSet{}
	every.Fill()
	if unix.SchedSetaffinity(0, &every) != nil || unix.SchedGetaffinity(0, &seen) != nil || seen != all {
		_ = unix.SchedSetaffinity(0, &all)
	}
}
