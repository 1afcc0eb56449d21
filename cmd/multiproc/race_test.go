//go:build race

package main

// raceEnabled makes the binary under test watch for races as the test does.
const raceEnabled = true
