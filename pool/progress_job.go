package pool

import stdsync "sync"

// WithProgress returns a handle for the same function whose tasks' reports are passed to fn (see ReportProgress), with the
// index of the task's input in Map or IMap, and 0 for Apply. For one task fn is called for one report at a time, in order,
// for different tasks at the same time. Reports that come while fn runs replace one another; the last one is
// always passed on. The task's result waits until fn has returned: when the result is there, fn will not be called for that task
// again. So fn may take its time, at the cost of that task alone.
//
// Shutdown and Close wait for fn, which must not call them. A task that died with its worker has had passed on what it had
// reported. With a Hosted pool fn is not called; its Stats show what its workers report.
func (f *Function[A, R]) WithProgress(fn func(index int, p Progress)) *Function[A, R] {
	g := *f
	g.onProgress = fn
	return &g
}

// Progress returns how far the task has come, by its latest report (see ReportProgress), and whether it has made any. Of a
// Map it is how many of its tasks have ended, and true. For ApplyAsync with a Hosted pool it is always false. It does not block.
func (r *AsyncResult[R]) Progress() (Progress, bool) {
	if counts, ok := r.job.sink.(interface{ progress() Progress }); ok {
		return counts.progress(), true
	}
	if p, ok := r.job.pool.(*Pool); ok && !r.Ready() {
		p.hear()
	}
	o := r.job.observed.Load()
	if o == nil {
		return Progress{}, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last, o.reported
}

func (m *mapJob[R]) progress() Progress {
	return Progress{Done: int64(len(m.values)) - m.left.Load(), Total: int64(len(m.values))}
}

// observation is what is known of a job whose progress somebody reports or follows, or which is part of a trace.
type observation struct {
	trace      []byte                      // encoded; nil for none
	onProgress func(index int, p Progress) // nil for nobody

	mu        stdsync.Mutex // guards the fields below
	last      Progress      // of a single job
	reported  bool
	following map[int]*following // tasks that have reported, by index
}

// following is a task whose reports are being passed on. Its fields are guarded by the observation's mu.
type following struct {
	link    *link
	count   uint64 // which of the link's reports was the last
	latest  Progress
	fresh   bool     // latest is to be passed on
	running bool     // a goroutine passes on
	outcome *outcome // what comes after that
}

// hooked reports whether reports of the job's tasks are to be passed on as they come.
func (j *job) hooked() bool {
	o := j.observed.Load()
	return o != nil && o.onProgress != nil
}

// report keeps a report, and has it passed on. It is called before the outcome of the task is settled.
func (j *job) report(l *link, index int, r *report) {
	o := j.observed.Load()
	if o == nil {
		j.observed.CompareAndSwap(nil, &observation{})
		o = j.observed.Load()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last, o.reported = r.Progress, true
	if o.onProgress == nil {
		return
	}
	f := o.following[index]
	if f == nil {
		f = &following{}
		if o.following == nil {
			o.following = map[int]*following{}
		}
		o.following[index] = f
	}
	if f.link == l && f.count >= r.count {
		return
	}
	f.link, f.count, f.latest, f.fresh = l, r.count, r.Progress, true
	if !f.running {
		f.running = true
		j.pool.callback(func() { j.follow(o, index, f) })
	}
}

// follow passes reports on until there is none, and then the outcome, if it has come.
func (j *job) follow(o *observation, index int, f *following) {
	for {
		o.mu.Lock()
		latest, fresh, ended := f.latest, f.fresh, f.outcome
		f.fresh, f.running = false, fresh
		o.mu.Unlock()
		switch {
		case fresh:
			o.onProgress(index, latest)
			continue
		case ended != nil:
			j.sink.settle(index, *ended)
		}
		return
	}
}

// postpone keeps an outcome back while reports of its task are being passed on. It reports whether it does.
func (o *observation) postpone(index int, ended outcome) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.following[index]
	if f == nil {
		return false
	}
	delete(o.following, index)
	if !f.running {
		return false
	}
	ended.value = append([]byte(nil), ended.value...)
	f.outcome = &ended
	return true
}
