// Package command runs one user's command in a worker process and reports how
// it ended and what it wrote.
//
// The command gets /dev/null as standard input and a process group of its own.
// Output is kept in memory up to a limit and beyond it in files without a name
// that the parent has made, so that it is there for the parent when the worker
// has reported it, and nowhere when the worker was killed.
//
// A command that is out of time is ended together with all that it has started,
// also in sessions of their own: asked by SIGTERM, and killed soon after. What
// a command that has exited leaves running in the background may go on, but
// its output is waited for only a moment.
package command
