module locks

go 1.21
