module example.com/randomguest

go 1.24
