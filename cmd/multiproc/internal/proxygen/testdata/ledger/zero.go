package ledger

import "sync/atomic"

// Zero is of use as it is made.
type Zero atomic.Int64

// Add adds.
func (z *Zero) Add(n int64) int64 { return (*atomic.Int64)(z).Add(n) }
