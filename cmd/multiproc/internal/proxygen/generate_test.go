package proxygen

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func generated(t *testing.T, o Options) (string, error) {
	t.Helper()
	folder, err := filepath.Abs(o.Folder)
	if err != nil {
		t.Fatal(err)
	}
	o.Folder = folder
	source, err := render(t.Context(), o, filepath.Join(folder, DefaultOutput(o.Type)))
	return string(source), err
}

// The golden files are part of the packages that they are generated for: see also TestProxyProgram of the command.
func TestGolden(t *testing.T) {
	for _, o := range []Options{
		{Type: "Ledger", Shared: []string{"Account"}},
		{Type: "account", Factory: "-", Name: "the account"},
		{Type: "Zero"},
	} {
		t.Run(o.Type, func(t *testing.T) {
			o.Folder = filepath.Join("testdata", "ledger")
			first, err := generated(t, o)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join(o.Folder, DefaultOutput(o.Type))
			if *update {
				if err := os.WriteFile(golden, []byte(first), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			checkGolden(t, golden, first)
			if again, err := generated(t, o); err != nil || again != first {
				t.Errorf("generated again it is different: %v\n%s", err, cmp.Diff(first, again))
			}
		})
	}
}

func checkGolden(t *testing.T, path, got string) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), which go test -update writes anew:\n%s", path, diff)
	}
}

func TestRefused(t *testing.T) {
	folder := filepath.Join("testdata", "refused")
	_, err := generated(t, Options{Folder: folder, Type: "Everything"})
	if faults := (Faults)(nil); !errors.As(err, &faults) {
		t.Fatalf("error %v", err)
	}
	golden := filepath.Join(folder, "faults.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	checkGolden(t, golden, err.Error()+"\n")
}

func TestRefusedTypes(t *testing.T) {
	refused, broken := filepath.Join("testdata", "refused"), filepath.Join("testdata", "broken")
	tests := []struct {
		options Options
		want    []string // parts of the error
	}{
		{Options{Folder: refused, Type: "Generic"}, []string{"refused.go:", "type Generic is generic"}},
		{Options{Folder: refused, Type: "Interface"}, []string{"refused.go:", "is an interface"}},
		{Options{Folder: refused, Type: "Pointer"}, []string{"refused.go:", "is a pointer"}},
		{Options{Folder: refused, Type: "Alias"}, []string{"refused.go:", "another name for refused.Everything"}},
		{Options{Folder: refused, Type: "NoMethods"}, []string{"refused.go:", "no method to expose"}},
		{Options{Folder: refused, Type: "Taken"}, []string{"refused.go:", "TakenProxy is declared here"}},
		{Options{Folder: refused, Type: "Made"}, []string{"refused.go:", "variadic", "has to return a *Made"}},
		{Options{Folder: refused, Type: "Made", Factory: "makeMade"}, []string{"refused.go:", "no function makeMade"}},
		{Options{Folder: refused, Type: "Nobody"}, []string{"has no type Nobody"}},
		{Options{Folder: refused, Type: "newMade"}, []string{"has no type newMade"}},
		{Options{Folder: refused, Type: "Everything", Methods: []string{"Fine", "Gone"}}, []string{"no exported method Gone"}},
		{Options{Folder: refused, Type: "Everything", Methods: []string{"Fine"}, Shared: []string{"Fine"}}, []string{"has to be a pointer"}},
		{Options{Folder: broken, Type: "Thing"}, []string{"broken.go:6:", "is unknown", "undefined: missing"}},
		{Options{Folder: broken, Type: "Nobody"}, []string{"has no type Nobody", "undefined: missing"}},
		{Options{Folder: "testdata", Type: "Thing"}, []string{"no buildable Go source files"}},
	}
	packages := map[string]*source{}
	for _, test := range tests {
		accepted, err := inspected(t, packages, test.options)
		if err == nil {
			t.Errorf("%+v was accepted: %+v", test.options, accepted)
			continue
		}
		for _, part := range test.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%+v: error %q, want one with %q", test.options, err, part)
			}
		}
	}
}

// inspected reads each package once.
func inspected(t *testing.T, packages map[string]*source, o Options) (*exposed, error) {
	t.Helper()
	folder, err := filepath.Abs(o.Folder)
	if err != nil {
		t.Fatal(err)
	}
	if packages[folder] == nil {
		p, err := load(t.Context(), folder, filepath.Join(folder, "none_gen.go"), "None")
		if err != nil {
			return nil, err
		}
		packages[folder] = p
	}
	o.Folder = folder
	return inspect(packages[folder], o)
}

// Packages need not compile before their proxies are there.
func TestAcceptedInSpiteOfFaults(t *testing.T) {
	for _, o := range []Options{
		{Folder: filepath.Join("testdata", "broken"), Type: "Other"},
		{Folder: filepath.Join("testdata", "refused"), Type: "Everything", Methods: []string{"Fine"}},
		{Folder: filepath.Join("testdata", "refused"), Type: "Made", Factory: "-"},
	} {
		if _, err := generated(t, o); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestOutputs(t *testing.T) {
	folder := t.TempDir()
	byHand := filepath.Join(folder, "byhand.go")
	if err := os.WriteFile(byHand, []byte("package p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for output, want := range map[string]string{
		"byhand.go": "was not generated", "out.txt": "not a Go file", "x_test.go": "not a Go file", "../x.go": "outside",
	} {
		if _, err := Generate(t.Context(), Options{Folder: folder, Type: "T", Output: output}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", output, err, want)
		}
	}
	if _, err := Generate(t.Context(), Options{Folder: folder, Type: "not a name"}); err == nil {
		t.Error("no name of a type was accepted")
	}
	if content, err := os.ReadFile(byHand); err != nil || string(content) != "package p\n" {
		t.Errorf("the file that was written by hand: %q, %v", content, err)
	}
}
