package spawn

import (
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
)

// mainPath is the import path of the main package, as the linker recorded it.
var mainPath = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Path != "" {
		return info.Path
	}
	return "main"
})

// FunctionName returns the name under which fn is known in every process of this program: its qualified name, where a
// function of package main is named under that package's import path.
//
// Some functions share a name with others, so that the name alone cannot find them again: instances of generic
// functions, method values, and closures made by another function. For these, and for anything that is not a function,
// FunctionName returns an error that says what to do instead. A closure written in a package-level variable, or in a
// package's init function, has a name of its own and is accepted.
//
// FunctionName does not block and is safe for concurrent use.
func FunctionName(fn any) (string, error) {
	value := reflect.ValueOf(fn)
	if value.Kind() != reflect.Func || value.IsNil() {
		return "", fmt.Errorf("spawn: name of a %T: not a function", fn)
	}
	info := runtime.FuncForPC(value.Pointer())
	if info == nil {
		return "", fmt.Errorf("spawn: name of a %T: the runtime has none; register it under a name with RegisterNamed", fn)
	}
	return qualify(info.Name())
}

// qualify checks a symbol's name and puts main's import path in place of the word main.
func qualify(symbol string) (string, error) {
	if what := ambiguity(symbol); what != "" {
		return "", fmt.Errorf("spawn: %s is %s, whose name does not tell it from others of its kind; "+
			"register it under a name of your own with RegisterNamed", symbol, what)
	}
	if rest, ok := strings.CutPrefix(symbol, "main."); ok {
		return mainPath() + "." + rest, nil
	}
	return symbol, nil
}

// ambiguity says why a symbol does not identify one function, or returns "".
func ambiguity(symbol string) string {
	if strings.Contains(symbol, "[...]") {
		return "an instance of a generic function or of a method of a generic type"
	}
	if strings.HasSuffix(symbol, "-fm") {
		return "a method value"
	}
	local := symbol[strings.LastIndexByte(symbol, '/')+1:]
	_, local, _ = strings.Cut(local, ".")
	parts := strings.Split(local, ".")
	for at, part := range parts {
		if at > 0 && isClosure(part) {
			if at == len(parts)-1 && isInitialiser(parts[:at]) {
				return ""
			}
			return "a closure made inside another function"
		}
	}
	return ""
}

// isClosure reports whether a part of a symbol is one that the compiler gives to a function literal.
func isClosure(part string) bool {
	digits, ok := strings.CutPrefix(part, "func")
	return ok && isNumber(digits)
}

// isInitialiser reports whether the parts before a literal's own name are those of a package's initialisation:
// "init" or "glob." for package-level variables, "init.0" for the first init function.
func isInitialiser(parts []string) bool {
	switch {
	case len(parts) == 1:
		return parts[0] == "init"
	case len(parts) == 2 && parts[0] == "init":
		return isNumber(parts[1])
	case len(parts) == 2 && parts[0] == "glob":
		return parts[1] == ""
	default:
		return false
	}
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
