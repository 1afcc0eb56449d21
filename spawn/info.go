package spawn

import (
	"os"
	"path/filepath"

	"github.com/multiproc-go/multiproc/finalize"
)

// Info describes a process of this program.
type Info struct {
	PID  int
	Name string // Options.Name or its default; the base name of the executable for the program's first process
	Role string // the role that it runs; empty for the first process, and for a parent
	Mark string // the mark in its environment (see finalize.MarkVariable); empty for the first process, and for a parent
}

// Current describes the calling process. It does not block and is safe for concurrent use. In a child it must not be
// called before Main, Init or TestMain.
func Current() Info {
	if inherited == nil {
		return Info{PID: os.Getpid(), Name: filepath.Base(os.Args[0])}
	}
	return Info{PID: os.Getpid(), Name: self.Name, Role: self.Role, Mark: finalize.OwnMark()}
}

// IsChild reports whether the calling process was started by another one of this program, in a role. It does not block, is safe
// for concurrent use, and may be called while packages initialise: a package can leave out in a child what only the program's first
// process needs, or what that has checked for all of them.
func IsChild() bool { return inherited != nil }

// Parent describes the process that started the calling one, and reports whether there is one: not for a program's
// first process. The parent may have died since. Parent does not block, is safe for concurrent use, and in a child must
// not be called before Main, Init or TestMain.
func Parent() (Info, bool) {
	if inherited == nil {
		return Info{}, false
	}
	return Info{PID: self.ParentPID, Name: self.ParentName}, true
}
