// Command multiproc runs commands in worker processes, writes proxies for Go types that processes share, and measures.
//
//	multiproc map [flags] -- COMMAND [ARG...] [::: ITEM...]
//	multiproc proxy -type T [flags]
//	multiproc bench [NAME...] [flags]
//	multiproc version
//
// The flags of map stand before the command.
//
// Map runs COMMAND once for each item: each line of standard input, or of a
// file (--items FILE), or each ITEM; with -0 items end with a NUL byte instead.
// {} in any argument stands for the item; with no {} the item is the last
// argument. No shell comes in between:
//
//	find . -name '*.go' | multiproc map -- sha256sum {}
//	multiproc map -j 4 --timeout 30s -- convert {} {}.jpg ::: *.png
//
// # Items
//
// A line is an item whatever is in it: nothing, blanks, a leading dash, a
// carriage return at its end. The last one needs no newline. An item with a NUL
// byte in it, or of more than 131071 bytes, cannot be an argument: it fails with
// a message and the others go on. One item is read ahead of those that run, and
// one buffer of input, so the input may be endless.
//
// # Output
//
// What a command writes is printed when it has ended: whole, once, standard
// output and standard error each on their own stream, in the order of the items
// (--unordered: as they end). Output of more than 64 KiB on one stream is in a
// file without a name in the temporary folder ($TMPDIR, or /tmp) from when the
// command writes it; smaller output is in memory. While it waits for its turn
// it stays there, but for what is over 16 MiB in memory, or over 64 such files:
// that is moved to common files without names in the same folder. An item whose
// output finds no room there fails, with a message that names the folder; so
// does one with large output when there is no such folder. When 1 GiB
// or the outputs of 65536 items wait, commands that end are held up until the
// one whose turn it is has ended. Of several attempts (--retries) the last one
// is printed. What a command that was out of time had written is printed; what
// one had written whose worker died is not.
//
// Commands have /dev/null as standard input. Output that comes more than a
// second after a command has exited, from what it left in the background, is cut
// off with a message, and what is left running when all is done is killed.
// Commands are in process groups of their own, so they cannot ask anything at
// the terminal.
//
// # Outcomes
//
// Each item ends in one way, which --joblog writes down in one row, as it ends,
// and the summary on standard error counts if not all were done. It ends with
// how many items were not begun, or that the input was not read to its end, if
// that is so. How an item failed or was out of time is said after its output
// for the first 20 of them, and the others are counted before the summary; that
// one was lost is always said.
//
//	done       the command exited with status 0
//	failed     it exited otherwise, died of a signal, or could not be run
//	           (exit 127: not found; 126: not executable, or no argument)
//	timeout    it ran longer than --timeout: it and all it had started, also in
//	           sessions of their own, got SIGTERM and half a second later SIGKILL
//	           (if its worker process does not answer, the two are ended from
//	           outside, no later than about 4 seconds after the timeout)
//	lost       its worker process died, and took the command with it
//	cancelled  it was killed because the whole run was ended
//
// --retries N runs what failed, timed out or was lost up to N times more. With
// --fail-fast nothing more is started after an item has failed for good; what
// runs then is not killed.
//
// The job log has a header and the columns seq (from 1), start (RFC 3339,
// local time), seconds, exit (-1: none; 128+n: signal n), signal (0: none, or not
// known), outcome and item, separated by tabs. It may not be the file that is read or one of the standard streams.
// In the item, backslash, tab, newline and carriage return are written
// \\, \t, \n and \r. Items that were not begun have no row.
//
// # Signals and exit status
//
// After a first SIGINT, SIGTERM or SIGHUP nothing more is started and what runs
// is waited for; a second one kills it. So does SIGQUIT at once. Then what is
// done is still printed in its order, until a third signal comes or no stream
// takes any of it for a second; of how many items the output was not printed is
// said (after a third signal the program may be gone before). When the parent itself is killed, its
// workers and their commands end within two seconds, and no file is left.
//
//	0    all commands succeeded, or there were no items
//	1    any did not succeed, or the run could not go on
//	2    wrong usage; nothing was started
//	129  SIGHUP
//	130  SIGINT
//	131  SIGQUIT
//	141  nobody reads standard output any more; what ran was killed
//	143  SIGTERM
//
// A standard stream that is closed when the program starts (>&- in a shell) is /dev/null to it: Go's runtime opens that in its
// place, before anything of the program runs, in the same way as many programs do that want no output. So nothing is said of it.
//
// # Proxies
//
// Proxy reads the Go package in the current folder and writes one more file of it, for values of T that live in a
// manager (see package manager): TProxy, which calls T's methods from any process, a constructor, and what registers T
// with every manager of the program, with a table that calls the methods without reflection. It is meant for go
// generate:
//
//	//go:generate go run github.com/multiproc-go/multiproc/cmd/multiproc proxy -type Counter
//	type Counter struct{ ... }
//
// T's values are made by the function newT or NewT, whose arguments become those of NewTProxy, or else are zero. Names
// are exported where T is. What cannot be called from another process is told, all of it, each with file and line, and
// then nothing is written: methods that take or return channels, functions, interfaces with methods, unexported types,
// or structs with such parts; several results; generic types. --methods chooses among the methods, --shared names
// those whose result becomes a shared object of its own. multiproc proxy --help has the other flags.
//
// # Benchmarks
//
// Bench does a number of workloads by multiproc, by what limits it on this machine (a raw socket between processes, a
// bare re-exec of this binary, a channel, mutex or copy in one process), and by its peers (--against): python3 is
// CPython's multiprocessing with processes started by fork, netrpc is net/rpc between processes, pond a library of goroutine pools. Peers that are not at
// hand are left out with a message; pond's program is built from the source of this repository, by the Go toolchain.
//
// The systems of one workload take turns, --runs N times after one turn that is not counted. The table on standard
// output has the median, the least and the greatest figure of each, and how many times better multiproc's median is.
// --json FILE writes an array of objects with workload, system, unit, median, min, max and runs; --report FILE writes
// Markdown with a description of the machine, and keeps what FILE had below the heading Remarks. Both are written at the
// end, whole or not at all. --scale F does F times the operations in each run.
//
// NAME is a workload or a group: goals (the default), growth (how costs grow with workers, sessions, processes, payloads,
// queued tasks and locks), or all; multiproc bench --help lists them. A wrong name or flag is refused before anything starts.
// A signal ends all that was started; then nothing is written. The exit status is 0, 1 if anything failed, 2 for wrong
// usage, or 128 and the signal's number.
//
// # How it is made
//
// In the order in which an item goes: cli.go, arguments.go and plan.go turn the
// command line into a plan; run.go opens the streams and waits for the work, a
// signal, or the end of whoever reads; ending.go bounds the printing after a
// second signal; mapper.go starts the pool and hands out items; lane.go
// has one running and one verdict at a time for each worker; verdict.go and
// tally.go say what became of it. Package internal/command is what runs in the
// worker. The other internal packages are items (reading), argv (arguments),
// spool and output (keeping and printing), stdio (streams that can be given
// up), joblog and progress. proxygen.go is all of multiproc proxy but for package
// internal/proxygen, and bench.go of multiproc bench but for internal/bench.
package main
