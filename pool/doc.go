// Package pool runs functions in worker processes.
//
// A worker is this program started again. Functions are registered in package-level variables, so that every
// process of the program knows them, and are called by the handle that Register returns:
//
//	var thumbnail = pool.Register(makeThumbnail) // func(context.Context, Job) (Thumb, error)
//
//	func main() { spawn.Main(run) } // in a worker, run is never reached
//
//	func run(ctx context.Context) error {
//		p, err := pool.New(ctx, &pool.Options{Workers: 8, TaskTimeout: 10 * time.Second})
//		if err != nil {
//			return err
//		}
//		defer p.Close()
//		for thumb, err := range thumbnail.IMap(ctx, p, jobs).All() {
//			...
//		}
//		return p.Shutdown(ctx)
//	}
//
// Apply runs one task and waits; ApplyAsync does not wait. Map runs a slice of inputs; IMap and IMapUnordered
// run a sequence, which may be endless, and yield results as they come. Nobody tunes a chunk size: how many
// tasks travel together, and how many are sent ahead of a worker, follows from how long they take.
//
// A task tells how far it has come by ReportProgress; WithProgress, AsyncResult.Progress and Stats pass that on.
// What it logs is passed to the pool's Logger with Options.ForwardLogs; see LogHandler.
// WithTrace and RegisterPropagator have a trace follow the caller's context into the task's.
//
// # In a manager
//
// A Hosted is a pool in a manager, which several processes share; wherever a function's method takes a Runner, it takes
// that as well as a *Pool:
//
//	h, err := pool.NewHosted(ctx, m, &pool.Options{Workers: 8}, nil)
//	...
//	thumb, err := thumbnail.Apply(ctx, h, job)
//
// It is passed to another process as part of any value. A client that dies takes its own tasks with it and nobody
// else's. ApplyShared, IMapShared and IMapSharedSeq leave results in the manager, as shared objects that any process can
// ask.
//
// # When things die
//
// The pool knows of each task whether a worker has begun it, because a worker marks that in memory that it
// shares with its parent before it runs the task, and publishes the result there. When a worker dies, the task
// it was running, and that one alone, fails with *WorkerLostError; results it had published are delivered, and
// the rest is run by other workers. The pool starts a new worker in its place. A task past its deadline, or
// cancelled, has its context cancelled; one that takes no notice is ended with its worker and with everything
// the worker had started; so is one whose worker uses more memory than MaxMemory, whatever it is doing. A worker that was stopped (SIGSTOP) keeps no task but the one it had begun.
//
// A function whose user declares it idempotent, by Function.Idempotent or Function.WithRetry, may have its tasks run again: see
// Retry. No other task is ever run twice.
//
// Every submitted task ends in exactly one Outcome. Stats counts them.
//
// # Concurrency
//
// All types are safe for concurrent use. A worker runs one task at a time. On Linux one that gets large payloads may move to
// another of the processors that it may run on, when it shares one with its parent.
//
// # Memory
//
// A []byte of 256 KiB or more that a task has returned lies in memory that the pool uses again for another such result when nobody
// refers to it any more: 128 MiB at most, and what it has had no use for for a second it gives up. It has a finalizer for
// that, beside which runtime.SetFinalizer allows no other. In a program with a memory limit (GOMEMLIMIT) it has none.
//
// A worker whose tasks have arguments of some hundred KiB and more lets up to 64 MiB of garbage gather while they follow upon one
// another, and 16 MiB while they come one at a time, and gives that back when it has been idle for a second. Where its memory is
// limited, by Options.MaxMemory, MemoryLimit or GOMEMLIMIT, it gathers none on purpose, and in a container no more than a sixteenth
// of the memory that this is allowed (by its cgroups): none below 256 MiB. Memory that both ends share for such
// payloads is 64 MiB for each worker at most, as far as it is used.
//
// # Errors
//
// What a task returns reaches its caller as *RemoteError, with the message, the codes of the sentinels that it
// wraps (see RegisterError), and after a panic the worker's stack. ErrTaskTimeout, *WorkerLostError, *MemoryLimitError,
// *RetryError around the last of several, ErrPoolBroken, ErrClosed and ErrTaskTooLarge are the pool's own; ErrCutShort is an Iterator's, ErrNotReady an
// AsyncResult's, ErrOtherBuild and those of package manager a Hosted's.
//
// # Shutdown
//
// Shutdown runs what was submitted and lets the workers leave; Close ends everything at once. Both return when
// no process is left. A pool that nobody ended is closed when spawn.Main leaves.
package pool
