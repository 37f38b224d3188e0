// locks GOROOT OVERLAY: what state of std's packages the overlay uses, and which
// functions of those packages write to it.
//
// A line for each package variable that a file of the overlay names, or for a field
// of one that is a struct of many: PACKAGE VARIABLE: FUNCTION...  A function writes
// to a variable where it assigns to it or to a part of it, takes its address (as for
// lock), or calls a method of it that is not known to read only.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Structs of the runtime whose fields have each a lock of their own.
var ofFields = []string{"work", "mheap_", "memstats", "gcController", "gcCleanups"}

var readers = []string{"Load", "Range", "All", "Do", "Get", "load", "find"}

func main() {
	goroot, overlay := os.Args[1], os.Args[2]
	check(filepath.WalkDir(overlay, func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || d.Name()[0] == '_' {
			return err
		}
		pkg, err := filepath.Rel(overlay, dir)
		check(err)
		upstream := parse(filepath.Join(goroot, "src", pkg))
		vars := variables(upstream)
		used := map[string][]string{}
		for _, f := range append(parse(dir), parse(filepath.Join(dir, "_*"))...) {
			uses(f, f, vars, func(v string, write bool) { used[v] = nil })
		}
		for _, f := range upstream {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				uses(f, fn, vars, func(v string, write bool) {
					if l, ok := used[v]; ok && write && !slices.Contains(l, name(fn)) {
						used[v] = append(l, name(fn))
					}
				})
			}
		}
		for v, by := range used {
			slices.Sort(by)
			fmt.Println(strings.TrimSpace(fmt.Sprintf("%s %s: %s", pkg, v, strings.Join(by, " "))))
		}
		return nil
	}))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "locks:", err)
		os.Exit(1)
	}
}

func parse(dir string) (files []*ast.File) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	check(err)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		check(err)
		files = append(files, f)
	}
	return
}

func variables(files []*ast.File) map[string]bool {
	vars := map[string]bool{}
	for _, f := range files {
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
				for _, s := range g.Specs {
					for _, n := range s.(*ast.ValueSpec).Names {
						vars[n.Name] = n.Name != "_"
					}
				}
			}
		}
	}
	return vars
}

func name(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	t := fn.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	if p, ok := t.(*ast.IndexExpr); ok {
		t = p.X
	}
	if i, ok := t.(*ast.Ident); ok {
		return i.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}

// uses calls see for each of the vars that a part of the file f names.
func uses(f *ast.File, part ast.Node, vars map[string]bool, see func(v string, write bool)) {
	global := map[*ast.Ident]bool{}
	for _, i := range f.Unresolved {
		global[i] = true
	}
	for n, o := range f.Scope.Objects { // those that this very file declares
		if vars[n] {
			ast.Inspect(f, func(x ast.Node) bool {
				if i, ok := x.(*ast.Ident); ok && i.Obj == o {
					global[i] = true
				}
				return true
			})
		}
	}
	var stack []ast.Node
	ast.Inspect(part, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		if i, ok := n.(*ast.Ident); ok && global[i] && vars[i.Name] {
			v, up := i.Name, stack[:len(stack)-1]
			if s, ok := up[len(up)-1].(*ast.SelectorExpr); ok && s.X == i && slices.Contains(ofFields, v) {
				v, up = v+"."+s.Sel.Name, up[:len(up)-1]
			}
			see(v, written(up, stack[len(up)]))
		}
		return true
	})
}

// written: is the expression below the nodes up written to?
func written(up []ast.Node, below ast.Node) bool {
	for ; len(up) > 0; up, below = up[:len(up)-1], up[len(up)-1] {
		switch n := up[len(up)-1].(type) {
		case *ast.SelectorExpr:
			if len(up) > 1 {
				if c, ok := up[len(up)-2].(*ast.CallExpr); ok && c.Fun == n {
					return !slices.Contains(readers, n.Sel.Name)
				}
			}
		case *ast.IndexExpr:
			if n.X != below {
				return false
			}
		case *ast.StarExpr, *ast.ParenExpr, *ast.SliceExpr:
		case *ast.UnaryExpr:
			return n.Op == token.AND
		case *ast.IncDecStmt:
			return true
		case *ast.AssignStmt:
			return slices.ContainsFunc(n.Lhs, func(e ast.Expr) bool { return e == below })
		case *ast.CallExpr:
			f, ok := n.Fun.(*ast.Ident)
			return ok && (f.Name == "delete" || f.Name == "clear") && n.Args[0] == below
		default:
			return false
		}
	}
	return false
}
