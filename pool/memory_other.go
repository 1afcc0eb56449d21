//go:build !linux

package pool

// canSample says that finalize.Census does not work here.
const canSample = false
