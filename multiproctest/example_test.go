package multiproctest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/multiproc-go/multiproc/multiproctest"
	"github.com/multiproc-go/multiproc/pool"
)

// In a program's tests: func TestMain(m *testing.M) { multiproctest.Main(m) }

var measure = multiproctest.Register("measure", measureText)

func measureText(_ context.Context, text string) (int, error) { return len(text), nil }

func Example() {
	t := new(testing.T) // which a test is given

	p, err := pool.New(context.Background(), &pool.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	measure.Kill(t, 2)
	for _, text := range []string{"one", "three", "nineteen"} {
		n, err := measure.Apply(context.Background(), p, text)
		var lost *pool.WorkerLostError
		fmt.Println(n, errors.As(err, &lost))
	}
	// Output:
	// 3 false
	// 0 true
	// 8 false
}
