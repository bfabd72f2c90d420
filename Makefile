# make demo    set up, build a sample library, index it, ask it six questions
# make test    set up, run the tests
# make soak    the long tests: processes killed at 200 random moments, a corpus of hostile files, changed bytes
# make lint    ruff and mypy

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Which build of FAISS: cpu, or gpu for a machine with an NVIDIA GPU.
FAISS ?= cpu

.PHONY: setup setup-dev browser bus demo test soak lint clean
setup: $(VENV)/.done
setup-dev: $(VENV)/.done-dev

$(VENV)/.done: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "synesthete needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: sudo apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --editable '.[$(FAISS)]'
	touch $@

$(VENV)/.done-dev: $(VENV)/.done
	$(BIN)/pip install --quiet --editable '.[$(FAISS),train,evaluate,hub,quantise,ocr,speech,mcp,desktop,dev]'
	touch $@

# The web page is tested in a real browser.
browser:
	@command -v chromedriver >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update --quiet && apt-get install --yes --quiet chromium chromium-driver; } \
		|| { echo "chromedriver is missing: sudo apt-get install chromium chromium-driver"; exit 1; }

# The search of desktops is tested on a session bus of its own; without these programs those tests are skipped.
bus:
	@command -v dbus-daemon gdbus xdg-open file >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update --quiet && apt-get install --yes --quiet dbus libglib2.0-bin xdg-utils file; } \
		|| echo "dbus-daemon, gdbus, xdg-open or file is missing: sudo apt-get install dbus libglib2.0-bin xdg-utils file"

demo: setup
	$(BIN)/python -m tests.demo build/demo

test: setup-dev browser bus
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

soak: setup-dev
	$(BIN)/python -m pytest --numprocesses 2 -m soak

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build *.egg-info
