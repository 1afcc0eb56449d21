package pool

// ExitCause is why a worker is gone.
type ExitCause string

// The causes.
const (
	ExitCrashed    ExitCause = "crashed"      // it ended by itself, or somebody else has killed it
	ExitTasks      ExitCause = "tasks"        // it had run MaxTasksPerChild tasks
	ExitAge        ExitCause = "age"          // it had reached MaxAge
	ExitIdle       ExitCause = "idle"         // it had nothing to do for IdleTimeout
	ExitResized    ExitCause = "resized"      // Resize has made the pool smaller
	ExitTimedOut   ExitCause = "timed out"    // its task took no notice of its deadline, or is to be run again
	ExitCancelled  ExitCause = "cancelled"    // its task took no notice of its cancellation
	ExitMemory     ExitCause = "memory limit" // it used more than MaxMemory
	ExitBroken     ExitCause = "broken"       // it stopped taking tasks, or corrupted the memory that it shared with the pool
	ExitNotStarted ExitCause = "not started"  // it was never ready
	ExitSurplus    ExitCause = "surplus"      // a spare that nobody needed any more, or that was too old
	ExitShutdown   ExitCause = "shutdown"     // the pool has ended
)
