# make demo      train, evaluate, export and sample on the prototypes that come with the package; results in out/demo
# make test      the tests that are not marked slow    make test-all  every test
# make lint      formatters, linters, types            make format    repairs what `make lint` checks
# make ctest     the unit tests of the C++ code     make sanitize  the same, and the sampler, under ASan and UBSan
# make bench     the benchmark table                   make docs      the site of docs/, in out/site
# make dist      source distribution and wheel in dist make wheels    wheels for every Python, by cibuildwheel (docker)
# make clean     removes .venv, build, dist and out
PYTHON ?= python3
# Any torch >= 2.6 will do: `make TORCH=torch==2.6.0`, or the path of a wheel.
TORCH ?= torch==2.13.0
DEMO_MINUTES ?= 4
# Tests run in so many processes, each on one core.
WORKERS ?= 2

BIN := .venv/bin
SOURCES := pyproject.toml CMakeLists.txt $(shell find cpp python models export -type f -not -name '*.so' -not -name '*.pyc')
CPP := $(shell find cpp export tests/cpp -name '*.cpp' -o -name '*.hpp' -o -name '*.inl' -o -name '*.cu' -o -name '*.cuh')
# clang-tidy leaves out what includes torch, whose headers take it minutes, and CUDA and the bindings, which need their toolkits.
TORCH_SOURCES := $(addprefix export/,artifact.cpp bindings.cpp crystal_drawer.cpp cube_drawer.cpp generator.cpp network.cpp sampler.cpp)
TIDY := $(filter-out $(TORCH_SOURCES),$(wildcard cpp/src/*.cpp export/*.cpp))
CONFIGURE := $(CURDIR)/.venv/bin/cmake -G Ninja -DCMAKE_MAKE_PROGRAM=$(CURDIR)/.venv/bin/ninja -DCMAKE_COMPILE_WARNING_AS_ERROR=ON -S tests/cpp
SANITIZE := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
INSTALLED := .venv/installed
DEVELOP := .venv/develop

.PHONY: install demo test test-all ctest sanitize lint format bench docs dist sdist wheels clean
install: $(INSTALLED)

.venv/torch:
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 10) <= v < (3, 14) else f"crystalgrid needs Python 3.10 to 3.13, this is {v[0]}.{v[1]}")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade pip
	@echo "Installing $(TORCH) and, next, the package with its dependencies: a few minutes on a fresh machine."
	$(BIN)/pip install --disable-pip-version-check --progress-bar off '$(TORCH)'
	@touch $@

$(INSTALLED): .venv/torch $(SOURCES)
	$(BIN)/pip install --disable-pip-version-check --progress-bar off '.[data,train,plot]'
	@touch $@

$(DEVELOP): $(INSTALLED)
	$(BIN)/pip install --disable-pip-version-check --progress-bar off '.[test,bench,lint,docs]'
	@touch $@

demo: $(INSTALLED)
	rm -rf out/demo && mkdir -p out/demo
	$(BIN)/crystalgrid-train --mode repeated --data prototypes --minutes $(DEMO_MINUTES) --out out/demo/run
	$(BIN)/crystalgrid-evaluate out/demo/run --data prototypes --json out/demo/metrics.json --picture out/demo/reconstructions.png
	$(BIN)/crystalgrid-export out/demo/run -o out/demo/model.pt
	$(BIN)/crystalgrid-sample perov5-repeated -n 16 --seed 0 --save-density -o out/demo/perovskites
	$(BIN)/crystalgrid-recover out/demo/perovskites --cif -o out/demo/recovered
	$(BIN)/crystalgrid-sample mp10a -n 64 --best 4 --formula LiFePO4 --space-group 62 --seed 0 -o out/demo/lifepo4
	$(BIN)/crystalgrid-sample mp10a -n 64 --best 4 --elements Li,Mn,O --space-group 166 --seed 0 -o out/demo/layered
	$(BIN)/crystalgrid draw out/demo/lifepo4/crystals.xyz -o out/demo/lifepo4.png
	$(BIN)/crystalgrid draw out/demo/layered/crystals.xyz -o out/demo/layered.png
	@echo
	@echo "Done. Where the results are:"
	@echo "  metrics          out/demo/metrics.json"
	@echo "  test cubes       out/demo/reconstructions.png   true density, decoded density, atoms"
	@echo "  the model        out/demo/model.pt"
	@echo "  16 perovskites of the released model perov5-repeated, and their unit cells   out/demo/recovered"
	@echo "  The likeliest LiFePO4 in Pnma and Li-Mn-O in R-3m by mp10a   out/demo/lifepo4, layered: crystals.csv, cif/"
	@echo "  their pictures   out/demo/lifepo4.png, out/demo/layered.png"

test: $(DEVELOP) ctest
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m 'not slow'

test-all: $(DEVELOP) ctest
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

ctest: $(DEVELOP)
	$(CONFIGURE) -B build/ctest
	$(BIN)/cmake --build build/ctest
	$(BIN)/ctest --test-dir build/ctest --output-on-failure

# Tests that start the sampler dozens of times, or not at all, are left out.
sanitize: $(DEVELOP)
	$(CONFIGURE) -B build/sanitize -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS="$(SANITIZE)" -DCRYSTALGRID_SAMPLER=ON \
	  -DCMAKE_PREFIX_PATH="$$($(BIN)/python -c 'import torch; print(*torch.__path__)')"
	$(BIN)/cmake --build build/sanitize
	$(BIN)/ctest --test-dir build/sanitize --output-on-failure
	CRYSTALGRID_SAMPLER=build/sanitize/export/crystalgrid-sampler $(BIN)/pytest \
	  tests/test_sample.py tests/test_sampler_latents.py tests/test_sampler_refusals.py tests/test_library.py \
	  -k "not command and not compiler and not bad_options and not library_cut"

lint: $(DEVELOP)
	$(BIN)/ruff check python tests benchmarks scripts
	$(BIN)/ruff format --check python tests benchmarks scripts
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $(CPP)
	$(CONFIGURE) -B build/ctest
	printf '%s\n' $(TIDY) | xargs -P 2 -n 4 $(BIN)/clang-tidy -p build/ctest --quiet

format: $(DEVELOP)
	$(BIN)/ruff check --fix python tests benchmarks scripts
	$(BIN)/ruff format python tests benchmarks scripts
	$(BIN)/clang-format -i $(CPP)

bench: $(DEVELOP)
	$(BIN)/pytest benchmarks --benchmark-enable

docs: $(DEVELOP)
	rm -rf build/pages && mkdir -p build/pages
	cp -r --parents README.md CONTRIBUTING.md CHANGELOG.md CITATION.cff docs export/README.md models/*/card.md models/*/*.png build/pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

.venv/build:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check build cibuildwheel
	@touch $@

dist: .venv/build
	$(BIN)/python -m build

sdist: .venv/build
	$(BIN)/python -m build --sdist

# In containers: it takes docker.
wheels: .venv/build
	$(BIN)/cibuildwheel --output-dir dist

clean:
	rm -rf build dist out .venv
