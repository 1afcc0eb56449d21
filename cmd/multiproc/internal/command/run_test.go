package command

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/spool"
	"github.com/multiproc-go/multiproc/finalize"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// job returns a job with files for its output, and a function that reads what
// the report says of them.
func job(t *testing.T, arguments ...string) (Job, func(Report) (stdout, stderr string)) {
	t.Helper()
	var files [2]*spool.File
	for i := range files {
		file, err := spool.Create()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		files[i] = file
	}
	read := func(o Output, file *spool.File) string {
		if !o.Spooled {
			return string(o.Inline)
		}
		content, err := io.ReadAll(io.NewSectionReader(file.File, 0, o.Size))
		if err != nil {
			t.Error(err)
		}
		return string(content)
	}
	return Job{Arguments: arguments, Stdout: files[0].Handle(), Stderr: files[1].Handle()},
		func(r Report) (string, string) { return read(r.Stdout, files[0]), read(r.Stderr, files[1]) }
}

func script(t *testing.T, text string) (Job, func(Report) (string, string)) {
	return job(t, "sh", "-c", text)
}

func mustRun(t *testing.T, j Job) Report {
	t.Helper()
	report, err := Run(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestOutputsAreKeptApart(t *testing.T) {
	j, read := script(t, "echo out; echo err >&2; cat")
	report := mustRun(t, j)
	stdout, stderr := read(report)
	if stdout != "out\n" || stderr != "err\n" || !report.Succeeded() || report.CutOff {
		t.Errorf("%q, %q, %+v", stdout, stderr, report)
	}
	if report.Started.IsZero() || report.Took <= 0 {
		t.Errorf("no times: %+v", report)
	}
}

func TestHowCommandsEnd(t *testing.T) {
	dir := t.TempDir()
	data, program := filepath.Join(dir, "data"), filepath.Join(dir, "program")
	os.WriteFile(data, []byte("text"), 0o600)
	os.WriteFile(program, []byte("\x00\x01neither script nor program"), 0o700)
	tests := []struct {
		name         string
		arguments    []string
		exit, signal int
		fault        string
	}{
		{"success", []string{"true"}, 0, 0, ""},
		{"exit status", []string{"sh", "-c", "exit 7"}, 7, 0, ""},
		{"signal", []string{"sh", "-c", "kill -9 $$"}, 137, 9, ""},
		{"not found", []string{"no-such-command-here"}, 127, 0, "no-such-command-here: command not found"},
		{"no such path", []string{"/no/such"}, 127, 0, "/no/such: no such file or directory"},
		{"not executable", []string{data}, 126, 0, data + ": permission denied"},
		{"a directory", []string{dir}, 126, 0, dir + ": permission denied"},
		{"not a program", []string{program}, 126, 0, program + ": exec format error"},
		{"empty name", []string{""}, 127, 0, ": command not found"},
		{"too long", []string{"true", strings.Repeat("x", 200<<10)}, 126, 0, "true: argument list too long"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			j, _ := job(t, test.arguments...)
			report := mustRun(t, j)
			if report.Exit != test.exit || report.Signal != test.signal || report.Fault != test.fault {
				t.Errorf("exit %d, signal %d, %q", report.Exit, report.Signal, report.Fault)
			}
		})
	}
}

func TestLargeOutputGoesToTheFileWhole(t *testing.T) {
	for _, size := range []int{inlineLimit, inlineLimit + 1, 3<<20 + 7} {
		j, read := script(t, "head -c "+strconv.Itoa(size)+" /dev/zero | tr '\\0' x; echo end >&2")
		report := mustRun(t, j)
		stdout, stderr := read(report)
		if stdout != strings.Repeat("x", size) || stderr != "end\n" {
			t.Errorf("%d of %d bytes, %q", len(stdout), size, stderr)
		}
		if spooled := size > inlineLimit; report.Stdout.Spooled != spooled || len(report.Stdout.Inline) > inlineLimit {
			t.Errorf("%d bytes: spooled %v", size, report.Stdout.Spooled)
		}
	}
}

func TestOutputThatCannotBeKeptIsAFault(t *testing.T) {
	j, _ := script(t, "head -c 1000000 /dev/zero")
	j.Stdout = spool.Handle{Path: "/no/such/file"}
	if report := mustRun(t, j); report.Succeeded() || !strings.Contains(report.Fault, "could not be kept") {
		t.Errorf("%+v", report)
	}
}

// survivors returns how many processes were started with this mark's variable.
func survivors(t *testing.T, tag string) []string {
	t.Helper()
	var found []string
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		line, err := os.ReadFile(path)
		stat, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "stat"))
		if err == nil && strings.Contains(string(line), tag) && !strings.Contains(string(stat), ") Z ") {
			found = append(found, path+": "+string(line))
		}
	}
	return found
}

