// Package bench measures multiproc beside its limits and its peers: the multiproc bench command.
//
// A Workload is something that several systems can do. Before it is measured, every system is set up for it; then they
// take turns, one run each, so that whatever else the machine does meets all of them alike. The first turn is not
// counted. What is compared are figures of one such run, never of different ones.
//
// Systems are multiproc itself; limits, which are the least that the machine needs for such a thing (a ping-pong over a
// raw socket, a bare re-exec of the same binary, a channel in one process, a copy in memory); and peers, each of which is
// left out with a message where it is not at hand: CPython's standard library (peers/python3.py), net/rpc between
// processes, and pond (peers/pond, a module of its own, built where there is a Go toolchain and its source).
//
// # How it is made
//
// catalogue.go and growth.go are the tables of workloads, choice.go picks from them, measure.go takes turns, table.go,
// document.go and result.go print. product_*.go are multiproc's own parts; limits.go, netrpc.go and driver.go (with
// python3.go and pond.go) are what it is compared with.
package bench
