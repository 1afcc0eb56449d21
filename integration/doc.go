// Package integration holds the tests that need more than one package or more than one process: lifecycles, crashes,
// orphans and leaks over real processes, and the rules that the whole repository keeps.
//
// There is nothing to import here. To run it all, or the rules alone:
//
//	go test ./integration
//	go test ./integration -run 'Layer|Source|Document'
//
// # The rules
//
// layering_test.go holds the table of which package may import what, and fails on any other edge of the import graph.
// sources_test.go limits the length of files and finds sleeps. documents_test.go follows the links of every Markdown file
// and compiles each complete program in one.
//
// # Processes
//
// A test of processes starts its children from this very test binary: TestMain dispatches a child to its role before
// any test runs. Each test waits for what it started and checks that nothing is left. Tests wait for events, never for
// time to pass.
//
// cpython_test.go is one more kind: it has the machine's python3 run CPython's own tests of its managers against ours, over
// the client in testdata/cpython, and cpython_cases_test.go is the table of what is not run, or differs.
//
// chaos_test.go kills and stops processes at random. MULTIPROC_CHAOS_SEED repeats what it did to whom, and
// MULTIPROC_CHAOS_TIME has it go on for so long. passing_table_test.go lets each end of each way of a proxy die.
package integration
