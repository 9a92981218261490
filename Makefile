# Everything sets itself up: `make demo` and `make test` are all a fresh machine needs.

PYTHON := python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TOOLS := $(VENV)/.tools
# Python compiles what it imports; pip would compile all of torch, which takes longer than to download it.
INSTALL := $(BIN)/pip install --quiet --no-compile -c constraints.txt

.PHONY: demo test test-all test-clusters wheel test-gpu oracles lint hooks docs notebooks benchmark gpu benchmark-gpu sanitize neon python browser clean

demo: $(READY)  ## The main job: four mechanisms trained at 128 tokens and evaluated up to 4,096, ending in a report.
	$(BIN)/lengthwise compare flip-flop \
		-a threshold-relative -a softmax+rope -a softmax+alibi -a softmax+nope \
		--set evaluate.tokens=65536 --out runs/demo --resume

# Tests take from milliseconds to half a minute: a worker that has none left takes some of the other's.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

test: $(TOOLS) browser  ## The tests, in minutes: all but those marked long.
	$(PYTEST) -m 'not long and not cluster'

test-all: $(TOOLS) browser  ## All tests, as continuous integration runs them.
	$(PYTEST) -m 'not cluster'

test-clusters: $(TOOLS)  ## Comparisons on Ray and under stand-ins for SLURM, whose workers, nodes and commands are killed.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/experiments/test_executors.py

wheel: python  ## The built package, as pip installs it: in a fresh environment, without extras and then with most.
	PYTHON=$(PYTHON) .ci/wheel

test-gpu: $(TOOLS)  ## The operators' tests on an NVIDIA GPU, by the Triton kernels.
	LENGTHWISE_TEST_GPU=1 $(BIN)/python -m pytest tests/ops/test_triton.py tests/ops/test_triton_walks.py tests/ops/test_backends.py \
		tests/ops/test_extremes.py tests/ops/test_decoding.py

oracles: $(VENV)/.oracles  ## The attention mechanisms against independent packages, which nothing else needs.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/oracles

lint: $(TOOLS)  ## Style, types, and the direction of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run --Werror $(wildcard native/*.h native/*.cpp native/*/*.h native/*/*.cpp)

hooks: $(TOOLS)  ## Once, who likes: what lint checks, at every commit, by the same tools.
	$(INSTALL) pre-commit
	$(BIN)/pre-commit install

docs: $(VENV)/.docs  ## The documentation site, into build/docs/index.html; a warning is an error.
	$(BIN)/python -m sphinx -E -W --keep-going --quiet docs build/docs

notebooks: $(TOOLS)  ## Runs the notebooks of the documentation and keeps what they print.
	$(BIN)/jupyter execute --inplace --startup_timeout=600 --NotebookClient.record_timing=False docs/notebooks/*.ipynb

benchmark: $(READY)  ## The operator against the reference and against torch's own attention, and how often it rounds a key away.
	$(BIN)/lengthwise bench
	$(BIN)/python benchmarks/threshold_relative.py

gpu: test-gpu benchmark-gpu  ## On an NVIDIA GPU, all there is to do: test, search for tile sizes, measure; the table comes last.

HEAD_DIM := 64
benchmark-gpu: $(READY)  ## On an NVIDIA GPU: the Triton kernels beside torch's flash attention, FlexAttention and others.
	$(BIN)/python benchmarks/threshold_relative.py --device cuda
	$(BIN)/lengthwise bench --device cuda --head-dim $(HEAD_DIM) --out runs/benchmark-gpu-$(HEAD_DIM).json

# Scratch memory is filled with NaN. What fails says how to repeat it; other SEEDs give other cases.
CASES := 300
SEED := 1
CMAKE := $(or $(shell command -v cmake),$(BIN)/cmake)
sanitize: $(CMAKE)  ## The C++ kernels on random calls, compared with a naive computation, under GCC's or Clang's sanitizers.
	for kinds in address,undefined thread; do \
		$(CMAKE) -S native/tests -B build/sanitize/$$kinds -DLENGTHWISE_SANITIZE=$$kinds >/dev/null && \
		$(CMAKE) --build build/sanitize/$$kinds --parallel 2 >/dev/null || exit 1; \
	done
	for path in portable avx2 avx512; do \
		LENGTHWISE_POISON=1 LENGTHWISE_NATIVE=$$path build/sanitize/address,undefined/fuzz $(CASES) $(SEED) || exit 1; \
	done
	LENGTHWISE_POISON=1 build/sanitize/thread/fuzz $(CASES) $(SEED)

# Debian's compiler for another processor, and an emulator of it.
ARM := aarch64-linux-gnu
ARM_RUN := qemu-aarch64 -L /usr/$(ARM)
neon: $(CMAKE)  ## The C++ kernels for 64-bit ARM on random calls, in an emulator.
	@command -v $(ARM)-g++ >/dev/null && command -v qemu-aarch64 >/dev/null || \
		{ echo "This needs a compiler and an emulator: apt-get install g++-$(ARM) qemu-user"; exit 1; }
	$(CMAKE) -S native/tests -B build/neon -DLENGTHWISE_SANITIZE= -DCMAKE_SYSTEM_NAME=Linux \
		-DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=$(ARM)-g++ >/dev/null
	$(CMAKE) --build build/neon --parallel 2 >/dev/null
	LENGTHWISE_POISON=1 $(ARM_RUN) build/neon/fuzz $(CASES) $(SEED)

$(BIN)/cmake: $(READY)
	$(INSTALL) cmake

# torch comes first and by itself: its CPU build is a different file of the same version.
$(READY): pyproject.toml constraints.txt $(wildcard native/CMakeLists.txt native/*.h native/*.cpp native/lanes/*.h native/rules/*.h)
	test -x $(BIN)/python || $(MAKE) --no-print-directory python
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(INSTALL) torch
	$(INSTALL) -e '.[experiments]'
	touch $@

$(TOOLS): $(READY)
	$(INSTALL) 'lengthwise[test,lint]'
	touch $@

$(VENV)/.docs: $(TOOLS)
	$(INSTALL) 'lengthwise[docs]'
	touch $@

$(VENV)/.oracles: $(TOOLS)
	$(INSTALL) 'lengthwise[oracles]'
	touch $@

# An older Python would end in a page of pip's.
python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("lengthwise needs Python 3.11 or newer, and \
	$(PYTHON) is " + sys.version.split()[0] + "; name another, as in: make test PYTHON=python3.12")'

# One test looks at the report in a browser, and says so where there is none.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		  apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium >/dev/null; } || \
		echo "No Chromium found: the test that opens the report in one will be skipped."

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
