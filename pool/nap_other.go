//go:build !linux

package pool

import "time"

// sleepNap blocks for napTime.
func sleepNap() { <-time.After(napTime) }
