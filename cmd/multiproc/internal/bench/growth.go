package bench

import "fmt"

// Names of groups of workloads.
const (
	groupGoals  = "goals"
	groupGrowth = "growth"
	groupAll    = "all"
)

// A curve is one kind of work at growing sizes; its workloads are named after it and the size.
type curve struct {
	name      string
	workloads []Workload
}

// growth is how multiproc's costs grow. Figures are for one task, call, worker or lock, so that a curve is flat where the
// cost is proportional to the work; only payload is to be compared with the size of the payloads.
func growth() []curve {
	return []curve{workersCurve(), sessionsCurve(), processesCurve(), payloadCurve(), queuedCurve(), locksCurve()}
}

func workersCurve() curve {
	c := curve{name: "workers"}
	for _, workers := range []int{1, 10, 100} {
		c.add(fmt.Sprint(workers), "tiny tasks one by one through "+count(workers, "worker"), thousands, 50_000,
			productStream(workers))
	}
	for _, workers := range []int{1, 10, 100} {
		c.add(fmt.Sprintf("%d-start", workers), fmt.Sprintf("start of a pool of %d until each has answered, for each worker", workers),
			milliseconds, workers, productGrowingPool)
	}
	return c
}

func sessionsCurve() curve {
	c := curve{name: "sessions"}
	for _, sessions := range []int{1, 10, 100, 1000} {
		c.add(fmt.Sprint(sessions), fmt.Sprintf("a call on a shared value, by %s in turn", count(sessions, "session")), microseconds, 4000,
			productSessions(sessions))
	}
	return c
}

func processesCurve() curve {
	c := curve{name: "processes"}
	for _, processes := range []int{1, 2, 8, 32} {
		c.add(fmt.Sprint(processes), "calls on a shared value, by "+plural(processes, "process", "processes")+" at once", thousands, 80_000,
			productProcesses(processes))
	}
	return c
}

func payloadCurve() curve {
	c := curve{name: "payload"}
	for _, size := range []struct {
		name     string
		bytes, n int
	}{{"10B", 10, 2000}, {"1KiB", 1 << 10, 2000}, {"64KiB", 1 << 16, 500}, {"1MiB", 1 << 20, 64}, {"64MiB", 1 << 26, 1}} {
		c.add(size.name, "a payload of "+size.name+" to a worker and back, one at a time", microseconds, size.n,
			productPayload(size.bytes))
	}
	return c
}

func queuedCurve() curve {
	c := curve{name: "queued"}
	for _, tasks := range []int{1, 1000, 1_000_000} {
		c.add(fmt.Sprint(tasks), count(tasks, "tiny task")+" queued at once by Map, for each task", microseconds, tasks,
			productQueued)
	}
	return c
}

func locksCurve() curve {
	c := curve{name: "locks"}
	for _, locks := range []int{1, 10_000} {
		c.add(fmt.Sprint(locks), fmt.Sprintf("lock and unlock, %s in turn", count(locks, "lock")), microseconds, 10_000,
			productLock(locks))
	}
	return c
}

func (c *curve) add(size, about string, unit Unit, n int, prepare preparation) {
	c.workloads = append(c.workloads, Workload{
		Name: c.name + "-" + size, About: about, Unit: unit, n: n, systems: []system{{name: product, prepare: prepare}},
	})
}

func count(n int, noun string) string { return plural(n, noun, noun+"s") }

func plural(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}
