package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const proxyTestdata = "internal/proxygen/testdata"

// proxyModule makes a module of its own from packages of testdata, without their generated files.
func proxyModule(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	module := t.TempDir()
	_, requirements, _ := strings.Cut(readFile(t, filepath.Join(root, "go.mod")), "\n")
	requirements, _, _ = strings.Cut(requirements, "\ntool ")
	const ours = "github.com/multiproc-go/multiproc"
	writeFile(t, filepath.Join(module, "go.sum"), readFile(t, filepath.Join(root, "go.sum")))
	writeFile(t, filepath.Join(module, "go.mod"), "module example.com/outside\n"+requirements+
		"\nrequire "+ours+" v0.0.0\nreplace "+ours+" => "+root+"\n")
	for _, name := range []string{"ledger/ledger.go", "ledger/zero.go"} {
		writeFile(t, filepath.Join(module, name), readFile(t, filepath.Join(proxyTestdata, name)))
	}
	writeFile(t, filepath.Join(module, "main.go"), readFile(t, filepath.Join(proxyTestdata, "program", "main.go")))
	return module
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestProxyHelpNamesListsOnce(t *testing.T) {
	stdout, _, status := runToEnd(t, "", "proxy", "--help")
	for _, want := range []string{"--methods=M,... ", "--shared=M,... "} {
		if status != 0 || !strings.Contains(stdout, want) {
			t.Errorf("status %d, no %q in:\n%s", status, want, stdout)
		}
	}
}

// proxyIn runs multiproc proxy in a folder.
func proxyIn(t *testing.T, folder string, arguments ...string) (stderr string, status int) {
	t.Helper()
	p := prepareProgram(t, nil, append([]string{"proxy"}, arguments...)...)
	p.cmd.Dir = folder
	p.start()
	status = p.wait()
	return p.stderr.String(), status
}

// A program of another module, whose package does not compile before its proxies have been generated.
func TestProxyProgram(t *testing.T) {
	module := proxyModule(t)
	ledger := filepath.Join(module, "ledger")
	for _, arguments := range [][]string{
		{"-type", "Ledger", "-shared=Account"},
		{"--type=account", "-name", "the account", "-new", "-"},
		{"-type=Zero", "-output", "zero_generated.go"},
	} {
		if stderr, status := proxyIn(t, ledger, arguments...); status != 0 || stderr != "" {
			t.Fatalf("multiproc proxy %q: exit status %d\n%s", arguments, status, stderr)
		}
	}
	golden := readFile(t, filepath.Join(proxyTestdata, "ledger", "ledger_proxy_gen.go"))
	golden = strings.ReplaceAll(golden, `"github.com/multiproc-go/multiproc/cmd/multiproc/internal/proxygen/testdata/ledger.Ledger"`,
		`"example.com/outside/ledger.Ledger"`)
	if diff := cmp.Diff(golden, readFile(t, filepath.Join(ledger, "ledger_proxy_gen.go"))); diff != "" {
		t.Errorf("generated (-golden +got):\n%s", diff)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", "program", ".")
	build.Dir = module
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	program := exec.CommandContext(t.Context(), filepath.Join(module, "program"))
	var stderr strings.Builder
	program.Stderr = &stderr
	if output, err := program.Output(); err != nil || string(output) != "all is well\n" {
		t.Errorf("the program: %v\n%s%s", err, output, stderr.String())
	}
}

func TestProxyIsGeneratedAgain(t *testing.T) {
	module := proxyModule(t)
	folder := filepath.Join(module, "ledger")
	path := filepath.Join(folder, "zero_proxy_gen.go")
	generate := func() os.FileInfo {
		t.Helper()
		if stderr, status := proxyIn(t, folder, "-type", "Zero"); status != 0 {
			t.Fatalf("exit status %d\n%s", status, stderr)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	first := generate()
	content := readFile(t, path)
	if again := generate(); !os.SameFile(first, again) || again.ModTime() != first.ModTime() {
		t.Error("a file that needs no change was written")
	}
	stale := strings.ReplaceAll(content, ".Add(", ".Gone(") + "\nvar _ = neverDeclared\n"
	writeFile(t, path, stale)
	if generate(); readFile(t, path) != content {
		t.Error("a stale file stays in the way")
	}
}

func TestProxyRefuses(t *testing.T) {
	folder := filepath.Join(proxyTestdata, "refused")
	stderr, status := proxyIn(t, folder, "-type", "Everything")
	if status != exitFailed || !strings.HasPrefix(stderr, "other/other.go:10:18: method Tell: ") ||
		!strings.HasSuffix(stderr, "multiproc proxy: Everything cannot be exposed as it is; nothing was written\n") {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
	if _, err := os.Stat(filepath.Join(folder, "everything_proxy_gen.go")); err == nil {
		t.Error("something was written")
	}
	for want, arguments := range map[string][]string{
		"missing flags: --type": nil,
		"unknown flag --tpye":   {"-tpye", "T"},
		"proxy --help":          {"-type"},
	} {
		if stderr, status := proxyIn(t, folder, arguments...); status != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit status %d\n%s", arguments, status, stderr)
		}
	}
}
