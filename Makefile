# Every target does its own set-up (scripts/setup.sh). ARGS="..." goes to the program that the target runs.

.PHONY: help train test lint format benchmark fuzz clean

help:
	@echo "make train      train the embedded digits; ends with the accuracy and the path of the plot"
	@echo "make test       run every test, C++ and Python"
	@echo "make lint       check formatting, linters and types"
	@echo "make format     rewrite the sources in the project's format"
	@echo "make benchmark  measure the engine against the matrix products alone"
	@echo "make fuzz       a million hostile model files under sanitizers (installs clang; for the night)"
	@echo "make clean      remove .venv and everything built"

train:
	@scripts/train.sh $(ARGS)

test:
	@scripts/test.sh $(ARGS)

lint:
	@scripts/lint.sh

format:
	@scripts/format.sh

benchmark:
	@scripts/benchmark.sh $(ARGS)

fuzz:
	@scripts/fuzz.sh $(ARGS)

clean:
	rm -rf .venv build dist
