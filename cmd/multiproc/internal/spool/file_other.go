//go:build !linux

package spool

import "os"

// create makes a file with a name, since that is the only way to open it from
// another process here.
func create(dir string) (*os.File, string, error) {
	f, err := os.CreateTemp(dir, "multiproc-")
	if err != nil {
		return nil, "", err
	}
	return f, f.Name(), nil
}

func remove(path string) { os.Remove(path) }
