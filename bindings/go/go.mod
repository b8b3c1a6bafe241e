module hexz

go 1.24
