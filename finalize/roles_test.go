package finalize

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// play is what the test binary does in a role. A role that has got somewhere says
// so by a line with its pid.
func play(role string) {
	switch role {
	case "stubborn": // ends by SIGKILL alone
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		ready()
		block()
	case "polite": // ends at the first SIGTERM
		terminated := make(chan os.Signal, 1)
		signal.Notify(terminated, syscall.SIGTERM)
		signal.Ignore(syscall.SIGINT)
		ready()
		<-terminated
	case "parent": // has a stubborn child in a session of its own
		startRole("stubborn", os.Environ())
		ready()
		block()
	case "daemon": // the same, and is gone
		startRole("stubborn", os.Environ())
	case "clearing": // its child knows nothing of marks
		startRole("stubborn", nil)
		ready()
		block()
	case "supervisor": // starts its child again when it dies
		ready()
		for {
			_ = startRole("stubborn", os.Environ()).Wait()
		}
	case "headless": // the thread that leads the process ends, and another goes on
		ready()
		go block()
		_, _, _ = syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
	case "large": // takes long to end
		memory := make([]byte, 256<<20)
		for i := 0; i < len(memory); i += os.Getpagesize() {
			memory[i] = 1
		}
		ready()
		block()
		runtime.KeepAlive(memory)
	case "suicidal": // kills the tree that it belongs to
		for _, environment := range [][]string{os.Environ(), nil} {
			child := roleCommand("stubborn", environment)
			child.Stdout = nil
			output, err := child.StdoutPipe()
			exitOn(err)
			exitOn(child.Start())
			_, err = bufio.NewReader(output).ReadString('\n')
			exitOn(err)
		}
		n, err := Tree{Marks: []string{OwnMark()}}.Kill(context.Background())
		fmt.Println(n)
		exitOn(err)
	case "powerless": // kills a process of another user
		group, err := strconv.Atoi(os.Getenv("FINALIZE_TEST_GROUP"))
		exitOn(err)
		_, err = Tree{Groups: []int{group}}.Kill(context.Background())
		fmt.Fprintln(os.Stdout, err)
	default:
		panic("no such role: " + role)
	}
}

func init() {
	if os.Getenv(roleVariable) == "headless" {
		runtime.LockOSThread() // main stays on the thread that leads the process
	}
}

// roleCommand prepares a process in a role and in a session of its own. It holds
// the test's pipe twice, as stdout and as descriptor 3.
func roleCommand(role string, environment []string) *exec.Cmd {
	executable, err := os.Executable()
	exitOn(err)
	cmd := exec.Command(executable)
	cmd.Env = append(environment[:len(environment):len(environment)], roleVariable+"="+role)
	cmd.Stdout = os.Stdout
	cmd.ExtraFiles = []*os.File{os.Stdout}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

func startRole(role string, environment []string) *exec.Cmd {
	cmd := roleCommand(role, environment)
	exitOn(cmd.Start())
	return cmd
}

func ready() { fmt.Println(os.Getpid()) }

// block is for ever, but not if all else fails.
func block() { <-time.After(10 * time.Minute) }

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
