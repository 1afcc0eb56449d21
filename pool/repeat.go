package pool

import (
	"log/slog"
	"time"
)

// rest is a task that waits for its next attempt. It counts as in flight until then.
type rest struct {
	task
	timer *time.Timer
}

// endAttempt counts an attempt of a task, and returns how many there were.
func (j *job) endAttempt(index int) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.attempts == nil {
		j.attempts = map[int]int{}
	}
	j.attempts[index]++
	return j.attempts[index]
}

// attempt returns which attempt of a task the next one is, from 1 on.
func (j *job) attempt(index int) int {
	if j.retry == nil {
		return 1
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.attempts[index] + 1
}

// forgetAttempts returns how many attempts of a task that has ended were counted.
func (j *job) forgetAttempts(index int) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := j.attempts[index]
	delete(j.attempts, index)
	return n
}

// mayRepeat reports whether the task of a verdict may be run again, which needs that nothing is left of this attempt.
func (v *verdict) mayRepeat() bool { return v.err != nil && v.job.retry.covers(v.kind) }

// settle counts the outcomes of tasks that were run and hands them to their jobs, but for those of tasks that are to be run
// again.
func (p *Pool) settle(verdicts []verdict) {
	for i := range verdicts {
		if verdicts[i].err != nil && verdicts[i].job.retry != nil {
			verdicts = p.sift(verdicts, i)
			break
		}
	}
	p.conclude(verdicts)
}

// sift takes out of the verdicts, from the i-th on, those of tasks that are to be run again, and has these wait.
func (p *Pool) sift(verdicts []verdict, i int) []verdict {
	left := verdicts[:i]
	for _, v := range verdicts[i:] {
		if v.err == nil || v.job.retry == nil || !p.repeat(v) {
			left = append(left, v)
		}
	}
	return left
}

// repeat has a task wait for its next attempt, if there is to be one.
func (p *Pool) repeat(v verdict) bool {
	attempts := v.job.endAttempt(v.index)
	if !v.job.retry.again(attempts, v.outcome) {
		return false
	}
	after := v.job.retry.backOff(attempts)
	if !p.lay(v.task, after) {
		return false
	}
	p.log(slog.LevelInfo, "task is run again", p.about(aboutTask(v.task, attempts+1)...), slog.Duration("after", after), slog.Any("error", v.err))
	return true
}

// lay has a task wait for so long, unless the pool or its job has ended.
func (p *Pool) lay(t task, d time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == closed || t.job.cause() != nil {
		return false
	}
	r := &rest{task: t}
	of := p.resting[t.job]
	if of == nil {
		of = map[int]*rest{}
		if p.resting == nil {
			p.resting = map[*job]map[int]*rest{}
		}
		p.resting[t.job] = of
	}
	of[t.index] = r
	p.rests++
	p.retries++
	r.timer = time.AfterFunc(d, func() { p.rouse(r) })
	return true
}

// rouse puts a task that has waited long enough at the head of the queue.
func (p *Pool) rouse(r *rest) {
	p.mu.Lock()
	of := p.resting[r.job]
	if of[r.index] != r {
		p.mu.Unlock()
		return // it has ended
	}
	p.rests--
	if delete(of, r.index); len(of) == 0 {
		delete(p.resting, r.job)
	}
	p.requeueUnlock([]task{r.task})
}

// unrestLocked takes out the tasks of a job that wait for their next attempt: they end.
func (p *Pool) unrestLocked(j *job) (dropped []task) {
	for _, r := range p.resting[j] {
		r.timer.Stop()
		dropped = append(dropped, r.task)
	}
	delete(p.resting, j)
	p.rests -= len(dropped)
	p.inflight -= len(dropped)
	return dropped
}

// unrestAllLocked is unrestLocked for all jobs.
func (p *Pool) unrestAllLocked() (dropped []task) {
	for j := range p.resting {
		dropped = append(dropped, p.unrestLocked(j)...)
	}
	return dropped
}
