PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV_PYTHON := .venv/bin/python

.PHONY: run test bench

# The desk with sample content, a login and its worker, on 127.0.0.1:8000
run:
	@$(PYTHON) config/bootstrap.py run
	@GALLEY_DEBUG=true exec $(VENV_PYTHON) manage.py desk

# Everything: units, real servers, killed processes, a real browser
test:
	@$(PYTHON) config/bootstrap.py test
	$(VENV_PYTHON) -m pytest -n 2 --dist loadgroup --durations=25

# Figures as ratios against peers, side by side in one run
bench:
	@$(PYTHON) config/bootstrap.py test
	$(VENV_PYTHON) -m tests.benchmarks
