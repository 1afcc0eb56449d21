package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/bench"
)

// Exit statuses of the command; 128+n stands for signal n.
const (
	exitFailed     = 1
	exitUsage      = 2
	exitQuit       = 131
	exitBrokenPipe = 141
)

// exitStatus is an error that sets the exit status; what there was to say has
// been said.
type exitStatus int

func (exitStatus) Error() string   { return "" }
func (e exitStatus) ExitCode() int { return int(e) }

// grammar is the command line.
type grammar struct {
	Map     mapFlags   `cmd:"" help:"Run a command for each item of the input, in worker processes."`
	Proxy   proxyFlags `cmd:"" help:"Write a typed proxy for a Go type whose values live in a manager (for go generate)."`
	Bench   benchFlags `cmd:"" help:"Measure multiproc beside its limits and its peers."`
	Version struct{}   `cmd:"" help:"Print the version."`
}

type mapFlags struct {
	Workers   whole    `short:"j" placeholder:"N" default:"${processors}" help:"Run N commands at a time (default: ${processors}, the processors of this machine)."`
	Items     *string  `placeholder:"FILE" help:"Read the items from FILE instead of standard input (- is standard input)."`
	Null      bool     `short:"0" help:"Items end with a NUL byte instead of a newline (find -print0)."`
	Timeout   duration `placeholder:"D" help:"Kill a command, with all that it has started, after D: 30s, 5m, 1h30m, or a number of seconds. Where its worker process does not answer, that takes some 4 seconds more."`
	Retries   whole    `placeholder:"N" default:"0" help:"Run a command that did not succeed up to N times more. Only the last attempt counts and is printed."`
	KeepGoing bool     `xor:"failure" help:"Go on with the other items after a failure. This is the default."`
	FailFast  bool     `xor:"failure" help:"Start no further command after a failure. Those that are running go on to their end."`
	Unordered bool     `help:"Print outputs in the order in which commands end, instead of the order of the input."`
	Joblog    *string  `placeholder:"FILE" help:"Write a row for each item to FILE as it ends: seq, start, seconds, exit, signal, outcome, item, separated by tabs."`
	Progress  *bool    `negatable:"" help:"Show a progress bar on standard error (default: if that is a terminal)."`
	DryRun    bool     `help:"Print the commands, quoted for a shell, and run nothing."`
	Command   []string `arg:"" optional:"" passthrough:"partial" name:"command" help:"The command and its arguments, in which {} stands for the item. Without {} the item is the last argument. The items may follow, after ':::'."`
}

// Help is shown below the flags.
func (*mapFlags) Help() string {
	return `Examples:

  find . -name '*.go' | multiproc map -- sha256sum {}
  find . -name '*.png' -print0 | multiproc map -0 --timeout 30s -- optipng {}
  multiproc map -j 4 -- convert {} {}.jpg ::: *.png
  multiproc map --joblog log.tsv -- sh -c 'sort "$1" | uniq -c' sh {} < names

Each line is an item, also an empty one. There is no shell between the item and
the command unless the command is one. Commands get /dev/null as standard input.
Their output is printed whole, in the order of the items. What a command has
left running in the background is killed at the end.

In the job log start is local time (RFC 3339), and outcome is one of done,
failed, timeout, lost (the worker process died) and cancelled (killed because
the run was ended). exit is 128+n for a command that signal n killed, and -1
after timeout, lost and cancelled; signal is 0 also where it is not known.
Backslash, tab, newline and carriage return in an item are \\, \t, \n and \r.

Exit status: 0 when all commands succeeded, 1 when any did not, 2 for wrong
usage, 129 after SIGHUP, 130 after SIGINT, 131 after SIGQUIT, 143 after SIGTERM,
141 when nobody reads the output. The first signal lets the running commands
end; the second one, and SIGQUIT, kills them and prints what is done.`
}

// duration is a time.Duration that may be given as a number of seconds too.
type duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		seconds, notNumber := strconv.ParseFloat(string(text), 64)
		if notNumber != nil || !(seconds < 1e9) {
			return fmt.Errorf("expected a duration such as 30s, 5m or 1h30m, or a number of seconds, not %q", text)
		}
		parsed = time.Duration(seconds * float64(time.Second))
	}
	if parsed <= 0 {
		return errors.New("must be more than zero")
	}
	*d = duration(parsed)
	return nil
}

// whole is an int whose error says what is expected.
type whole int

// UnmarshalText implements encoding.TextUnmarshaler.
func (w *whole) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil {
		return fmt.Errorf("expected a whole number, not %q", text)
	}
	*w = whole(n)
	return nil
}

// factor is a float64 whose error says what is expected.
type factor float64

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *factor) UnmarshalText(text []byte) error {
	x, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return fmt.Errorf("expected a number, not %q", text)
	}
	*f = factor(x)
	return nil
}

// execute runs the program with these arguments, the program's name left out.
func execute(ctx context.Context, arguments []string) error {
	var g grammar
	command, done, err := parse(&g, arguments, os.Stdout)
	switch {
	case done:
		return printed(err)
	case err != nil:
		return usage(command, err)
	}
	switch command {
	case "version":
		_, err := fmt.Println(version())
		return printed(err)
	case "proxy":
		return g.Proxy.run(ctx)
	case "bench":
		o, err := g.Bench.options()
		if err != nil {
			return usage(command, err)
		}
		return runBench(ctx, o)
	}
	p, err := g.Map.plan()
	if err != nil {
		return usage(command, err)
	}
	defer p.close()
	return runMap(ctx, p)
}

// printed returns how the program is to exit that has written something of its own to standard output.
func printed(err error) error {
	if err == nil {
		return nil
	}
	return &stdoutError{err}
}

// usage tells what is wrong with a command line.
func usage(command string, err error) error {
	if err == nil {
		return nil
	}
	if command == "" {
		command = "map"
	}
	fmt.Fprintf(os.Stderr, "multiproc: %v\nTry 'multiproc %s --help'.\n", err, command)
	return exitStatus(exitUsage)
}

// How kong writes the usage of map, and how it is easier to understand.
const (
	kongMapUsage = "multiproc map [<command> ...] [flags]"
	mapUsage     = "multiproc map [flags] -- COMMAND [ARG...] [::: ITEM...]"
)

// parse fills g from the command line. done is true when help was asked for; it
// has been printed then, or err says why not.
func parse(g *grammar, arguments []string, help io.Writer) (command string, done bool, err error) {
	var page bytes.Buffer
	parser, err := kong.New(g,
		kong.Name("multiproc"),
		kong.Description("Run commands in worker processes, and lose nothing when one of them dies."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(&page, io.Discard),
		kong.Exit(func(int) { done = true }),
		kong.Vars{"processors": strconv.Itoa(runtime.GOMAXPROCS(0)), "peers": strings.Join(bench.Peers(), ",")},
	)
	if err != nil {
		return "", false, err
	}
	prepared, err := prepareArguments(arguments)
	if err != nil {
		return attempted(arguments), false, err
	}
	parsed, err := parser.Parse(singleDashes(prepared))
	switch {
	case done:
		text := strings.Replace(page.String(), kongMapUsage, mapUsage, 1)
		_, err = io.WriteString(help, text)
		return "", true, err
	case err != nil:
		return attempted(arguments), false, err
	default:
		return parsed.Selected().Name, false, nil
	}
}

// version returns what the build knows of itself.
func version() string {
	text := "multiproc (unknown build)"
	if info, ok := debug.ReadBuildInfo(); ok {
		text = "multiproc " + info.Main.Version
	}
	return fmt.Sprintf("%s, %s, %s/%s", text, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
