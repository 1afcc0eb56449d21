// Package spawn starts processes of the program that calls it: the same binary, run again to do one thing.
//
//	var resize = spawn.Register(resizeImage) // func(context.Context, Job) error
//
//	func main() { spawn.Main(run) } // in a child process, run is never reached
//
//	func run(ctx context.Context) error {
//		p, err := resize.Start(ctx, Job{File: "a.png"}, &spawn.Options{Name: "resizer"})
//		if err != nil {
//			return err
//		}
//		return p.Wait(ctx)
//	}
//
// The first line of main is [Main]; the body of a TestMain is [TestMain]; a program that is to keep its own main calls
// [Init] in its first line. Each of them finds out whether this process is a child, and if it is, runs what the child
// was started for and exits. A program without one of them gets [ErrNotInitialized] instead of processes.
//
// A child is told what to do over a pipe, not by arguments or the environment. The function is known by its name, so it
// has to be registered while packages initialise: [Register] panics afterwards, since a child would never run that line.
// Its argument is encoded by package wire; pipe ends made by [Pipe] and proxies may be in it.
//
// # Life and death of a child
//
// [Entry.Start] returns when the child has its argument and is about to call the function, or with the reason why that
// did not happen. From then on the [Process] tells when the child has exited ([Process.Done]), how ([Process.Wait],
// [*ExitError]), and what it said last ([Process.CrashOutput], [Process.StderrTail]).
//
// A child has its own process group, in the parent's session, and the null device as stdin. It notices the death of its
// parent, even by SIGKILL, by the pipe that it was started over. Its context then ends, as it does when the parent asks
// it to stop or a signal arrives, and it has [Options.Grace] to return; after three quarters of that its finalizers
// run in any case, and at the end it exits.
//
// When a child has exited, whatever it had started is killed: the rest of its process group, and every process below its
// mark (see package finalize), also in other sessions. [Process.Swept] tells when that is done. For what no child can do
// itself, because it is stopped or hangs, the program has one guardian: a small process which, when the program is gone
// without having ended its children, gives them half of their grace period, sends SIGTERM, and at the end of the period
// SIGKILL, until nothing is left. One that dies while there are children is replaced.
//
// # Concurrency
//
// Everything here is safe for concurrent use, except where a comment says otherwise. A child costs the parent no thread;
// it has one goroutine, and one more for each of stdin, stdout and stderr that is not a *os.File (stderr that is nil
// included). All of them end after the child. One goroutine more serves the guardian while there are children.
//
// # Errors
//
// [*StartError] is a child that did not get ready, [*ExitError] one that did not exit with status 0; both print as one
// line and hold the rest. [ErrNotInitialized] and [ErrEnding] say that the program cannot start any. The cause of a
// child's context is [ErrParentLost], [ErrStopRequested] or a [*SignalError].
//
// # Shutdown
//
// [Process.Shutdown] ends one child with no more force than it takes. A program that returns from run, or was signalled
// (see [MainWith]), does so with all that are left, by a finalizer of priority finalize.PriorityProcess.
//
// # Descriptors
//
// A child inherits its standard streams, two pipes, a memory file that takes the output of a crash, and the files or
// pipe ends passed to it; commands that it runs inherit only the standard streams. SIGPIPE ends no child: writing to the
// pipe of a dead parent is an error like any other. A child whose code asks os/signal for SIGPIPE, and then for no more of
// it (signal.Stop, signal.Reset), may be ended by it from then on.
//
// # Platforms
//
// Linux has all of it. Elsewhere there is no memory file for a crash, no affinity, and what has left its process group
// cannot be found.
package spawn
