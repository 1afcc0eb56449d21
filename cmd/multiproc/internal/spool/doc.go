// Package spool keeps output that is too large for memory in files that have
// no name, so that nothing is left in the temporary folder whoever dies and
// however.
//
// A File is made by the parent, without a name from the start; a worker opens
// it through the Handle that its task carries and writes to it. When the worker
// is killed the parent drops what it wrote; when the parent is killed the file
// is gone with the last process that has it open.
//
// A Spill is where the parent itself puts what has to wait for its turn.
package spool
