module re2match

go 1.22
