PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV_PYTHON := .venv/bin/python

UV ?= uv
COMPILE = $(UV) pip compile pyproject.toml --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate $(UPGRADE)

.PHONY: run test screenshots bench cluster requirements

# The desk with sample content, a login and its worker, on 127.0.0.1:8000
run:
	@$(PYTHON) config/bootstrap.py run
	@GALLEY_DEBUG=true exec $(VENV_PYTHON) manage.py desk

# Everything: units, real servers, killed processes, a real browser
test:
	@$(PYTHON) config/bootstrap.py test
	$(VENV_PYTHON) -m pytest -n 2 --dist loadgroup --durations=25

# Pictures of every screen, and what looks otherwise than it was kept; KEEP=yes keeps what there is now
screenshots:
	@$(PYTHON) config/bootstrap.py test
	@$(VENV_PYTHON) -m tests.screens $(if $(KEEP),--keep)

# Figures as ratios against peers, side by side in one run
bench:
	@$(PYTHON) config/bootstrap.py test
	$(VENV_PYTHON) -m tests.benchmarks

# Many machines, in namespaces of this one, and all that may happen between them; needs root
cluster:
	@$(PYTHON) config/bootstrap.py test
	$(VENV_PYTHON) -m tests.cluster

# The pinned requirements, from pyproject.toml; UPGRADE=--upgrade takes the newest of everything
requirements:
	$(COMPILE) --output-file requirements.txt
	$(COMPILE) --extra browser --constraint requirements.txt --output-file requirements-browser.txt
	$(COMPILE) --extra traces --constraint requirements.txt --output-file requirements-traces.txt
	$(COMPILE) --group test --output-file tests/requirements.txt
