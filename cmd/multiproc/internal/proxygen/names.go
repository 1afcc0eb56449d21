package proxygen

import (
	"cmp"
	"fmt"
	"go/types"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Import paths of what generated code calls.
const (
	managerPath = "github.com/multiproc-go/multiproc/manager"
	wirePath    = "github.com/multiproc-go/multiproc/wire"
)

// localNames are what the generated functions call their own variables.
var localNames = []string{
	"argument", "arguments", "args", "codec", "ctx", "dst", "encoded", "err", "in", "m", "o", "object", "p", "proxy", "rest",
	"result", "src", "v",
}

// localName reports whether a generated function has, or may have, a variable of the name.
func localName(name string) bool {
	if number, ok := strings.CutPrefix(name, "a"); ok {
		if _, err := strconv.Atoi(number); err == nil {
			return true
		}
	}
	return slices.Contains(localNames, name)
}

// A namer gives names to what the generated file imports, and to parameters, such that none hides another that is needed.
type namer struct {
	own     *types.Package
	taken   map[string]bool   // names that neither an import nor a parameter may have
	imports map[string]string // names by path
	clause  map[string]string // the packages' own names by path
	used    map[string]bool   // paths that the file refers to
}

func newNamer(t *exposed) *namer {
	n := &namer{t.source.Types, map[string]bool{}, map[string]string{}, map[string]string{}, map[string]bool{}}
	for _, name := range slices.Concat(localNames, types.Universe.Names(), t.generatedNames()) {
		n.taken[name] = true
	}
	for _, standard := range []string{"context", "fmt", managerPath, wirePath} {
		n.register(t, standard, path.Base(standard))
	}
	for _, m := range t.methods {
		n.registerTypes(t, &m.signature, m.shared == nil)
	}
	if t.factory != nil {
		n.registerTypes(t, &t.factory.signature, false)
	}
	for _, name := range n.own.Scope().Names() {
		if _, isType := n.own.Scope().Lookup(name).(*types.TypeName); isType {
			n.taken[name] = true
		}
	}
	return n
}

func (n *namer) registerTypes(t *exposed, s *signature, result bool) {
	note := func(p *types.Package) string {
		if p != n.own {
			n.register(t, p.Path(), p.Name())
		}
		return p.Name()
	}
	for _, parameter := range s.parameters {
		types.TypeString(bare(parameter.Type()), note)
	}
	if result && s.result != nil {
		types.TypeString(bare(s.result), note)
	}
}

// register gives a package a name that nothing else has in the generated file, nor at the top level of its package.
func (n *namer) register(t *exposed, path, name string) {
	if n.imports[path] != "" {
		return
	}
	free := n.unique(name, func(name string) bool {
		_, declared := t.source.declared[name]
		return declared || n.own.Scope().Lookup(name) != nil
	})
	n.imports[path], n.clause[path], n.taken[free] = free, name, true
}

// unique returns the name, with a number if it is taken.
func (n *namer) unique(name string, alsoTaken func(string) bool) string {
	free := name
	for i := 2; n.taken[free] || alsoTaken(free); i++ {
		free = name + strconv.Itoa(i)
	}
	return free
}

// use returns the name of a package that the file refers to.
func (n *namer) use(path string) string {
	n.used[path] = true
	return n.imports[path]
}

// text writes a type as the generated file has to.
func (n *namer) text(t types.Type) string {
	return types.TypeString(bare(t), func(p *types.Package) string {
		if p == n.own {
			return ""
		}
		return n.use(p.Path())
	})
}

// parameters gives the parameters of a function names, of which no two are the same.
func (n *namer) parameters(list []*types.Var) []string {
	given := map[string]bool{}
	names := make([]string, len(list))
	for i, v := range list {
		name := v.Name()
		if name == "" || name == "_" {
			name = fmt.Sprintf("argument%d", i+1)
		}
		names[i] = n.unique(name, func(name string) bool { return given[name] })
		given[names[i]] = true
	}
	return names
}

// declaration writes the imports that are used: the standard library's, and the others.
func (n *namer) declaration() string {
	var standard, others []string
	for _, p := range slices.SortedFunc(maps.Keys(n.used), cmp.Compare[string]) {
		line := strconv.Quote(p)
		if name := n.imports[p]; name != n.clause[p] || name != path.Base(p) {
			line = name + " " + line
		}
		if first, _, _ := strings.Cut(p, "/"); strings.Contains(first, ".") {
			others = append(others, line)
		} else {
			standard = append(standard, line)
		}
	}
	return "import (\n" + strings.Join(standard, "\n") + "\n\n" + strings.Join(others, "\n") + "\n)\n"
}

// bare returns a type without aliases, which may have names that cannot be written elsewhere.
func bare(t types.Type) types.Type {
	switch u := types.Unalias(t).(type) {
	case *types.Pointer:
		return types.NewPointer(bare(u.Elem()))
	case *types.Slice:
		return types.NewSlice(bare(u.Elem()))
	case *types.Array:
		return types.NewArray(bare(u.Elem()), u.Len())
	case *types.Map:
		return types.NewMap(bare(u.Key()), bare(u.Elem()))
	case *types.Struct:
		fields, tags := make([]*types.Var, u.NumFields()), make([]string, u.NumFields())
		for i := range fields {
			f := u.Field(i)
			fields[i], tags[i] = types.NewField(f.Pos(), f.Pkg(), f.Name(), bare(f.Type()), f.Embedded()), u.Tag(i)
		}
		return types.NewStruct(fields, tags)
	case *types.Named:
		if u.TypeArgs().Len() == 0 {
			return u
		}
		var arguments []types.Type
		for argument := range u.TypeArgs().Types() {
			arguments = append(arguments, bare(argument))
		}
		if instance, err := types.Instantiate(nil, u.Origin(), arguments, false); err == nil {
			return instance
		}
		return u
	case *types.Interface:
		if u.NumMethods() == 0 {
			return types.Universe.Lookup("any").Type()
		}
		return u
	default:
		return u
	}
}
