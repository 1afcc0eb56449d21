package poolprom_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/multiproc-go/multiproc/pool"
	"github.com/multiproc-go/multiproc/pool/poolprom"
)

func ExampleNewCollector() {
	ctx := context.Background()
	p, err := pool.New(ctx, &pool.Options{Workers: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	registry := prometheus.NewRegistry() // or prometheus.DefaultRegisterer
	registry.MustRegister(poolprom.NewCollector("thumbnails", p))
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{}) // to be served at /metrics

	_, _ = double.Map(ctx, p, []int{1, 2, 3})
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	for line := range strings.Lines(response.Body.String()) {
		if strings.Contains(line, `outcome="done"`) {
			fmt.Print(line)
		}
	}
	// Output: multiproc_pool_tasks_total{outcome="done",pool="thumbnails"} 3
}
