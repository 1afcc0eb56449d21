package wire

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Memory that could shrink under the server is refused.
func TestMemoryMustBeSealed(t *testing.T) {
	memory, file, err := newMemory()
	if err != nil {
		t.Fatal(err)
	}
	memory.release()
	defer file.Close()
	if err := file.Truncate(0); err == nil {
		t.Error("it can be shortened")
	}
	short, err := unix.MemfdCreate("short", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(short)
	if err := unix.Ftruncate(short, memoryBytes/2); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(short), unix.F_ADD_SEALS, memorySeals); err != nil {
		t.Fatal(err)
	}
	if _, err := mapMemory(short); err == nil {
		t.Error("another size was taken")
	}
}
