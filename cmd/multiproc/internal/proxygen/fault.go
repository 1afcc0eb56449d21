package proxygen

import (
	"cmp"
	"fmt"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// Faults are all reasons for which a type cannot be exposed, in the order of the source.
type Faults []Fault

// A Fault is one reason, and the place in the source that it comes from.
type Fault struct {
	Position token.Position // its file is relative to the package's folder where it stands below it
	Text     string
}

// Error lists the faults, one a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

func (f Fault) String() string {
	if !f.Position.IsValid() {
		return f.Text
	}
	return fmt.Sprintf("%s: %s", f.Position, f.Text)
}

// A faultList collects faults.
type faultList struct {
	files  *token.FileSet
	folder string
	list   Faults
}

func (l *faultList) add(at token.Pos, format string, args ...any) {
	l.list = append(l.list, Fault{l.position(at), fmt.Sprintf(format, args...)})
}

func (l *faultList) position(at token.Pos) token.Position {
	p := l.files.Position(at)
	if relative, err := filepath.Rel(l.folder, p.Filename); err == nil && filepath.IsLocal(relative) {
		p.Filename = relative
	}
	return p
}

// err returns the faults in the order of the source, or nil if there are none.
func (l *faultList) err() error {
	if len(l.list) == 0 {
		return nil
	}
	slices.SortStableFunc(l.list, func(a, b Fault) int {
		return cmp.Or(
			cmp.Compare(a.Position.Filename, b.Position.Filename),
			cmp.Compare(a.Position.Line, b.Position.Line),
			cmp.Compare(a.Position.Column, b.Position.Column),
		)
	})
	return slices.Compact(l.list)
}
