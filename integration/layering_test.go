package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A layer is a directory of the module with all below it, except for layers of their own, and says what its packages may
// import besides one another and the standard library.
type layer struct {
	ours      []string // layers of this module; tests keep to these too
	forTests  []string // layers that tests may import besides
	libraries []string // import path prefixes
}

// layers is the import table of ARCHITECTURE.md. A new package is entered here and there. Generated messages import
// tinylib/msgp wherever they stand, and generated proxies import wire; wire and pool map the memory that two processes share through x/sys; sync writes and reads
// the arguments of its calls with tinylib/msgp, and its tests start managers, which takes spawn.TestMain.
var layers = map[string]layer{
	"wire": {
		libraries: []string{"github.com/tinylib/msgp", "golang.org/x/sys"},
	},
	"finalize": {
		libraries: []string{"golang.org/x/sys", "github.com/shirou/gopsutil/v3"},
	},
	"spawn": {
		ours:      []string{"wire", "finalize"},
		libraries: []string{"golang.org/x/sys", "github.com/tinylib/msgp"},
	},
	"manager": {
		ours:      []string{"wire", "spawn", "finalize"},
		libraries: []string{"github.com/oklog/run"},
	},
	"sync": {
		ours:      []string{"wire", "manager"},
		forTests:  []string{"spawn"},
		libraries: []string{"github.com/tinylib/msgp"},
	},
	"pool": {
		ours:      []string{"wire", "spawn", "finalize", "manager"},
		libraries: []string{"github.com/tinylib/msgp", "golang.org/x/sys"},
	},
	// Metrics stand above pool, which every worker imports: a program that has no use for them pays nothing.
	"pool/poolexpvar": {
		ours:     []string{"pool"},
		forTests: []string{"spawn", "manager"},
	},
	"pool/poolprom": {
		ours:      []string{"pool"},
		forTests:  []string{"spawn", "manager"},
		libraries: []string{"github.com/prometheus/client_golang", "github.com/prometheus/client_model"},
	},
	"cmd/multiproc": {
		ours: []string{"wire", "finalize", "spawn", "manager", "sync", "pool"},
		libraries: []string{
			"github.com/alecthomas/kong", "github.com/oklog/run", "github.com/schollz/progressbar/v3",
			"github.com/shirou/gopsutil/v3", "golang.org/x/sys", "golang.org/x/term", "golang.org/x/tools/go/packages",
		},
	},
	"examples": {
		ours: []string{"spawn", "manager", "sync", "pool", "wire"},
	},
	"multiproctest": {
		ours:      []string{"wire", "finalize", "spawn", "manager", "pool"},
		libraries: []string{"go.uber.org/goleak"},
	},
	"integration": {
		ours: []string{"wire", "finalize", "spawn", "manager", "sync", "pool", "multiproctest"},
	},
}

// testLibraries may be imported by the tests of every layer, in addition to what its other files may import.
var testLibraries = []string{
	"github.com/google/go-cmp", "go.uber.org/goleak", "golang.org/x/sys", "pgregory.net/rapid",
}

// A listedPackage is what go list tells of a package.
type listedPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string // of the tests inside the package
	XTestImports []string // of those in package x_test
}

func TestLayersOfThisModule(t *testing.T) {
	for _, system := range []string{"linux", "darwin"} {
		t.Run(system, func(t *testing.T) {
			packages := listPackages(t, system)
			if len(packages) == 0 {
				t.Fatal("go list found no package")
			}
			for _, fault := range forbiddenImports(packages) {
				t.Error(fault)
			}
		})
	}
}

// A worker is a process of a program that imports pool: what that brings along, each of them loads.
func TestPoolBringsNoBurden(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "./pool", "./spawn")
	list.Dir = moduleRoot(t)
	list.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "GOFLAGS=")
	output, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(output)) {
		for _, burden := range []string{"net/http", "expvar", "prometheus", "gopsutil"} {
			if strings.Contains(path, burden) {
				t.Errorf("pool or spawn imports %s, if indirectly", path)
			}
		}
	}
}

