package proxygen

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/token"
	"os"
	"strings"

	"golang.org/x/tools/go/packages"
)

// A source is the package that is read, without what was generated before.
type source struct {
	*packages.Package
	declared map[string]token.Pos // names at the top level of its other files
}

// load reads the package in a folder as if its output file had nothing but an outline of the proxy: methods may mention
// it before it has been generated.
func load(ctx context.Context, folder, output, typeName string) (*source, error) {
	name, err := packageName(folder)
	if err != nil {
		return nil, err
	}
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
			packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedTypesSizes,
		Context: ctx,
		Dir:     folder,
		Overlay: map[string][]byte{output: outline(name, typeName)},
	}, ".")
	if err != nil {
		return nil, fmt.Errorf("read the package in %s: %w", folder, err)
	}
	if len(loaded) != 1 || loaded[0].Types == nil {
		return nil, fmt.Errorf("read the package in %s: the go command finds none there: is the folder in a module, which has a go.mod?", folder)
	}
	p := &source{loaded[0], map[string]token.Pos{}}
	for _, e := range p.Errors {
		if e.Kind == packages.ParseError {
			return nil, fmt.Errorf("the package in %s cannot be read:\n%w", folder, p.problems())
		}
	}
	for _, file := range p.Syntax {
		if p.Fset.Position(file.Package).Filename == output {
			continue
		}
		for _, declaration := range file.Decls {
			p.declare(declaration)
		}
	}
	return p, nil
}

// packageName returns the name in the package clauses of a folder.
func packageName(folder string) (string, error) {
	found, err := build.ImportDir(folder, 0)
	if found != nil && found.Name != "" {
		return found.Name, nil
	}
	if name := os.Getenv("GOPACKAGE"); name != "" { // which go generate sets
		return name, nil
	}
	return "", fmt.Errorf("read the package in %s: %w", folder, err)
}

// outline declares the proxy as something that can travel.
func outline(packageName, typeName string) []byte {
	proxy := typeName + "Proxy"
	return []byte(strings.ReplaceAll("package "+packageName+`

type PROXY struct{ _ int }

func (*PROXY) MarshalMsg(dst []byte) ([]byte, error)   { return dst, nil }
func (*PROXY) UnmarshalMsg(src []byte) ([]byte, error) { return src, nil }
`, "PROXY", proxy))
}

// declare notes the names of a declaration at the top level.
func (p *source) declare(declaration ast.Decl) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			p.declared[d.Name.Name] = d.Name.Pos()
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				p.declared[s.Name.Name] = s.Name.Pos()
			case *ast.ValueSpec:
				for _, name := range s.Names {
					p.declared[name.Name] = name.Pos()
				}
			}
		}
	}
}

// maxProblems is how many of the compiler's errors are passed on.
const maxProblems = 10

// problems returns what is wrong with the package, as the compiler sees it.
func (p *source) problems() error {
	var all []error
	for _, e := range p.Errors {
		if len(all) == maxProblems {
			all = append(all, errors.New("and more"))
			break
		}
		all = append(all, e)
	}
	return errors.Join(all...)
}
