package proxygen

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An exposed is a type that is made ready to be shared.
type exposed struct {
	source     *source
	typ        *types.Named
	name       string // the type's
	proxy      string // the proxy's type
	registered string // the name that managers know the type by
	factory    *factory
	methods    []*method // by name
}

// inspect finds the type and all that is to be exposed of it, or returns everything that cannot be, as Faults.
func inspect(p *source, o Options) (*exposed, error) {
	object, isType := p.Types.Scope().Lookup(o.Type).(*types.TypeName)
	if !isType {
		err := fmt.Errorf("package %s has no type %s (files whose names end in _test.go are not read)", p.PkgPath, o.Type)
		if len(p.Errors) != 0 {
			err = fmt.Errorf("%w; it has these faults:\n%w", err, p.problems())
		}
		return nil, err
	}
	faults := &faultList{files: p.Fset, folder: o.Folder}
	t := &exposed{source: p, name: o.Type, proxy: o.Type + "Proxy", registered: o.Name}
	if t.registered == "" {
		t.registered = p.PkgPath + "." + o.Type
	}
	if t.typ = shareable(object, faults); t.typ == nil {
		return nil, faults.err()
	}
	t.checkNames(faults)
	t.selectMethods(o, faults)
	t.factory = t.findFactory(o.Factory, faults)
	if err := faults.err(); err != nil {
		return nil, t.explain(err)
	}
	return t, nil
}

// explain adds the compiler's errors where a type is unknown because of them.
func (t *exposed) explain(err error) error {
	if strings.Contains(err.Error(), "is unknown") && len(t.source.Errors) != 0 {
		return fmt.Errorf("%w\nthe package does not compile:\n%w", err, t.source.problems())
	}
	return err
}

// shareable returns the type if there can be proxies for it.
func shareable(object *types.TypeName, faults *faultList) *types.Named {
	named, ok := object.Type().(*types.Named)
	if !ok || object.IsAlias() {
		faults.add(object.Pos(), "type %s is another name for %s: give -type the type itself, in the package that declares it",
			object.Name(), shortType(types.Unalias(object.Type())))
		return nil
	}
	if named.TypeParams().Len() != 0 {
		faults.add(object.Pos(), "type %s is generic: a manager has to know its types before the program runs. Declare a type "+
			"for the instance that is to be shared, which has it in a field or embeds it", object.Name())
		return nil
	}
	switch named.Underlying().(type) {
	case *types.Interface:
		faults.add(object.Pos(), "type %s is an interface: give -type a type that implements it", object.Name())
		return nil
	case *types.Pointer:
		faults.add(object.Pos(), "type %s is a pointer, which has no methods: give -type what it points to", object.Name())
		return nil
	}
	return named
}

// exported is what every name of the generated file that users see is made with: the proxy of an exported type is exported.
func (t *exposed) exported() bool { return token.IsExported(t.name) }

// local makes a name for the package alone.
func (t *exposed) local(prefix, suffix string) string {
	if prefix == "" {
		return initial(t.name, unicode.ToLower) + suffix
	}
	return prefix + initial(t.name, unicode.ToUpper) + suffix
}

// initial changes the first letter of a name.
func initial(name string, change func(rune) rune) string {
	first, size := utf8.DecodeRuneInString(name)
	return string(change(first)) + name[size:]
}

// public makes a name that is exported where the type is.
func (t *exposed) public(prefix, suffix string) string {
	if prefix == "" {
		return t.name + suffix
	}
	if t.exported() {
		prefix = initial(prefix, unicode.ToUpper)
	}
	return t.local(prefix, suffix)
}

// generatedNames are all names that the generated file declares.
func (t *exposed) generatedNames() []string {
	return []string{
		t.proxy, t.proxyType(), t.constructor(), t.converter(), t.table(), t.arguments(), t.next(), t.encoder(), t.argumentStruct(),
	}
}

func (t *exposed) proxyType() string      { return t.public("", "ProxyType") }
func (t *exposed) constructor() string    { return t.public("new", "Proxy") }
func (t *exposed) converter() string      { return t.public("", "ProxyOf") }
func (t *exposed) table() string          { return t.local("dispatch", "") }
func (t *exposed) arguments() string      { return t.local("", "Arguments") }
func (t *exposed) next() string           { return t.local("next", "Argument") }
func (t *exposed) encoder() string        { return t.local("encode", "Result") }
func (t *exposed) argumentStruct() string { return t.local("new", "ProxyArgument") }

func (t *exposed) checkNames(faults *faultList) {
	for _, name := range t.generatedNames() {
		if at, taken := t.source.declared[name]; taken {
			faults.add(at, "%s is declared here, and is a name that the generated file needs: rename it, or remove the file if "+
				"it was generated before", name)
		}
	}
}

// selectMethods reads the methods that are to be exposed.
func (t *exposed) selectMethods(o Options, faults *faultList) {
	all := map[string]bool{}
	set := types.NewMethodSet(types.NewPointer(t.typ))
	for selection := range set.Methods() {
		fn := selection.Obj().(*types.Func)
		if !fn.Exported() {
			continue
		}
		all[fn.Name()] = true
		if o.Methods != nil && !slices.Contains(o.Methods, fn.Name()) || o.Methods == nil && belongsToManager(fn) {
			continue
		}
		if m := t.readMethod(selection, slices.Contains(o.Shared, fn.Name()), faults); m != nil {
			t.methods = append(t.methods, m)
		}
	}
	here := t.typ.Obj().Pos()
	for _, name := range slices.Concat(o.Methods, o.Shared) {
		if !all[name] {
			faults.add(here, "type %s has no exported method %s", t.name, name)
		}
	}
	for _, name := range o.Shared {
		if o.Methods != nil && !slices.Contains(o.Methods, name) {
			faults.add(here, "method %s is shared and not exposed: name it in -methods too", name)
		}
	}
	if len(t.methods) == 0 && len(faults.list) == 0 {
		faults.add(here, "type %s has no method to expose", t.name)
	}
}

// belongsToManager reports whether a method is one that the manager itself calls: Close when the last reference has gone,
// String for Proxy.Describe.
func belongsToManager(fn *types.Func) bool {
	shape := shapeOf(fn.Signature())
	return fn.Name() == "Close" && shape == "() error" || fn.Name() == "String" && shape == "() string"
}

// comment returns the comment of a method that is declared in the package, or "".
func (t *exposed) comment(fn *types.Func) string {
	for _, file := range t.source.Syntax {
		for _, declaration := range file.Decls {
			if d, ok := declaration.(*ast.FuncDecl); ok && t.source.TypesInfo.Defs[d.Name] == fn {
				return strings.TrimSpace(d.Doc.Text())
			}
		}
	}
	return ""
}
