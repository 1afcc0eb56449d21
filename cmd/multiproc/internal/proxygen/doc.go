// Package proxygen writes typed proxies for Go types whose values live in a manager, and dispatch tables that call their
// methods without reflection.
//
// Generate reads the package in a folder (load.go), looks at the methods of the type and at the function that makes its
// values (inspect.go, signature.go), makes sure that all arguments and results can travel (travel.go), and renders one
// file (render.go, proxy.go, dispatch.go) with names that nothing in it shadows (names.go). What cannot be exposed is
// told all at once, each fault with its place in the source (fault.go).
//
// Packages are read with golang.org/x/tools/go/packages: it asks the go command, and so agrees with the build on modules,
// workspaces, vendoring, build tags and cgo, takes what is imported from the build's own cache, and goes on where the
// package does not compile yet because the file that is to be generated is missing. The standard library's source
// importer type-checks everything that is imported anew, from files that it finds in ways of its own.
package proxygen
