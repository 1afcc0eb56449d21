package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The flags of map and of bench that take a value.
var (
	mapValues   = []string{"-j", "--workers", "--items", "--timeout", "--retries", "--joblog"}
	benchValues = []string{"--json", "--report", "--against", "--runs", "--scale"}
)

// prepareArguments refuses what the parser would refuse with a misleading
// message, and joins a flag with a negative number after it, which is refused
// with a reason later.
func prepareArguments(arguments []string) ([]string, error) {
	if len(arguments) == 0 {
		return nil, errors.New("nothing to do (multiproc map, multiproc proxy, multiproc bench, or multiproc version)")
	}
	switch first := arguments[0]; {
	case first == "--version":
		return append([]string{"version"}, arguments[1:]...), nil
	case first == "map":
		return prepareFlags(arguments, mapValues, false)
	case first == "bench":
		return prepareFlags(arguments, benchValues, true)
	case first == "proxy", first == "version", first == "-h", first == "--help":
		return arguments, nil
	case strings.HasPrefix(first, "-"):
		return nil, fmt.Errorf("%s: flags come after the word map (multiproc map [flags] -- COMMAND)", first)
	default:
		return nil, fmt.Errorf("unknown command %q (there are map, proxy, bench and version; to run a command: multiproc map -- %[1]s)", first)
	}
}

// prepareFlags looks at the flags up to the first other argument, or where they are mixed with others, at all of them.
func prepareFlags(arguments, withValue []string, mixed bool) ([]string, error) {
	prepared := arguments[:1:1]
	for i := 1; i < len(arguments); i++ {
		a := arguments[i]
		if a == "--" || !mixed && !strings.HasPrefix(a, "-") {
			return append(prepared, arguments[i:]...), nil
		}
		if !slices.Contains(withValue, a) {
			prepared = append(prepared, a)
			continue
		}
		i++
		if i == len(arguments) {
			return nil, fmt.Errorf("%s needs a value", a)
		}
		value := arguments[i]
		if len(value) > 1 && value[0] == '-' && (value[1] < '0' || value[1] > '9') {
			return nil, fmt.Errorf("%s needs a value, and %s looks like none (%[1]s VALUE)", a, value)
		}
		if a == "-j" {
			a = "--workers"
		}
		prepared = append(prepared, a+"="+value)
	}
	return prepared, nil
}
