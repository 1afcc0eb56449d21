# Every target is a step of .ci/run, which is what continuous integration calls: a machine without make runs
# `bash .ci/run STEP` for the same effect.

CHECKS := test vet fmt lint race cross test32 generate-check tidy-check vuln
DESK := format generate bench microbench fuzz-short chaos

.PHONY: ci build help $(CHECKS) $(DESK)

help:
	@echo 'make ci: every check. One at a time: $(CHECKS)'
	@echo 'at the desk: build $(DESK)'

ci:
	@bash .ci/run

build:
	go build -o bin/multiproc ./cmd/multiproc

$(CHECKS) $(DESK):
	@bash .ci/run $@
