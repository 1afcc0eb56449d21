package spawn

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// DefaultGrace is how long a child has to end by itself, where Options.Grace does not say otherwise.
const DefaultGrace = time.Second

// Options say how a process is started. A nil *Options, and the zero value of each field, is the default.
// Options are read by the call that starts the process and not kept: one value may serve any number of starts.
type Options struct {
	// Name is shown by ps and in errors. The default is the last part of the function's or the role's name.
	// It must not hold control characters.
	Name string

	// Dir is the working directory of the child; the default is the parent's.
	Dir string

	// Env is the whole environment of the child, in the form "key=value"; nil means the parent's. The variables
	// with which this package marks its processes are set in either case.
	Env []string

	// Stdin is read by the child. Nil is the null device. A *os.File is passed as it is; anything else is copied
	// into a pipe by a goroutine that ends at the reader's end, or with the first write that fails after the exit of
	// the child: a Read that never returns keeps that goroutine.
	Stdin io.Reader

	// Stdout and Stderr take what the child writes. Nil is the parent's own. A *os.File is passed as it is; anything
	// else is fed from a pipe by one goroutine. A nil Stderr passes through the parent, so that its last part can be
	// shown in errors (see Process.StderrTail). When both hold the same writer, two goroutines may call its Write.
	Stdout io.Writer
	Stderr io.Writer

	// Niceness is added to the child's priority value, from -20 (favoured) to 19; 0 leaves it as the parent's. It is
	// set on the child's process group.
	Niceness int

	// Affinity lists the processors that the child may run on; empty means those of the parent.
	Affinity []int

	// Limits are set by the child before it runs anything of the program's but package initialisation.
	Limits []Limit

	// Detached starts a process that is to outlive its parent: it has a session of its own, is not told of the
	// parent's end, and is left alone by the parent's finalizers, by its guardian, and by the sweep after the exit of
	// a process that started it. Its Stderr, when nil, is the parent's without a tail.
	Detached bool

	// Cgroup is an open directory of cgroup v2, in which the child is started; nil means the parent's cgroup. It stays
	// the caller's. It takes Linux 5.7; elsewhere the start fails.
	Cgroup *os.File

	// Procs is GOMAXPROCS in the child, from its first instruction on. Commands that it runs do not inherit it, but what
	// Env says. 0 leaves Go's default.
	Procs int

	// MemoryLimit sets Go's soft memory limit, in bytes, in the child by call. 0 leaves Go's default.
	MemoryLimit int64

	// Grace is how long the child has to return and run its finalizers, counted from the moment when it was asked to
	// stop, was signalled, or lost its parent; what is left then is killed. 0 means DefaultGrace.
	Grace time.Duration
}

// Limit is one resource limit of a child, as setrlimit(2) takes it: unix.RLIMIT_NOFILE and the like, in that
// resource's own unit. RLIMIT_AS is refused, since the Go runtime reserves address space far beyond what it uses;
// Options.MemoryLimit is what serves there.
type Limit struct {
	Resource   int
	Soft, Hard uint64
}

// Clone returns a copy that shares no memory with o but its streams, nil for nil.
func (o *Options) Clone() *Options {
	if o == nil {
		return nil
	}
	c := *o
	c.Env, c.Affinity, c.Limits = slices.Clone(o.Env), slices.Clone(o.Affinity), slices.Clone(o.Limits)
	return &c
}

// Validate reports everything that is wrong with o, joined. A start does that by itself; it is for those who take
// options long before they start anything.
func (o *Options) Validate() error {
	if o == nil {
		return nil
	}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if strings.ContainsFunc(o.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		fault("Options.Name %q holds control characters", o.Name)
	}
	if o.Niceness < -20 || o.Niceness > 19 {
		fault("Options.Niceness %d is not in -20..19", o.Niceness)
	}
	for _, processor := range o.Affinity {
		if processor < 0 || processor >= maxProcessors {
			fault("Options.Affinity: no processor %d (0..%d)", processor, maxProcessors-1)
		}
	}
	for _, limit := range o.Limits {
		if err := checkLimit(limit); err != nil {
			fault("Options.Limits: %w", err)
		}
	}
	if o.Procs < 0 {
		fault("Options.Procs %d is negative", o.Procs)
	}
	if o.MemoryLimit < 0 {
		fault("Options.MemoryLimit %d is negative", o.MemoryLimit)
	}
	if o.Grace < 0 {
		fault("Options.Grace %v is negative", o.Grace)
	}
	for _, variable := range o.Env {
		if strings.IndexByte(variable, '=') < 1 || strings.IndexByte(variable, 0) >= 0 {
			fault("Options.Env: %q is not of the form key=value", variable)
		}
	}
	return errors.Join(faults...)
}

// orDefault returns o, or the defaults where it is nil.
func (o *Options) orDefault() *Options {
	if o == nil {
		return &Options{}
	}
	return o
}

func (o *Options) grace() time.Duration {
	if o.Grace == 0 {
		return DefaultGrace
	}
	return o.Grace
}
