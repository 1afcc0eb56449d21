//go:build !amd64 || race || msan || asan

package pool

// copyPast is copy, and could be faster to memory that is in no cache.
func copyPast(dst, src []byte) { copy(dst, src) }
