// Package other has a part for a type of another package.
package other

type secret struct{ A int }

// A Part is embedded elsewhere.
type Part struct{}

// Tell cannot be called through a proxy.
func (Part) Tell(s secret) {}
