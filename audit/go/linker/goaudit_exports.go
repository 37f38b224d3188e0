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

// goauditOwn says which packages are the image's own, and of no library, as a dynamic
// symbol goaudit_own: a text with a line for each, and a NUL. As in a package library's
// list (audit/tool/share/library.h), but for the last word:
//
//	package PATH VERSION own
func goauditOwn(ctxt *Link) loader.Sym {
	if !ctxt.linkShared || ctxt.BuildMode != BuildModeCShared && ctxt.BuildMode != BuildModeExe {
		return 0
	}
	modules, lines := goauditModules(), []string{}
	for _, lib := range ctxt.Library {
		// Package goaudit/guest and those below it are never shared.
		if lib.Shlib == "" && lib.Pkg != "main" && !lib.Main && !strings.HasPrefix(lib.Pkg+"/", "goaudit/guest/") {
			lines = append(lines, "package "+lib.Pkg+" "+modules.version(lib.Pkg)+" own\n")
		}
	}
	sort.Strings(lines)
	own := ctxt.loader.CreateSymForUpdate("goaudit_own", 0)
	own.SetType(sym.SRODATA)
	own.AddBytes([]byte(strings.Join(lines, "") + "\x00"))
	ctxt.loader.SetAttrReachable(own.Sym(), false)
	return own.Sym()
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
