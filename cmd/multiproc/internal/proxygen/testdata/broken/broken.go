// Package broken does not compile.
package broken

type Thing struct{}

func (Thing) Use(m missing.Type) {}

func (Thing) Fine() int { return undefined }

type Other struct{}

func (Other) Fine() int { return alsoUndefined }
