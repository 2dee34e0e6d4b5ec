module workout

go 1.24