func TestTimeoutEndsTheWholeTree(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc")
	}
	for name, text := range map[string]string{
		"plain":              `sleep 54.TAG`,
		"ignores SIGTERM":    `trap '' TERM; sleep 54.TAG; sleep 54.TAG`,
		"setsid":             `setsid sh -c 'trap "" TERM; sleep 54.TAG; sleep 54.TAG' & sleep 54.TAG`,
		"daemon with output": `(setsid sh -c 'trap "" TERM HUP; sleep 54.TAG; sleep 54.TAG' &) ; sleep 54.TAG`,
		"stopped":            `sleep 54.TAG & kill -STOP $! ; sleep 54.TAG`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tag := strconv.Itoa(os.Getpid()) + strconv.FormatInt(time.Now().UnixNano(), 10)
			j, read := script(t, "echo begun; "+strings.ReplaceAll(text, "TAG", tag))
			j.Timeout = 2 * time.Second // a shell needs some of it to begin, where others keep the processors busy
			report := mustRun(t, j)
			if !report.TimedOut || report.Exit != -1 || report.Signal == 0 || report.Succeeded() {
				t.Errorf("%+v", report)
			}
			if report.Took > 15*time.Second {
				t.Errorf("took %v", report.Took)
			}
			if stdout, _ := read(report); stdout != "begun\n" {
				t.Errorf("what it wrote before: %q", stdout)
			}
			if left := survivors(t, tag); len(left) > 0 {
				t.Errorf("still running: %q", left)
			}
		})
	}
}

func TestDaemonThatHoldsTheOutputDelaysOnlyAMoment(t *testing.T) {
	j, read := script(t, "echo before; sleep 56 & echo $!")
	start := time.Now()
	report := mustRun(t, j)
	stdout, _ := read(report)
	if took := time.Since(start); took > 10*time.Second || !report.Succeeded() || !report.CutOff {
		t.Errorf("after %v: %+v", took, report)
	}
	before, pid, _ := strings.Cut(strings.TrimSpace(stdout), "\n")
	if before != "before" {
		t.Errorf("output %q", stdout)
	}
	daemon, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(daemon, syscall.SIGKILL); err != nil {
		t.Errorf("the daemon was gone: %v", err)
	}
}

func TestEndOfTheContextKillsTheCommandAndIsReported(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	started := filepath.Join(t.TempDir(), "started")
	if err := syscall.Mkfifo(started, 0o600); err != nil {
		t.Fatal(err)
	}
	j, _ := script(t, `echo > "`+started+`"; exec sleep 57`)
	result := make(chan error, 1)
	go func() {
		_, err := Run(ctx, j)
		result <- err
	}()
	if _, err := os.ReadFile(started); err != nil { // returns when the command has written
		t.Fatal(err)
	}
	cancel(stop)
	if err := <-result; !errors.Is(err, stop) || !errors.Is(err, ErrCutShort) {
		t.Errorf("got %v, want ErrCutShort and the cause", err)
	}
}

func TestEnvironmentReachesTheCommandWithAMarkOfItsOwn(t *testing.T) {
	t.Setenv("COMMAND_TEST", "value")
	j, read := script(t, `echo "$COMMAND_TEST"; echo "$`+finalize.MarkVariable+`"`)
	stdout, _ := read(mustRun(t, j))
	value, mark, _ := strings.Cut(stdout, "\n")
	if diff := cmp.Diff("value", value); diff != "" || strings.TrimSpace(mark) == "" || mark == finalize.OwnMark() {
		t.Errorf("%s, mark %q", diff, mark)
	}
}
