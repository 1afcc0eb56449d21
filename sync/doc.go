// Package sync shares locks, queues and containers between processes: what CPython's multiprocessing has as the types of
// a SyncManager. The objects live in a manager (see package manager), and each process has proxies for them. It is meant
// to be imported as mpsync:
//
//	import mpsync "github.com/multiproc-go/multiproc/sync"
//
//	m, err := manager.Start(ctx, nil) // in a process of its own
//	...
//	lock, err := mpsync.NewLock(ctx, m)
//	jobs, err := mpsync.NewQueue[Job](ctx, m, 128)
//	seen, err := mpsync.NewDict[string, int](ctx, m)
//	...
//	held, err := lock.Acquire(ctx)
//	if err != nil {
//		return err
//	}
//	defer held.Release()
//
// Any of these may be part of a task's argument or result, of a process's argument, or of what is stored in another one.
//
// # Types
//
//	here                          CPython
//	Lock, Held                    Lock: Acquire, TryAcquire, Release of what was acquired
//	RLock, Owner, Held            RLock, with an explicit owner in the place of the thread
//	Semaphore, BoundedSemaphore   the same
//	Condition                     the same, over a Lock, an RLock or a lock of its own
//	Event, Barrier                the same; a barrier's action is WaitAction
//	Queue, JoinableQueue          the same, and Close
//	Value, Array                  the same, and atomic Add, CompareAndSwap and Modify
//	List, Dict, Set, Namespace    the same, and atomic compound operations
//
// Constructors make anonymous objects, or with [Named] find one by its name: that is how programs which are not each
// other's children meet at one lock.
//
// # What is promised
//
// Those who wait are served in the order in which they came, whichever process they are in.
//
// A call whose context ends is taken back exactly: no grant, item or notification goes to somebody who has left, and one
// that was given before the end of the context was known is returned with a nil error.
//
// A process that ends, by whatever signal or normally, lets go of everything. Its lock goes to the next one, which learns
// of it from Held.OwnerDied; its units of a semaphore become free; a barrier that it waits at breaks; a notification that it
// was given goes to another, unless it has released the lock since; an item of a queue that had not arrived, or was not done
// in a JoinableQueue, goes back to the head and is marked as delivered before. All of this follows from the end of its session, which the manager notices
// at once. A process that is stopped, or does not read, delays nobody but those who wait for what it holds.
//
// A process whose manager dies gets manager.ErrManagerLost, from every call, pending or later, and Held.Lost is closed.
// What guards something outside against a holder that does not know this yet is Held.Fence.
//
// # Passing on
//
// All types but Held, Owner and Item may be part of any value that goes to another process. What arrives is a proxy of
// that process for the same object: both ends use the same element types, being the same binary. The object lives as long
// as somebody refers to it: a proxy anywhere, a message on its way, or another object of the same manager that it is
// stored in. Proxies in one another's objects, in a circle, are never collected.
//
// Each type has the methods of [manager.Proxy]. Close lets go of a reference; where that is forgotten, the garbage
// collector does it some time. In a value of type any, what arrives is a *manager.Proxy, of which manager.As makes one of its own
// type. Clone makes another reference to the same object. (The queues have a Close of their own,
// which ends the queue for everybody: theirs is Proxy.Close.) What is held is released before its lock is closed.
//
// # Elements
//
// Elements may be of any type that package wire can encode; constructors refuse others. The manager keeps them encoded,
// and never runs code of theirs. Where elements are compared, two are equal when their encodings are: that is when Go has
// them equal, maps and slices included, but for floats, where NaN equals itself and 0 does not equal -0.
//
// What a call takes or returns is one message, of at most manager.Options.MaxMessage bytes; of a container that is larger as
// a whole, snapshots and All fail, and so do Keys, Values and Items. It is read in parts: a list or an array by Slice, a
// dictionary by its Keys and Get. Snapshots and All are in this process's memory whole.
//
// # Concurrency
//
// Everything is safe for concurrent use, and any number of goroutines may wait at once. Every call but those that say
// otherwise asks the manager, and blocks until it has answered or the context ends; what may wait longer says for what.
//
// # Errors
//
// Errors wrap the variables of this package and package manager, or are what the context ended with; test them with
// errors.Is. In CPython, most of the former are a ValueError, RuntimeError or KeyError.
package sync
