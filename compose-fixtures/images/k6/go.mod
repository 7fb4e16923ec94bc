module k6-image

go 1.24

require go.k6.io/k6 v1.3.0
