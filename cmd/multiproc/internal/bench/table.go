package bench

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// tableRow is the format of a row, with numbers to the right.
const tableRow = "%s\t%s\t%9s\t%9s\t%9s\t%s\t%12s\n"

// writeTable writes a row for each result, for people.
func writeTable(out io.Writer, results []Result) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, tableRow, "workload", "system", "median", "min", "max", "unit", "multiproc is")
	previous := ""
	for _, r := range results {
		name := r.Workload
		if name == previous {
			name = ""
		}
		previous = r.Workload
		fmt.Fprintf(table, tableRow, name, r.System, figure(r.Median), figure(r.Min), figure(r.Max), r.Unit, ratio(results, r))
	}
	return table.Flush()
}

// ratio says how multiproc compares with r: 4.0× is four times as fast, or a fourth of the memory.
func ratio(results []Result, r Result) string {
	times, known := against(results, r)
	if r.System == product || !known {
		return ""
	}
	return figure(times) + "×"
}

// figure writes a number with three digits that count, and never in powers of ten.
func figure(f float64) string {
	decimals := 0
	for bound := 100.0; decimals < 6 && f < bound && f > 0; bound /= 10 {
		decimals++
	}
	return strconv.FormatFloat(f, 'f', decimals, 64)
}
