package wire

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
)

// Memory that the process does not have yet is told from what it has, and asked for.
func TestMissingPagesAreAskedFor(t *testing.T) {
	memory, err := unix.Mmap(-1, 0, bulkBlock, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Munmap(memory); err != nil {
			t.Error(err)
		}
	}()
	if err := unix.Madvise(memory, unix.MADV_NOHUGEPAGE); err != nil {
		t.Log(err)
	}
	if isResident(memory) {
		t.Skip("this system cannot tell")
	}
	for _, part := range [][]byte{memory[:bulkStep], memory[3*bulkStep+100 : 5*bulkStep-100]} {
		makeResident(part)
		if cannotPopulate.Load() {
			t.Skip("this system cannot be asked")
		}
		if !isResident(part) {
			t.Fatal("pages that were asked for are not there")
		}
	}
	if isResident(memory) || isResident(memory[:bulkStep+1]) || isResident(memory[3*bulkStep-1:4*bulkStep]) {
		t.Fatal("pages are there that nobody has asked for")
	}
	source := bytes.Repeat([]byte("0123456"), bulkBlock/7+1)[:bulkBlock-bulkStep/2]
	copyBlock(memory[:len(source)], source)
	if !bytes.Equal(memory[:len(source)], source) || memory[len(source)] != 0 || isResident(memory) || !isResident(memory[:len(source)]) {
		t.Fatal("a copy to pages that were not there differs")
	}
}
