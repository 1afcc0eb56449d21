package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A driver is a program of a peer: it says ready on standard output, then, for each line that it reads, does its workload
// once and says the figure. It ends at the end of its input.
type driver struct {
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
	stderr  tail
}

// driverGrace is how long a driver may take to end.
const driverGrace = 10 * time.Second

// startDriver starts a driver and returns when it is ready. It is killed when ctx ends.
func startDriver(ctx context.Context, command ...string) (*driver, error) {
	d := &driver{command: exec.CommandContext(ctx, command[0], command[1:]...)}
	d.command.Stderr = &d.stderr
	d.command.WaitDelay = time.Second
	d.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	d.command.Cancel = d.kill
	var err error
	if d.input, err = d.command.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := d.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.output = bufio.NewReader(output)
	if err := d.command.Start(); err != nil {
		return nil, err
	}
	if line, err := d.line(); err != nil || line != "ready" {
		return nil, errors.Join(fmt.Errorf("it said %q in the place of ready", line), err, d.close())
	}
	return d, nil
}

// run has the workload done once.
func (d *driver) run(context.Context) (float64, error) {
	if _, err := io.WriteString(d.input, "run\n"); err != nil {
		return 0, err
	}
	line, err := d.line()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(line, 64)
}

// kill kills the driver with what it has started, before it is waited for.
func (d *driver) kill() error { return syscall.Kill(-d.command.Process.Pid, syscall.SIGKILL) }

func (d *driver) line() (string, error) {
	line, err := d.output.ReadString('\n')
	return strings.TrimSpace(line), err
}

// close ends the driver, and says what it wrote on standard error if it failed.
func (d *driver) close() error {
	d.input.Close()
	hurry := time.AfterFunc(driverGrace, func() { _ = d.kill() })
	defer hurry.Stop()
	if _, err := io.Copy(io.Discard, d.output); err != nil { // what the driver has started may have it open as well
		_ = d.kill()
	}
	if err := d.command.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(d.stderr.text()))
	}
	return nil
}

// tail keeps the last part of what is written. It may be read once the writer has ended.
type tail struct{ kept []byte }

// tailSize is how many bytes a tail keeps.
const tailSize = 4096

func (t *tail) Write(b []byte) (int, error) {
	t.kept = append(t.kept, b...)
	if surplus := len(t.kept) - tailSize; surplus > 0 {
		t.kept = append(t.kept[:0], t.kept[surplus:]...)
	}
	return len(b), nil
}

func (t *tail) text() string { return string(t.kept) }
