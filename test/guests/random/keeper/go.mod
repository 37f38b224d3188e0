module example.com/randomkeeper

go 1.24
