// Package items reads the items that a command is run for, one at a time and
// never more than one read buffer ahead, so that the input may be endless and
// larger than memory.
//
// In line mode an item is what stands between two newlines: an empty line is
// an empty item, a carriage return before the newline belongs to the item, and
// a last line needs no newline. In NUL mode an item is what stands between two
// NUL bytes, newlines included.
//
// What cannot be an argument of a command (an item with a NUL byte in it, or
// one longer than MaxLength) is still an item, with the reason in Item.Err, so
// that it is counted and reported like any other.
package items
