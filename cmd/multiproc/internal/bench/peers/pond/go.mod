module github.com/multiproc-go/multiproc/cmd/multiproc/internal/bench/peers/pond

go 1.26.0

require github.com/alitto/pond/v2 v2.7.1
