//go:build !linux

package pool

func processor() uint64 { return 0 }

func changeProcessor() {}
