// Package finalize ends things: what a program has to do before it exits, and
// the processes that it started.
//
// # Finalizers
//
// A finalizer is a function that runs once before the process exits, by
// descending priority. Whoever makes something that outlives a crash of its
// user (a socket file, a child process, a temporary folder) registers how to
// remove it:
//
//	f := finalize.Register(finalize.PriorityFiles, func(ctx context.Context) error {
//		return os.RemoveAll(dir)
//	})
//
// [Run] calls them all; [Finalizer.Call] calls one early, and never a second
// time. A finalizer that hangs is left behind after its share of the time and
// one that panics is reported as a [*PanicError]: neither keeps the others from
// running. [AfterFork] and [RunAfterFork] are the counterpart at the beginning
// of a child process.
//
// # The ladder
//
// A [Ladder] ends one process with no more force than it takes: it asks, sends
// SIGINT, then SIGTERM, then SIGKILL, and waits a while on each rung. Its
// [Report] says which rung was needed.
//
//	child := finalize.Reap(process) // waits for the process, from now on
//	report, err := finalize.DefaultLadder().Run(ctx, child)
//
// # Process trees
//
// A [Tree] describes a process together with all that it started, and kills
// them. Parent pids alone do not show who they are: as soon as a process dies,
// its children are pid 1's. So every child is started with a mark in its
// environment ([MarkVariable], [NewMark]), which whatever it starts inherits,
// through double forks, new sessions and the deaths of those between.
// [Tree.Members] says what belongs to a tree, and why one look at /proc is
// not always enough.
//
//	tree := finalize.Tree{Roots: []finalize.Identity{id}, Marks: []string{mark}}
//	killed, err := tree.Kill(ctx)
//
// A [Census] tells who belongs to many trees, and how much memory they use, in one
// pass.
//
// A process is known by its [Identity], pid and start time, and signals go
// through a pidfd whose identity has been verified: a pid that the kernel has
// given to another process is never shot.
//
// # Concurrency
//
// Everything here is safe for concurrent use. Nothing here waits for "any
// child", changes signal handlers, or starts a goroutine while packages
// initialise.
//
// # Errors
//
// [*PanicError] is a finalizer or hook that panicked, [ErrAbandoned] one that
// did not return, [*SurvivorsError] a tree that could not be killed whole, and
// [ErrStillRunning] a ladder's target that outlived its last rung.
// [os.ErrProcessDone] says, as in package os, that a process is gone; a zombie
// counts as gone.
//
// # Platforms
//
// Linux has all of it. Elsewhere process identities carry no start time, and a
// tree is its roots and its process groups.
package finalize
