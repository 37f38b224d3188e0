package ld

// What a guest exports to Go hosts.
//
// For a main package that is compiled with -dynlink the compiler writes the tables
// of plugin.Lookup: go:plugin.tabs, with an offset of the name and one of the type for
// each exported function and variable, and go:plugin.exports, with their addresses
// (cmd/compile/internal/reflectdata, WritePluginTable).  The linker keeps them for
// -buildmode=plugin only; and an offset cannot lead to a type of the runtime library.
// Here a guest gets one table of addresses, a dynamic symbol goaudit_exports:
//
//	count, {name, type, address} * count
//
// name is as in abi.Name; the table's own name is a C identifier, for the audit module
// hides Go's names where a program has such.  A reader is audit/go/guest.

import (
	"cmd/link/internal/loader"
	"cmd/link/internal/sym"
	"debug/elf"
	"sort"
	"strings"
)

// goauditExports makes the table.  It returns 0 if there is nothing to export.
func goauditExports(ctxt *Link) loader.Sym {
	ldr := ctxt.loader
	tabs := ldr.Lookup("go:plugin.tabs", 0)
	exports := ldr.Lookup("go:plugin.exports", 0)
	if !ctxt.linkShared || ctxt.BuildMode != BuildModeCShared || tabs == 0 || exports == 0 {
		return 0
	}
	named, addresses := ldr.Relocs(tabs), ldr.Relocs(exports)
	n := addresses.Count()
	if named.Count() != 2*n {
		return 0 // another Go's table
	}
	table := ldr.CreateSymForUpdate("goaudit_exports", 0)
	table.SetType(sym.SRODATA)
	table.SetAlign(int32(ctxt.Arch.PtrSize))
	table.AddUint(ctxt.Arch, uint64(n))
	for i := 0; i < n; i++ {
		table.AddAddr(ctxt.Arch, named.At(2*i).Sym())
		table.AddAddr(ctxt.Arch, named.At(2*i+1).Sym())
		table.AddAddr(ctxt.Arch, addresses.At(i).Sym())
	}
	// Writing to it has marked it, but not what it leads to.
	ldr.SetAttrReachable(table.Sym(), false)
	return table.Sym()
}

// goauditModinfo keeps what debug.ReadBuildInfo goes by, as a dynamic symbol
// goaudit_modinfo: its length, and the text. The variable that go build means is in the
// runtime library.
func goauditModinfo(ctxt *Link) loader.Sym {
	if !ctxt.linkShared || ctxt.BuildMode != BuildModeCShared && ctxt.BuildMode != BuildModeExe {
		return 0
	}
	text := strdata["runtime.modinfo"]
	info := ctxt.loader.CreateSymForUpdate("goaudit_modinfo", 0)
	info.SetType(sym.SRODATA)
	info.SetAlign(int32(ctxt.Arch.PtrSize))
	info.AddUint(ctxt.Arch, uint64(len(text)))
	info.AddBytes([]byte(text))
	ctxt.loader.SetAttrReachable(info.Sym(), false)
	return info.Sym()
}

// goauditOwn makes the dynamic symbol goaudit_own: a text, of which goauditDescribe makes
// lines when it is known what the image has.
func goauditOwn(ctxt *Link) loader.Sym {
	if !ctxt.linkShared || ctxt.BuildMode != BuildModeCShared && ctxt.BuildMode != BuildModeExe {
		return 0
	}
	own := ctxt.loader.CreateSymForUpdate("goaudit_own", 0)
	own.SetType(sym.SRODATA)
	ctxt.loader.SetAttrReachable(own.Sym(), false)
	return own.Sym()
}

// goauditDescribe says what an image has of its own that could be in a library, as far as
// other images may have it, too. As in a package library's list (audit/tool/share/library.h),
// but for the last word of a package:
//
//	package PATH VERSION own
//	instance NAME		a type, of packages that are all in libraries
func goauditDescribe(ctxt *Link) {
	own := ctxt.loader.Lookup("goaudit_own", 0)
	if own == 0 {
		return
	}
	modules, lines, paths := goauditModules(), []string{}, []string{"main"}
	for _, lib := range ctxt.Library {
		if lib.Shlib != "" || lib.Pkg == "main" || lib.Main {
			continue
		}
		paths = append(paths, lib.Pkg)
		// Package goaudit/guest and those below it are never shared.
		if !strings.HasPrefix(lib.Pkg+"/", "goaudit/guest/") {
			lines = append(lines, "package "+lib.Pkg+" "+modules.version(lib.Pkg)+" own\n")
		}
	}
	for _, name := range goauditInstances(ctxt, paths) {
		lines = append(lines, "instance "+name+"\n")
	}
	sort.Strings(lines)
	ctxt.loader.MakeSymbolUpdater(own).AddBytes([]byte(strings.Join(lines, "") + "\x00"))
}

// goauditInstances returns the names of the instances of generic types that are in this
// image and in no library, and that have nothing of the packages in paths.
func goauditInstances(ctxt *Link, paths []string) []string {
	ldr, names := ctxt.loader, map[string]string{}
	for s := loader.Sym(1); s < loader.Sym(ldr.NSym()); s++ {
		if !ldr.AttrReachable(s) || ldr.SymType(s) == sym.SDYNIMPORT {
			continue
		}
		name, isType := strings.CutPrefix(ldr.SymName(s), "type:")
		bracket := strings.IndexByte(name, '[')
		if !isType || bracket < 0 || name[0] == '.' || !strings.Contains(name[:bracket], ".") ||
			strings.HasPrefix(name, "noalg.") || strings.HasPrefix(name, "map.") ||
			strings.ContainsAny(name[:bracket], "(*{ ") || strings.Contains(name, "go.shape.") ||
			goauditMentions(name, paths) {
			continue
		}
		names[typeSymbolMangle("type:"+name)] = name
	}
	for _, syms := range goauditDynamic {
		for i := range syms {
			if len(names) != 0 && syms[i].Section != elf.SHN_UNDEF {
				delete(names, syms[i].Name)
			}
		}
	}
	out := []string{}
	for _, name := range names {
		out = append(out, name)
	}
	return out
}

// goauditMentions: has a type's name something of one of these packages in it?
func goauditMentions(name string, paths []string) bool {
	for _, path := range paths {
		for at := 0; ; at++ {
			i := strings.Index(name[at:], path+".")
			if i < 0 {
				break
			}
			if at += i; at == 0 || strings.IndexByte("[](){}*,; ", name[at-1]) >= 0 {
				return true
			}
		}
	}
	return false
}

// goauditVersions has the version of each module of the build.
type goauditVersions map[string]string

// goauditModules reads the text that runtime/debug.ParseBuildInfo does, which has 16
// bytes in front and behind it.
func goauditModules() goauditVersions {
	modules, last := goauditVersions{}, ""
	for _, line := range strings.Split(strdata["runtime.modinfo"], "\n") {
		word := strings.Split(line, "\t")
		if len(word) > 2 && word[2] != "" && (strings.HasSuffix(word[0], "mod") || word[0] == "dep") {
			last = word[1]
			modules[last] = word[2]
		} else if len(word) > 2 && word[0] == "=>" && last != "" {
			if word[2] == "" {
				word[2] = "(devel)"
			}
			modules[last] = word[2]
		}
	}
	return modules
}

func (modules goauditVersions) version(pkg string) string {
	for path := pkg; ; {
		if v := modules[path]; v != "" {
			return v
		}
		slash := strings.LastIndexByte(path, '/')
		if slash < 0 {
			return "(devel)"
		}
		path = path[:slash]
	}
}
