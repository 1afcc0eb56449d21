// Package argv makes the arguments of one command from a template and an item,
// and writes them as a shell would have to read them.
package argv

import (
	"slices"
	"strings"
)

// Placeholder stands for the item in any argument of a command.
const Placeholder = "{}"

// A Template is a command in which Placeholder stands for the item. It is
// immutable and safe for concurrent use.
type Template struct {
	arguments []string
	appends   bool // no placeholder: the item is the last argument
}

// NewTemplate returns the template of a command, the program first.
func NewTemplate(arguments []string) Template {
	has := func(a string) bool { return strings.Contains(a, Placeholder) }
	return Template{arguments: slices.Clone(arguments), appends: !slices.ContainsFunc(arguments, has)}
}

// Expand returns the arguments for one item in a new slice, the program first.
// Each Placeholder of the template becomes the item; the item itself is not
// searched for placeholders. No shell is involved: an argument stays one
// argument whatever the item holds.
func (t Template) Expand(item string) []string {
	arguments := make([]string, 0, len(t.arguments)+1)
	for _, a := range t.arguments {
		arguments = append(arguments, strings.ReplaceAll(a, Placeholder, item))
	}
	if t.appends {
		arguments = append(arguments, item)
	}
	return arguments
}

// Quote returns the arguments as one line of a POSIX shell (one line unless an
// argument has a newline in it).
func Quote(arguments []string) string {
	quoted := make([]string, len(arguments))
	for i, a := range arguments {
		// The shell takes NAME=VALUE in front of a command for an assignment.
		quoted[i] = quote(a, i == 0)
	}
	return strings.Join(quoted, " ")
}

func quote(a string, first bool) string {
	if a != "" && !strings.ContainsFunc(a, special) && !(first && strings.Contains(a, "=")) {
		return a
	}
	return "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
}

// special reports whether a shell may take r for something else than itself.
// The tilde is: shells expand it at the beginning, and some after = and : too.
func special(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	default:
		return !strings.ContainsRune("_-./,:=@%+", r)
	}
}
