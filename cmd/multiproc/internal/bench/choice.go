package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options say what is measured and where it is written. They travel to the process that measures.
type Options struct {
	Names   []string // of workloads, curves or groups; empty means the group goals
	Against []string // of peers
	Runs    int      // how often each system does each workload
	Scale   float64  // how much of its operations a run does; 1 means all
	JSON    string   // file for the results, or empty
	Report  string   // Markdown file for the results with the machine, or empty

	// Temporary is a folder for what is needed meanwhile; empty means one that Run makes and removes. It is removed by
	// Run in any case, and by who made it as well, for Run may be killed.
	Temporary string

	small bool // see environment; it does not travel
}

// Limits of Options.
const (
	maxRuns  = 1000
	maxScale = 1000
)

// Validate returns everything that is wrong with the options, joined. It changes nothing.
func (o *Options) Validate() error {
	var faults []error
	if _, err := choose(o.Names); err != nil {
		faults = append(faults, err)
	}
	for _, peer := range o.Against {
		if !slices.Contains(Peers(), peer) {
			faults = append(faults, fmt.Errorf("--against names %q; the peers are %s", peer, strings.Join(Peers(), ", ")))
		}
	}
	if o.Runs < 1 || o.Runs > maxRuns {
		faults = append(faults, fmt.Errorf("--runs is %d; give a number from 1 to %d", o.Runs, maxRuns))
	}
	if !(o.Scale > 0 && o.Scale <= maxScale) { // so that NaN is refused too
		faults = append(faults, fmt.Errorf("--scale is %v; give a number above 0, up to %d", o.Scale, maxScale))
	}
	for _, file := range []struct{ flag, name string }{{"--json", o.JSON}, {"--report", o.Report}} {
		if err := checkFile(file.name); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", file.flag, err))
		}
	}
	return errors.Join(faults...)
}

// checkFile returns why a file could not be written later, as far as that is known now. An empty name is fine.
func checkFile(name string) error {
	if name == "" {
		return nil
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory", name)
	}
	info, err := os.Stat(filepath.Dir(name))
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory", filepath.Dir(name))
	}
	return err
}

// choose returns the workloads of these names, each once, in the catalogue's order.
func choose(names []string) ([]Workload, error) {
	if len(names) == 0 {
		names = []string{groupGoals}
	}
	known := make(map[string]bool)
	var chosen []Workload
	consider := func(w Workload, groups ...string) {
		fits := slices.Contains(names, w.Name)
		known[w.Name] = true
		for _, group := range append(groups, groupAll) {
			known[group] = true
			fits = fits || slices.Contains(names, group)
		}
		if fits {
			chosen = append(chosen, w)
		}
	}
	for _, w := range catalogue() {
		consider(w, groupGoals)
	}
	for _, c := range growth() {
		for _, w := range c.workloads() {
			consider(w, groupGrowth, c.name)
		}
	}
	for _, name := range names {
		if !known[name] {
			return nil, fmt.Errorf("no workload is called %q; there are %s", name, strings.Join(Names(), ", "))
		}
	}
	return chosen, nil
}

// Names returns what Options.Names may have: groups, workloads, and curves.
func Names() []string {
	names := []string{groupGoals, groupGrowth, groupAll}
	for _, w := range catalogue() {
		names = append(names, w.Name)
	}
	for _, c := range growth() {
		names = append(names, c.name)
		for _, w := range c.workloads() {
			names = append(names, w.Name)
		}
	}
	return names
}

// Describe returns a line for each workload, and for each kind of work of a curve with its sizes, for people.
func Describe() string {
	var b strings.Builder
	for _, w := range catalogue() {
		fmt.Fprintf(&b, "  %-11s %s (%s)\n", w.Name, w.About, w.Unit.Name)
	}
	for _, c := range growth() {
		name := c.name
		for _, s := range c.series {
			fmt.Fprintf(&b, "  %-11s %s (%s):", name, s.about, s.unit.Name)
			for _, w := range s.workloads {
				b.WriteString(" " + strings.TrimPrefix(w.Name, c.name))
			}
			b.WriteByte('\n')
			name = "" // what follows is another kind of work of the same curve
		}
	}
	return b.String()
}
