//go:build !linux

package spawn

// setProcessName has nothing to call here: ps shows argv.
func setProcessName(string) {}
