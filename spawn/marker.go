package spawn

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// markerVariable tells a process that it is a child, and which descriptors it has inherited, from firstDescriptor up:
// "kind:dev.ino.type,dev.ino.type". It holds nothing secret and is unset before any of the program's code runs.
const (
	markerVariable  = "MULTIPROC_CHILD"
	firstDescriptor = 3
)

// procsVariable is what GOMAXPROCS was before the parent set it for the child's own runtime, empty if it was not set.
const procsVariable = "MULTIPROC_GOMAXPROCS"

// What a marked process is there for.
const (
	kindChild    = "child"
	kindBare     = "bare" // a child without a memory file for its crash
	kindGuardian = "guardian"
)

// descriptorIdentity is what fstat says of an open file that no other file shares with it.
type descriptorIdentity struct {
	device, inode uint64
	format        uint32
}

func identifyDescriptor(fd int) (descriptorIdentity, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return descriptorIdentity{}, fmt.Errorf("fstat descriptor %d: %w", fd, err)
	}
	return descriptorIdentity{
		device: uint64(stat.Dev),
		inode:  stat.Ino,
		format: uint32(stat.Mode) & unix.S_IFMT,
	}, nil
}

// marker makes the variable's value for a child that is to inherit the descriptors fds, in this order.
func marker(kind string, fds []int) (string, error) {
	text := make([]byte, 0, 64)
	text = append(text, kind...)
	for i, fd := range fds {
		identity, err := identifyDescriptor(fd)
		if err != nil {
			return "", err
		}
		separator := byte(',')
		if i == 0 {
			separator = ':'
		}
		text = append(text, separator)
		text = strconv.AppendUint(text, identity.device, 10)
		text = append(text, '.')
		text = strconv.AppendUint(text, identity.inode, 10)
		text = append(text, '.')
		text = strconv.AppendUint(text, uint64(identity.format), 10)
	}
	return string(text), nil
}

// parseMarker is the inverse of marker.
func parseMarker(value string) (kind string, identities []descriptorIdentity, ok bool) {
	kind, list, ok := strings.Cut(value, ":")
	if !ok {
		return "", nil, false
	}
	identities = make([]descriptorIdentity, 0, strings.Count(list, ",")+1)
	for entry := range strings.SplitSeq(list, ",") {
		identity, ok := parseIdentity(entry)
		if !ok {
			return "", nil, false
		}
		identities = append(identities, identity)
	}
	return kind, identities, true
}

func parseIdentity(entry string) (identity descriptorIdentity, ok bool) {
	device, rest, _ := strings.Cut(entry, ".")
	inode, format, _ := strings.Cut(rest, ".")
	var err [3]error
	var bits uint64
	identity.device, err[0] = strconv.ParseUint(device, 10, 64)
	identity.inode, err[1] = strconv.ParseUint(inode, 10, 64)
	bits, err[2] = strconv.ParseUint(format, 10, 32)
	identity.format = uint32(bits)
	return identity, err == [3]error{}
}
