package pool

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/multiproc-go/multiproc/spawn"
	"github.com/multiproc-go/multiproc/wire"
)

// hostedOptions are the Options that travel.
type hostedOptions struct {
	Name                                string
	Workers, Procs, MaxTasksPerChild    int
	MemoryLimit, MaxMemory              int64
	Cgroup, Initializer                 string
	Argument                            []byte
	TaskTimeout, Grace, StartTimeout    time.Duration
	QueueTasks, StartFailures           int
	QueueBytes, ResultBytes, MaxPayload int64
	Spawn                               *hostedSpawn
}

// hostedSpawn are the options of spawn that travel.
type hostedSpawn struct {
	Dir      string
	OwnEnv   bool // Env is not nil
	Env      []string
	Niceness int
	Affinity []int
	Limits   []spawn.Limit
}

// appendHostedOptions encodes o, which may be nil, or returns every fault of it.
func appendHostedOptions(o *Options) ([]byte, error) {
	if o == nil {
		o = &Options{}
	}
	faults := []error{o.validate()}
	if o.Logger != nil {
		faults = append(faults, errors.New("pool: Logger is set; a hosted pool has none, because it is in another process: ask its Stats"))
	}
	if o.ForwardLogs != nil {
		faults = append(faults, errors.New("pool: ForwardLogs is set; a hosted pool has no Logger to forward to"))
	}
	cgroup := o.Cgroup
	if cgroup != "" {
		absolute, err := filepath.Abs(cgroup)
		cgroup, faults = absolute, append(faults, err)
	}
	s, err := travelling(o.Spawn)
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, err
	}
	t := hostedOptions{
		Name: o.Name, Workers: o.Workers, Procs: o.Procs, MaxTasksPerChild: o.MaxTasksPerChild, MemoryLimit: o.MemoryLimit,
		MaxMemory: o.MaxMemory, Cgroup: cgroup,
		TaskTimeout: o.TaskTimeout, Grace: o.Grace, StartTimeout: o.StartTimeout, QueueTasks: o.QueueTasks,
		StartFailures: o.StartFailures, QueueBytes: o.QueueBytes, ResultBytes: o.ResultBytes, MaxPayload: o.MaxPayload,
		Spawn: s,
	}
	if o.Initializer != nil {
		t.Initializer, t.Argument = o.Initializer.name, o.Initializer.argument
	}
	return wire.AppendValue(nil, t)
}

// travelling returns what is to travel of spawn's options, or what cannot.
func travelling(o *spawn.Options) (*hostedSpawn, error) {
	if o == nil {
		return nil, nil
	}
	if o.Stdout != nil || o.Stderr != nil {
		return nil, errors.New("pool: Spawn.Stdout or Spawn.Stderr is set; a hosted pool's workers write where the manager does")
	}
	if o.Cgroup != nil {
		return nil, errors.New("pool: Spawn.Cgroup is set; an open directory cannot be passed to the manager")
	}
	s := &hostedSpawn{
		Dir: o.Dir, OwnEnv: o.Env != nil, Env: o.Env, Niceness: o.Niceness, Affinity: o.Affinity, Limits: o.Limits,
	}
	if s.Dir != "" {
		var err error
		if s.Dir, err = filepath.Abs(s.Dir); err != nil {
			return nil, fmt.Errorf("pool: Spawn.Dir: %w", err)
		}
	}
	return s, nil
}

func readHostedOptions(encoded []byte) (*Options, error) {
	var t hostedOptions
	if _, err := wire.DecodeValue(encoded, &t); err != nil {
		return nil, errors.Join(errHostedMessage, err)
	}
	o := &Options{
		Name: t.Name, Workers: t.Workers, Procs: t.Procs, MaxTasksPerChild: t.MaxTasksPerChild, MemoryLimit: t.MemoryLimit,
		MaxMemory: t.MaxMemory, Cgroup: t.Cgroup,
		TaskTimeout: t.TaskTimeout, Grace: t.Grace, StartTimeout: t.StartTimeout, QueueTasks: t.QueueTasks,
		StartFailures: t.StartFailures, QueueBytes: t.QueueBytes, ResultBytes: t.ResultBytes, MaxPayload: t.MaxPayload,
	}
	if t.Initializer != "" {
		o.Initializer = &Initializer{name: t.Initializer, argument: t.Argument}
	}
	if s := t.Spawn; s != nil {
		o.Spawn = &spawn.Options{Dir: s.Dir, Niceness: s.Niceness, Affinity: s.Affinity, Limits: s.Limits}
		if s.OwnEnv {
			o.Spawn.Env = append([]string{}, s.Env...)
		}
	}
	return o, nil
}
