// Package stdio reads and writes streams that belong to others (a terminal, a
// pipe from or to another program) in such a way that a call which is blocked
// there can be ended from inside this program.
//
// A blocked read(2) or write(2) on an inherited descriptor cannot be
// interrupted, and making the descriptor non-blocking would change it for every
// other process that shares it. So each call first waits with poll(2) for the
// stream or for a Stop, and then asks for no more than cannot block.
package stdio
