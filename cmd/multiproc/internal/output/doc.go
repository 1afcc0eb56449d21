// Package output prints what commands wrote: each command's output whole and
// exactly once, standard output to one stream and standard error to another, in
// the order of the items or in the order in which they end.
//
// What has to wait for its turn stays in memory up to a limit in bytes, and is
// on disk in files without names above it. How much may wait is limited in
// items and in bytes as well: whoever delivers more is held up until the item
// whose turn it is has come, which is never held up itself.
package output
