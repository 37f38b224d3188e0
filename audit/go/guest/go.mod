module goaudit/guest

go 1.26
