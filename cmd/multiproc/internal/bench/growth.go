package bench

import (
	"fmt"
	"strings"
)

// Names of groups of workloads.
const (
	groupGoals  = "goals"
	groupGrowth = "growth"
	groupAll    = "all"
)

// A curve is work at growing sizes. Its workloads are named after it and the size.
type curve struct {
	name   string
	series []series
}

// A series is one kind of work of a curve, measured in one unit.
type series struct {
	about     string // what the workloads have in common
	unit      Unit
	workloads []Workload
}

// growth is how multiproc's costs grow. Figures are for one task, call, worker or lock, so that a curve is flat where the
// cost is proportional to the work; only payload is to be compared with the size of the payloads.
func growth() []curve {
	return []curve{workersCurve(), sessionsCurve(), processesCurve(), payloadCurve(), queuedCurve(), locksCurve()}
}

func workersCurve() curve {
	stream := series{about: "tiny tasks one by one through so many workers", unit: thousands}
	for _, workers := range []int{1, 10, 100} {
		stream.add(fmt.Sprintf("workers-%d", workers), "tiny tasks one by one through "+count(workers, "worker"), 50_000,
			productStream(workers))
	}
	start := series{about: "start of a pool of so many until each has answered, for each worker", unit: milliseconds}
	for _, workers := range []int{1, 10, 100} {
		start.add(fmt.Sprintf("workers-%d-start", workers),
			fmt.Sprintf("start of a pool of %d until each has answered, for each worker", workers), workers, productGrowingPool)
	}
	return curve{"workers", []series{stream, start}}
}

func sessionsCurve() curve {
	s := series{about: "a call on a shared value, by so many sessions in turn", unit: microseconds}
	for _, sessions := range []int{1, 10, 100, 1000} {
		s.add(fmt.Sprintf("sessions-%d", sessions), fmt.Sprintf("a call on a shared value, by %s in turn", count(sessions, "session")), 4000,
			productSessions(sessions))
	}
	return curve{"sessions", []series{s}}
}

func processesCurve() curve {
	s := series{about: "calls on a shared value, by so many processes at once", unit: thousands}
	for _, processes := range []int{1, 2, 8, 32} {
		s.add(fmt.Sprintf("processes-%d", processes), "calls on a shared value, by "+plural(processes, "process", "processes")+" at once", 80_000,
			productProcesses(processes))
	}
	return curve{"processes", []series{s}}
}

func payloadCurve() curve {
	s := series{about: "a payload of so many bytes to a worker and back, one at a time", unit: microseconds}
	for _, size := range []struct {
		text     string
		bytes, n int
	}{{"10 B", 10, 2000}, {"1 KiB", 1 << 10, 2000}, {"64 KiB", 1 << 16, 500}, {"1 MiB", 1 << 20, 64}, {"64 MiB", 1 << 26, 1}} {
		s.add("payload-"+strings.ReplaceAll(size.text, " ", ""), "a payload of "+size.text+" to a worker and back, one at a time", size.n,
			productPayload(size.bytes))
	}
	return curve{"payload", []series{s}}
}

func queuedCurve() curve {
	s := series{about: "so many tiny tasks queued at once by Map, for each task", unit: microseconds}
	for _, tasks := range []int{1, 1000, 1_000_000} {
		s.add(fmt.Sprintf("queued-%d", tasks), count(tasks, "tiny task")+" queued at once by Map, for each task", tasks, productQueued)
	}
	return curve{"queued", []series{s}}
}

func locksCurve() curve {
	s := series{about: "lock and unlock, so many locks in turn", unit: microseconds}
	for _, locks := range []int{1, 10_000} {
		s.add(fmt.Sprintf("locks-%d", locks), fmt.Sprintf("lock and unlock, %s in turn", count(locks, "lock")), 10_000, productLock(locks))
	}
	return curve{"locks", []series{s}}
}

func (c *curve) workloads() (all []Workload) {
	for _, s := range c.series {
		all = append(all, s.workloads...)
	}
	return all
}

func (s *series) add(name, about string, n int, prepare preparation) {
	s.workloads = append(s.workloads, Workload{
		Name: name, About: about, Unit: s.unit, n: n, systems: []system{{name: product, prepare: prepare}},
	})
}

func count(n int, noun string) string { return plural(n, noun, noun+"s") }

func plural(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}
