// The runtime library in the C compiler's part of a guest's link.

package ld

import "os"

// goauditLibrary is what names the library of -l base to the C compiler.
//
// The linker behind it reads all of a library's 134,000 symbols, only to find
// that a shared library may leave its own undefined. So where GOAUDIT_STUB names
// a library of the same soname without symbols, that one is given, and has to be
// kept although nothing is found in it.
func goauditLibrary(base string) []string {
	stub := os.Getenv("GOAUDIT_STUB")
	if base == "std" && stub != "" {
		if _, err := os.Stat(stub); err == nil {
			return []string{"-Wl,--push-state,--no-as-needed", stub, "-Wl,--pop-state"}
		}
	}
	return []string{"-l" + base}
}
