// Package manager shares objects between processes. The objects live in a manager, which is a process of its own or a
// part of one; everybody else has proxies for them, and any of those processes may die at any moment.
//
// Package sync has the objects that most programs need: locks, queues, dictionaries. This package is for sharing values
// of Go types of one's own, and what everything shared stands on.
//
//	var counters = manager.RegisterGo("counter", newCounter, nil) // func(context.Context, int) (*counter, error)
//
//	func run(ctx context.Context) error { // of spawn.Main
//		m, err := manager.Start(ctx, nil)
//		if err != nil {
//			return err
//		}
//		defer m.Close()
//		hits, err := counters.New(ctx, m, 0, nil)
//		if err != nil {
//			return err
//		}
//		defer hits.Close()
//		n, err := manager.Call[int](ctx, hits, "Add", 1) // here, or in any process that gets hits
//		...
//		return m.Shutdown(ctx)
//	}
//
// # Managers
//
// Start runs a manager in a process of its own. A Server is one in this process. Connect opens a session with one that
// runs already, also of another program. A manager listens on a Unix socket that only processes of this user can reach,
// or on TCP, where it needs an encryption (RegisterSecurity) or to be told that it may do without. Both ends prove to
// each other that they have the same key, before anything else is sent. By default that is a random one that the
// processes of a program share; they get it over the pipe that they are started by.
//
// A manager serves every type that its binary registers, while packages initialise: RegisterGo makes an object type of a
// Go type, and RegisterType is for those that have calls wait for one another, as locks do.
//
// # Sessions
//
// A client's connection is one session, which any number of goroutines use at once: a call that waits delays no other,
// of this or any other session, and a client that has stopped or does not read delays its own session alone. The calls of
// a session begin in the order in which they have arrived: those that goroutines make at the same time have none.
//
// What a client has belongs to its session: references, what it holds, its place in queues. When the session ends,
// because the client closes it, dies or is cut off, the manager takes all of that back at once. When the manager dies,
// every pending and later call fails with ErrManagerLost, and so does what sends, receives or decodes its proxies. A lost
// session stays lost: connect again, and make or find the objects again.
//
// # Proxies
//
// A Proxy keeps its object alive, and may travel: in the argument of a process or a task, in a task's result, in a
// message of a shared queue, or stored in any other object of the same manager (ErrForeignProxy otherwise). What arrives
// is a proxy of the receiver's own, valid whatever the sender does after having sent it: close its own, or be killed.
// Whoever decodes a proxy closes it; the garbage collector does so in the end, but in a process with little to do that
// can take long.
//
// A child process opens its one session with a manager when it decodes the first proxy of it, and takes its references to
// all proxies in an argument with one call, before its parent hears that it is ready. A child's result is on its way
// until it has arrived, or, if the child dies, for Options.TransitGrace more; other messages with the same object change
// nothing about that. Of several sessions with one manager, a proxy that comes out of a shared object belongs to the one
// that it came over, any other to the oldest.
//
// An object is collected when no session and no other object refers to it. Objects that refer to each other in a circle
// never are. A named object (ObjectOptions) is found by everyone who creates it with the same name, type, argument and
// options, and a pinned one lives as long as its manager.
//
// # Concurrency
//
// Everything is safe for concurrent use. Methods of a registered Go type run in goroutines of their own, at the same
// time, so the type has to be safe for concurrent use as well.
//
// # Errors
//
// What a method returned or panicked with is a *wire.RemoteError, of which errors.Is finds sentinels that the program
// has registered with wire.RegisterError, and %+v shows the stack there. The sentinels of this package say what is wrong
// with a call itself. A call whose context ends is cancelled, and returns what the manager says about it: nil if it was
// carried out before that. A manager that says nothing for Options.VerdictTimeout is lost.
//
// # Shutdown
//
// Manager.Shutdown ends a manager with no more force than it takes, and Close at once; both leave no process, socket or
// directory. The finalizers of a program do the former with what is left (finalize.PriorityManager), and a manager whose
// owner dies ends by itself.
package manager
