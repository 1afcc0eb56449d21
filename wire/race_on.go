//go:build race

package wire

import "sync/atomic"

// exchanged tells the race detector what it cannot see where both ends are in one process: that what was published in one
// mapping happened before it was seen in the other.
var exchanged atomic.Uint64

func tellPublished() { exchanged.Add(1) }

func tellSeen() { exchanged.Load() }
