// require github.com/shirou/gopsutil/v4 v4.26.10
package main

import (
	"fmt"
	"os"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/process"
)

func test() string {
	m := must(mem.VirtualMemory())
	n := must(cpu.Counts(true))
	p := must(process.NewProcess(int32(os.Getpid())))
	must(p.MemoryInfo())
	return fmt.Sprint(m.Total > 0, n > 0, p.Pid > 0)
}
