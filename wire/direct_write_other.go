//go:build !unix

package wire

// writesDirectly says that writeOnce does nothing.
const writesDirectly = false

func writeOnce(uintptr, []byte) int { return 0 }
