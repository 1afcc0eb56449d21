package pool

import "context"

// Runner is where functions run: a *Pool of this process, or a *Hosted one, which lives in a manager. The two differ in
// whose they are and in how far away, not in what becomes of a task. There are no others.
type Runner interface {
	// settings are the pool's options. They are the defaults until admissible has returned nil.
	settings() *Options
	// admissible reports why a new call is refused, nil when it is not.
	admissible(ctx context.Context) error
	// begin announces a source of many tasks, which Shutdown lets come to its end; with an error it is too late.
	begin(ctx context.Context) error
	// end withdraws what begin announced. It does not block.
	end()
	// submit puts the tasks of one job into the queue: all or, with an error, none. It blocks while the queue is full.
	submit(ctx context.Context, tasks []task) error
	// submitOne is submit for one task. An error may also come as the task's outcome.
	submitOne(ctx context.Context, t task) error
	// cancel ends the tasks of a job that was cancelled. It does not block.
	cancel(j *job, cause error)
	// callback runs fn in a goroutine that Shutdown waits for.
	callback(fn func())
	// readAhead is how many inputs of an Iterator may be under way or not yet taken.
	readAhead() int
}

var _ Runner = (*Pool)(nil)

func (p *Pool) settings() *Options { return p.options }
