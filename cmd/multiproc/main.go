package main

import (
	"context"
	"os"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/bench/helper"
	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/command"
	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/spawn"
)

// runCommand is the task that worker processes run.
var runCommand = pool.RegisterNamed("multiproc.runCommand", command.Run)

func init() {
	pool.RegisterError("multiproc.cut-short", command.ErrCutShort)
}

func main() {
	helper.Main()
	// Only a second signal ends what is running.
	spawn.MainWith(&spawn.MainOptions{Grace: -1}, func(ctx context.Context) error {
		return execute(ctx, os.Args[1:])
	})
}