func TestLayersForbidden(t *testing.T) {
	tests := []struct {
		name string
		pkg  listedPackage
		want []string
	}{
		{"standard library", listedPackage{ImportPath: "wire", Imports: []string{"C", "net/http"}}, nil},
		{"allowed layer", listedPackage{ImportPath: "spawn", Imports: []string{modulePath + "/wire"}}, nil},
		{"allowed library", listedPackage{ImportPath: "wire", Imports: []string{"github.com/tinylib/msgp/msgp"}}, nil},
		{"same layer", listedPackage{ImportPath: "spawn/internal/boot", Imports: []string{modulePath + "/spawn/internal/fd"}}, nil},
		{"test library in a test", listedPackage{ImportPath: "wire", TestImports: []string{"go.uber.org/goleak"}}, nil},
		{"own package in its outer test", listedPackage{ImportPath: "pool", XTestImports: []string{modulePath + "/pool"}}, nil},
		{
			"upward", listedPackage{ImportPath: "wire", Imports: []string{modulePath + "/spawn"}},
			[]string{"wire may not import spawn"},
		},
		{
			"upward from below the layer's top", listedPackage{ImportPath: "spawn/internal/boot", Imports: []string{modulePath + "/pool"}},
			[]string{"spawn/internal/boot may not import pool"},
		},
		{
			"sideways", listedPackage{ImportPath: "sync", Imports: []string{modulePath + "/pool"}},
			[]string{"sync may not import pool"},
		},
		{"layer for tests in a test", listedPackage{ImportPath: "sync", XTestImports: []string{modulePath + "/spawn"}}, nil},
		{
			"layer for tests elsewhere", listedPackage{ImportPath: "sync", Imports: []string{modulePath + "/spawn"}},
			[]string{"sync may not import spawn"},
		},
		{
			"upward into a layer within", listedPackage{ImportPath: "pool", Imports: []string{modulePath + "/pool/poolprom"}},
			[]string{"pool may not import pool/poolprom"},
		},
		{
			"library of a layer within", listedPackage{ImportPath: "pool", Imports: []string{"github.com/prometheus/client_golang/prometheus"}},
			[]string{"pool may not import github.com/prometheus/client_golang/prometheus"},
		},
		{
			"upward in tests", listedPackage{
				ImportPath:   "finalize",
				TestImports:  []string{modulePath + "/wire"},
				XTestImports: []string{modulePath + "/spawn"},
			},
			[]string{"finalize (tests) may not import wire", "finalize (tests) may not import spawn"},
		},
		{
			"library of another layer", listedPackage{ImportPath: "spawn", Imports: []string{"github.com/oklog/run"}},
			[]string{"spawn may not import github.com/oklog/run"},
		},
		{
			"library of another layer in a test", listedPackage{ImportPath: "pool", TestImports: []string{"golang.org/x/term"}},
			[]string{"pool (tests) may not import golang.org/x/term"},
		},
		{
			"test library outside tests", listedPackage{ImportPath: "wire", Imports: []string{"go.uber.org/goleak"}},
			[]string{"wire may not import go.uber.org/goleak"},
		},
		{
			"prefix that is no path prefix", listedPackage{ImportPath: "wire", Imports: []string{"github.com/tinylib/msgpack"}},
			[]string{"wire may not import github.com/tinylib/msgpack"},
		},
		{
			"package in no layer", listedPackage{ImportPath: "util"},
			[]string{"util is in no layer: enter it in the table of layers and in ARCHITECTURE.md"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pkg := test.pkg
			pkg.ImportPath = modulePath + "/" + pkg.ImportPath
			if diff := cmp.Diff(test.want, forbiddenImports([]listedPackage{pkg})); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// forbiddenImports returns one sentence for each import that the table does not allow.
func forbiddenImports(packages []listedPackage) []string {
	var faults []string
	for _, pkg := range packages {
		name := strings.TrimPrefix(pkg.ImportPath, modulePath+"/")
		own, found := layerOf(name)
		if !found {
			faults = append(faults, name+" is in no layer: enter it in the table of layers and in ARCHITECTURE.md")
			continue
		}
		allowed := append([]string{own}, layers[own].ours...)
		libraries := layers[own].libraries
		faults = append(faults, outside(name, pkg.Imports, allowed, libraries)...)

		allowed = append(allowed, layers[own].forTests...)
		libraries = slices.Concat(libraries, testLibraries)
		faults = append(faults, outside(name+" (tests)", pkg.TestImports, allowed, libraries)...)
		faults = append(faults, outside(name+" (tests)", pkg.XTestImports, allowed, libraries)...)
	}
	return faults
}

func outside(importer string, imports, allowedLayers, allowedLibraries []string) []string {
	var faults []string
	for _, path := range imports {
		ours, isOurs := strings.CutPrefix(path, modulePath+"/")
		switch {
		case isOurs && !inAny(ours, allowedLayers):
			faults = append(faults, fmt.Sprintf("%s may not import %s", importer, ours))
		case !isOurs && isLibrary(path) && !underAny(path, allowedLibraries):
			faults = append(faults, fmt.Sprintf("%s may not import %s", importer, path))
		}
	}
	return faults
}

func layerOf(name string) (string, bool) {
	innermost := ""
	for top := range layers {
		if len(top) > len(innermost) && underAny(name, []string{top}) {
			innermost = top
		}
	}
	return innermost, innermost != ""
}

// inAny reports whether a package of ours belongs to one of the layers.
func inAny(name string, allowed []string) bool {
	own, found := layerOf(name)
	return found && slices.Contains(allowed, own)
}

// isLibrary tells a third-party import path, whose first element is a domain, from one of the standard library.
func isLibrary(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".")
}

// underAny reports whether path is one of the prefixes or stands below one.
func underAny(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool {
		return path == prefix || strings.HasPrefix(path, prefix+"/")
	})
}

func listPackages(t *testing.T, system string) []listedPackage {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	list.Dir = moduleRoot(t)
	list.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "GOFLAGS=")
	var stderr strings.Builder
	list.Stderr = &stderr
	output, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}

	var packages []listedPackage
	decoder := json.NewDecoder(strings.NewReader(string(output)))
	for {
		var pkg listedPackage
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("output of go list: %v", err)
		}
		packages = append(packages, pkg)
	}
}
