// Package poolprom exports the Stats of pools to Prometheus.
//
//	p, err := pool.New(ctx, nil)
//	...
//	prometheus.MustRegister(poolprom.NewCollector("thumbnails", p))
//
// Each time metrics are gathered, the pool is asked once. The metrics, each with the label pool:
//
//	multiproc_pool_tasks_submitted_total                tasks that were submitted
//	multiproc_pool_tasks_total{outcome}                 tasks that have ended
//	multiproc_pool_tasks_pending                        tasks that wait or run
//	multiproc_pool_tasks_waiting                        tasks that were not sent to a worker yet
//	multiproc_pool_workers{state}                       workers that the pool keeps
//	multiproc_pool_worker_tasks_total{worker}           tasks that the worker has ended
//	multiproc_pool_worker_task_age_seconds{worker}      for how long its task has been running
//	multiproc_pool_worker_resident_bytes{worker}        memory in use, as the system counts it
//	multiproc_pool_worker_cpu_seconds_total{worker}     processor time used, user and system
//	multiproc_pool_log_records_dropped_total            log records of workers that were not forwarded
//
// The label worker is a worker's place among those that the pool keeps, from 0, and not its pid, so that the number of series is
// bounded: a counter starts again with the process that replaces another, as counters may. While there is no process there are no
// metrics of its place, except in workers.
//
// It is a package of its own because every worker is a process of the program that imports package pool, and would pay
// for the library at its start and in memory.
package poolprom

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/multiproc-go/multiproc/pool"
)

// NewCollector returns a collector of the pool's metrics, with name as their label pool. Register collectors of several
// pools under different names. It is safe for concurrent use, keeps p, and works also when p has ended; it does not
// block.
func NewCollector(name string, p *pool.Pool) prometheus.Collector {
	return newCollector(name, func() (pool.Stats, error) { return p.Stats(), nil })
}

// NewHostedCollector is NewCollector for a pool in a manager. To gather its metrics blocks until the manager has answered,
// at most for timeout; if that fails, gathering reports the error.
func NewHostedCollector(name string, h *pool.Hosted, timeout time.Duration) prometheus.Collector {
	return newCollector(name, func() (pool.Stats, error) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		return h.Stats(ctx)
	})
}

type collector struct {
	stats func() (pool.Stats, error)

	submitted, ended, pending, waiting, workers, logsDropped     *prometheus.Desc
	workerTasks, workerTaskAge, workerResident, workerCPUSeconds *prometheus.Desc
}

func newCollector(name string, stats func() (pool.Stats, error)) *collector {
	describe := func(metric, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("multiproc_pool_"+metric, help, labels, prometheus.Labels{"pool": name})
	}
	return &collector{
		stats:            stats,
		submitted:        describe("tasks_submitted_total", "Tasks that were submitted."),
		ended:            describe("tasks_total", "Tasks that have ended, by outcome.", "outcome"),
		pending:          describe("tasks_pending", "Tasks that wait or run."),
		waiting:          describe("tasks_waiting", "Tasks that were not sent to a worker yet."),
		workers:          describe("workers", "Workers that the pool keeps, by state.", "state"),
		logsDropped:      describe("log_records_dropped_total", "Log records of workers that were not forwarded, because they came too fast."),
		workerTasks:      describe("worker_tasks_total", "Tasks that the worker has ended.", "worker"),
		workerTaskAge:    describe("worker_task_age_seconds", "For how long the worker's task has been running, 0 for none.", "worker"),
		workerResident:   describe("worker_resident_bytes", "Memory that the worker uses, as the system counts it.", "worker"),
		workerCPUSeconds: describe("worker_cpu_seconds_total", "Processor time that the worker has used, user and system.", "worker"),
	}
}

// Describe sends the descriptions of all metrics.
func (c *collector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.submitted, c.ended, c.pending, c.waiting, c.workers, c.logsDropped,
		c.workerTasks, c.workerTaskAge, c.workerResident, c.workerCPUSeconds,
	} {
		descriptions <- d
	}
}

// Collect asks the pool, and sends its metrics.
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	s, err := c.stats()
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(c.submitted, err)
		return
	}
	counter := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	counter(c.submitted, float64(s.Submitted))
	for outcome, count := range map[pool.Outcome]uint64{
		pool.Done: s.Done, pool.Failed: s.Failed, pool.Lost: s.Lost, pool.TimedOut: s.TimedOut,
		pool.OutOfMemory: s.OutOfMemory, pool.Cancelled: s.Cancelled, pool.Abandoned: s.Abandoned,
	} {
		counter(c.ended, float64(count), strings.ReplaceAll(outcome.String(), " ", "_"))
	}
	gauge(c.pending, float64(s.Pending))
	gauge(c.waiting, float64(s.Waiting))
	counter(c.logsDropped, float64(s.LogsDropped))
	states := map[pool.WorkerState]int{pool.Starting: 0, pool.Idle: 0, pool.Busy: 0, pool.Leaving: 0}
	for number, w := range s.Workers {
		states[w.State]++
		if w.PID == 0 {
			continue
		}
		worker := strconv.Itoa(number)
		counter(c.workerTasks, float64(w.TasksDone), worker)
		gauge(c.workerTaskAge, w.Age.Seconds(), worker)
		gauge(c.workerResident, float64(w.Resident), worker)
		counter(c.workerCPUSeconds, w.CPU.Seconds(), worker)
	}
	for state, count := range states {
		gauge(c.workers, float64(count), string(state))
	}
}
