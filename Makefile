# Two commands: `make demo` shows what waddlegen does, `make test` proves it.
# Only python3 (3.11 or newer), make and a package index are needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test bench generated

demo: $(VENV)/.installed
	mkdir -p demo/module_specs
	$(BIN)/waddlegen -C demo new ai-interaction
	@echo
	@echo "To go on: source $(BIN)/activate && cd demo"

# Three workers on two cores: many tests wait for servers, and not for a processor.
test: $(VENV)/.tested
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

bench: $(VENV)/.tested
	$(BIN)/python -m benchmarks

# After a change of the specs' own services: seeded files are written anew as well.
generated: $(VENV)/.installed
	rm -rf generated
	$(BIN)/waddlegen update --all

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[local]'
	touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[local]' --group dev
	touch $@
