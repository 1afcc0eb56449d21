// Package state holds the shared types as plain state machines: what a lock, a queue or a list does at each call, and
// nothing else. Nothing here does input or output, starts a goroutine, looks at a clock or takes a mutex, so that every
// history of calls can be tried in a test. Whoever owns a machine guards it with one mutex.
//
// A call that may have to wait is a wait: [LockWait], [Wait], [BarrierWait], [QueueWait]. The caller makes one, passes it
// to the machine, and later finds it among those that the machine's Answered returns, once, with its answer filled in.
// An operation may answer any number of waits, its own among them; so Answered is to be called after each one.
//
// Waits are served in the order in which they came. Cancel takes a wait out of its queue and answers it with
// context.Canceled; a wait that was answered before stays so, and Cancel leaves it alone: no grant, item or notification
// goes to somebody who has left. EndSession removes all that a session holds and waits for; its waits are not answered.
package state
