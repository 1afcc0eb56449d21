package bench

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"os"

	"strings"
)

// remarks is the heading below which a report is written by people. What stands there survives the next report.
const remarks = "## Remarks\n"

// writeReport writes the Markdown file of o, and keeps the remarks that it had.
func writeReport(o *Options, m machine, results []Result) error {
	before, err := os.ReadFile(o.Report)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	kept := ""
	if at := strings.Index(string(before), remarks); at >= 0 {
		kept = string(before[at:])
	}
	return writeFile(o.Report, func(out io.Writer) error {
		_, err := io.WriteString(out, report(o, m, results, kept))
		return err
	})
}

// gibibytes writes an amount of memory.
func gibibytes(bytes uint64) string {
	if bytes == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
}

// report is the Markdown document.
func report(o *Options, m machine, results []Result, kept string) string {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\n")
	fmt.Fprintf(&b, "Measured on %s by `multiproc bench`; nothing here was written by hand but what stands under Remarks, if anything.\n",
		m.date.Format("2 January 2006"))
	b.WriteString("Figures of different machines, or of different runs, do not compare: the systems of one workload took turns,\n")
	b.WriteString("and only their ratios mean something.\n\n")
	b.WriteString("| | |\n|---|---|\n")
	for _, row := range [][2]string{
		{"processor", m.processor}, {"cores", fmt.Sprint(m.cores)},
		{"memory", gibibytes(m.memory)}, {"kernel", m.kernel}, {"Go", m.goVersion},
		{"CPython", orNotUsed(m.python)}, {"pond", orNotUsed(m.pondModule)},
		{"runs", fmt.Sprintf("%d of each system, in turn, after one that is not counted", o.Runs)},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", row[0], row[1])
	}
	if o.Scale != 1 {
		fmt.Fprintf(&b, "| scale | %v: each run did that part of its operations |\n", o.Scale)
	}
	reportResults(&b, results)
	fmt.Fprintf(&b, "\n## How to repeat it\n\n```sh\n%s\n```\n\n", repetition(o))
	b.WriteString("`make bench` measures everything with a fresh build, and writes this file. The machine has to be quiet.\n")
	b.WriteString("`multiproc bench --help` tells what the workloads and the systems are.\n")
	if kept != "" {
		b.WriteString("\n" + kept)
	}
	return b.String()
}

func reportResults(b *strings.Builder, results []Result) {
	previous := ""
	for _, r := range results {
		if r.Workload != previous {
			fmt.Fprintf(b, "\n## %s\n\n%s, in %s; %s is better.\n\n", r.Workload, firstUpper(r.about), r.Unit, better(r))
			b.WriteString("| system | median | min | max | multiproc is |\n|---|---:|---:|---:|---:|\n")
		}
		previous = r.Workload
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", r.System, figure(r.Median), figure(r.Min), figure(r.Max), ratio(results, r))
	}
}

func firstUpper(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func better(r Result) string {
	if r.higherBetter {
		return "more"
	}
	return "less"
}

func orNotUsed(version string) string {
	if version == "" {
		return "not used"
	}
	return version
}

// repetition is the command that measures the same again.
func repetition(o *Options) string {
	words := append([]string{"multiproc", "bench"}, o.Names...)
	words = append(words, fmt.Sprintf("--runs=%d", o.Runs))
	if o.Scale != 1 {
		words = append(words, fmt.Sprintf("--scale=%v", o.Scale))
	}
	if len(o.Against) < len(Peers()) {
		words = append(words, "--against="+strings.Join(o.Against, ","))
	}
	return strings.Join(words, " ")
}
