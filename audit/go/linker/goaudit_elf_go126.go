//go:build go1.26

package ld

import (
	"cmd/link/internal/sym"
	"debug/elf"
)

func goauditSection(s *sym.Section) elf.SectionIndex {
	return elfShdrShnum(s.Elfsect.(*ElfShdr))
}
