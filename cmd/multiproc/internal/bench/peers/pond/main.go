// Command pond is what multiproc bench compares with where tasks run in goroutines of one process. It is a module of its
// own so that nothing else depends on pond.
//
//	pond WORKLOAD N
//
// It says ready, then for each line of its input does the workload N times and says how many seconds that took.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/alitto/pond/v2"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pond:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 2 || arguments[0] != "stream" {
		return fmt.Errorf("arguments %q: want stream N", arguments)
	}
	n, err := strconv.Atoi(arguments[1])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		began := time.Now()
		if sum := stream(n); sum != int64(n)*int64(n-1) {
			return fmt.Errorf("the results add up to %d", sum)
		}
		fmt.Println(time.Since(began).Seconds())
	}
	return nil
}

// stream submits n tiny tasks one by one and waits for all of them.
func stream(n int) int64 {
	var sum atomic.Int64
	pool := pond.NewPool(2)
	for i := range n {
		pool.Submit(func() { sum.Add(2 * int64(i)) })
	}
	pool.StopAndWait()
	return sum.Load()
}
