// tables lists what of package runtime may know addresses that the proof's marker
// does not see, one a line: tables OVERLAY
//
//	exempt PKG.VAR    a variable that the overlay tells the marker not to look at,
//	                  or only after the purge, or for pointers only
//	offheap TYPE      a type of memory that no collector knows, with addresses in it
//	number VAR        a variable of the runtime with words that are numbers for the
//	                  collector and may be addresses
//	alloc FUNC        a function of the runtime that allocates outside of the heap
//
// It reads the sources of the go command in PATH and of the overlay.
package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

var (
	fset  = token.NewFileSet()
	found = map[string]bool{}
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// parse returns the files of a folder that are for this release.
func parse(dir string) (files []*ast.File) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	check(err)
	for _, name := range names {
		if match, err := build.Default.MatchFile(filepath.Dir(name), filepath.Base(name)); err != nil || !match || strings.HasSuffix(name, "_test.go") {
			check(err)
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		check(err)
		files = append(files, f)
	}
	return
}

// exempt lists the variables that a package of the overlay registers.
func exempt(pkg string, files []*ast.File) {
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name, ok := c.Fun.(*ast.Ident)
			if !ok || name.Name != "goauditOnVar" && name.Name != "table" {
				return true
			}
			// unsafe.Pointer(&NAME), or, within the helper of package runtime, p
			if conv, ok := c.Args[0].(*ast.CallExpr); ok {
				found["exempt "+pkg+"."+types.ExprString(conv.Args[0].(*ast.UnaryExpr).X)] = true
			}
			return true
		})
	}
}

// alloc lists the functions that allocate memory which no collector knows.
func alloc(files []*ast.File) {
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if c, ok := n.(*ast.CallExpr); ok {
					switch callee, _ := c.Fun.(*ast.Ident); {
					case callee == nil:
					case callee.Name == "persistentalloc", callee.Name == "sysAlloc":
						found["alloc "+fn.Name.Name] = true
					}
				}
				return true
			})
		}
	}
}

// number: may a word of this type be an address for which no collector cares?
func number(t types.Type) bool {
	switch n := types.Unalias(t).(type) {
	case *types.Named:
		switch name := n.Obj().Name(); {
		case name == "guintptr" || name == "muintptr" || name == "puintptr":
			return false // goroutines, threads, processors
		case name == "mutex" || name == "note" || name == "rwmutex":
			return false // states of locks, and who waits
		case name == "Uintptr":
			return true
		}
		if s, ok := n.Underlying().(*types.Struct); ok && offheap(s) {
			return false // listed as such
		}
	}
	return anyPart(t, number)
}

// anyPart: is it true of a part of t that lies in t itself?
func anyPart(t types.Type, is func(types.Type) bool) bool {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Kind() == types.Uintptr
	case *types.Array:
		return is(u.Elem())
	case *types.Struct:
		for i := 0; i < u.NumFields(); i++ {
			if is(u.Field(i).Type()) {
				return true
			}
		}
	}
	return false
}

// offheap: is the struct marked as one that is never on the heap?
func offheap(s *types.Struct) bool {
	for i := 0; i < s.NumFields(); i++ {
		t := s.Field(i).Type()
		if n, ok := types.Unalias(t).(*types.Named); ok && (n.Obj().Name() == "NotInHeap" || n.Obj().Name() == "nih") {
			return true
		}
		if inner, ok := t.Underlying().(*types.Struct); ok && offheap(inner) {
			return true
		}
	}
	return false
}

// releases returns the tags of the release whose sources are read.
func releases() (tags []string) {
	text, err := os.ReadFile(filepath.Join(build.Default.GOROOT, "VERSION"))
	check(err)
	var minor int
	_, err = fmt.Sscanf(string(text), "go1.%d", &minor)
	check(err)
	for i := 1; i <= minor; i++ {
		tags = append(tags, fmt.Sprintf("go1.%d", i))
	}
	return
}

func main() {
	overlay := os.Args[1]
	build.Default.CgoEnabled = true
	build.Default.ReleaseTags = releases()
	check(filepath.WalkDir(overlay, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name()[0] != '_' {
			pkg, _ := filepath.Rel(overlay, path)
			exempt(pkg, append(parse(path), parse(filepath.Join(path, "_*"))...))
		}
		return err
	}))
	conf := types.Config{Importer: importer.ForCompiler(fset, "source", nil), FakeImportC: true, Sizes: types.SizesFor("gc", "amd64")}
	dir := filepath.Join(build.Default.GOROOT, "src", "runtime")
	files := append(parse(dir), parse(filepath.Join(overlay, "runtime"))...)
	files = append(files, parse(filepath.Join(overlay, "runtime", "_*"))...)
	alloc(files)
	p, err := conf.Check("runtime", fset, files, nil)
	check(err)
	for _, name := range p.Scope().Names() {
		switch o := p.Scope().Lookup(name).(type) {
		case *types.Var:
			if !found["exempt runtime."+name] && number(o.Type()) {
				found["number "+name] = true
			}
		case *types.TypeName:
			if s, ok := o.Type().Underlying().(*types.Struct); ok && !o.IsAlias() && offheap(s) {
				found["offheap "+name] = true
			}
		}
	}
	var lines []string
	for line := range found {
		lines = append(lines, line)
	}
	sort.Strings(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
}
