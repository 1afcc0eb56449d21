package bench

import (
	"encoding/json"
	"io"
	"slices"
)

// A Result is what one system did of one workload. Its figures are in Unit.
type Result struct {
	Workload string  `json:"workload"`
	System   string  `json:"system"`
	Unit     string  `json:"unit"`
	Median   float64 `json:"median"`
	Min      float64 `json:"min"`
	Max      float64 `json:"max"`
	Runs     int     `json:"runs"`

	about        string
	higherBetter bool
}

// summarize makes a result of the figures of at least one run.
func summarize(w *Workload, systemName string, figures []float64) Result {
	sorted := slices.Sorted(slices.Values(figures))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return Result{
		Workload: w.Name, System: systemName, Unit: w.Unit.Name,
		Median: median, Min: sorted[0], Max: sorted[len(sorted)-1], Runs: len(sorted),
		about: w.About, higherBetter: w.Unit.HigherBetter,
	}
}

// writeJSON writes an array with an object for each result.
func writeJSON(out io.Writer, results []Result) error {
	if results == nil {
		results = []Result{}
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(results)
}

// against returns how many times better multiproc is than r in the same workload; it reports whether it was measured.
func against(results []Result, r Result) (float64, bool) {
	for _, ours := range results {
		if ours.Workload != r.Workload || ours.System != product || ours.Median == 0 || r.Median == 0 {
			continue
		}
		if r.higherBetter {
			return ours.Median / r.Median, true
		}
		return r.Median / ours.Median, true
	}
	return 0, false
}
