package finalize

import "bytes"

// stat is what /proc/PID/stat says of a process, as far as it matters here.
type stat struct {
	pid        int
	state      byte
	parent     int
	group      int
	session    int
	flags      uint64
	threads    int
	processor  uint64 // clock ticks, user and system
	start      uint64
	resident   uint64 // pages
	exitSignal int

	environStart, environEnd uint64 // 0 in the middle of an exec, or if we may not know
}

// Bits of stat.flags, from the kernel's sched.h.
const (
	flagExiting      = 0x00000004
	flagKernelThread = 0x00200000
)

// gone reports whether the process has ended and only waits to be reaped. A leader
// that has ended before its threads looks like a zombie as well.
func (s *stat) gone() bool {
	switch s.state {
	case 'X', 'x':
		return true
	case 'Z':
		return s.threads <= 1
	}
	return false
}

// isThread reports whether this is a thread that does not lead its process:
// /proc/TID exists, though it is not listed.
func (s *stat) isThread() bool { return s.exitSignal == -1 }

func (s *stat) identity() Identity { return Identity{PID: s.pid, Start: s.start} }

// parseStat reads a line of /proc/PID/stat. It reports false for a line that is
// cut off or is no such line.
func parseStat(line []byte) (s stat, ok bool) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 1 || end < open {
		return stat{}, false
	}
	pid, ok := number(bytes.TrimRight(line[:open], " "))
	if !ok {
		return stat{}, false
	}
	s.pid = int(pid)
	rest := bytes.TrimSuffix(line[end+1:], []byte("\n"))
	field := 2 // the name that has just been skipped
	var text []byte
	for rest = bytes.TrimPrefix(rest, []byte(" ")); len(rest) > 0 && field < 51; field++ {
		text, rest, _ = bytes.Cut(rest, []byte(" "))
		if !s.set(field+1, text) {
			return stat{}, false
		}
	}
	return s, field >= 38 // those behind the exit signal came with later kernels
}

// set takes one field, counted as in proc(5), and reports false for a malformed one.
func (s *stat) set(field int, text []byte) bool {
	switch field {
	case 3, 4, 5, 6, 9, 14, 15, 20, 22, 24, 38, 50, 51:
	default:
		return true
	}
	if field == 3 && len(text) == 1 {
		s.state = text[0]
		return true
	}
	value, ok := number(text)
	switch field {
	case 4:
		s.parent = int(value)
	case 5:
		s.group = int(value)
	case 6:
		s.session = int(value)
	case 9:
		s.flags = value
	case 14, 15:
		s.processor += value
	case 20:
		s.threads = int(value)
	case 22:
		s.start = value
	case 24:
		s.resident = value
	case 38:
		s.exitSignal = int(value)
	case 50:
		s.environStart = value
	case 51:
		s.environEnd = value
	}
	return ok
}

// number parses a decimal number; a negative one comes as its two's complement.
func number(text []byte) (n uint64, ok bool) {
	digits := bytes.TrimPrefix(text, []byte("-"))
	for _, digit := range digits {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		n = n*10 + uint64(digit-'0')
	}
	if len(digits) != len(text) {
		n = -n
	}
	return n, len(digits) > 0
}
