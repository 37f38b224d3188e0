module example.com/gohost

go 1.26

require goaudit/guest v0.0.0

replace goaudit/guest => ../../../go/guest
