package proxygen

import (
	"path/filepath"
	"testing"

	"github.com/multiproc-go/multiproc/cmd/multiproc/internal/proxygen/testdata/kinds"
	"github.com/multiproc-go/multiproc/wire"
)

// What is said of the source is what package wire says in the program.
func TestTravelAgreesWithWire(t *testing.T) {
	folder, err := filepath.Abs(filepath.Join("testdata", "kinds"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := load(t.Context(), folder, filepath.Join(folder, "none_gen.go"), "None")
	if err != nil {
		t.Fatal(err)
	}
	for name, typ := range kinds.All {
		why := cannotTravel(p.Types.Scope().Lookup(name).Type(), name)
		if err := wire.CheckType(typ); (err == nil) != (why == "") {
			t.Errorf("%s: %q of the source, %v in the program", name, why, err)
		}
	}
}
