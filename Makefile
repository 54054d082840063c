# make demo     an example pipeline through the bridge, in a minute
# make test     the tests that need nothing but Python
# make check    format, lint, types, import contract, generated files, pins and known vulnerabilities
# make package  the wheels, built and tried in an environment of their own
# make e2e      the tests with the real Collector, Jaeger, Kafka and Marquez (builds them once, outside the checkout)
# make bench    writes docs/benchmarks.md
# make chaos    kills, faults and hostile requests, half an hour or more; writes docs/reliability.md

PYTHON ?= python3
BIN := .venv/bin
DBT := .venv-dbt/bin
DAGSTER := .venv-dagster/bin
PACKAGES := otel-lineage otel-bridge-dbt otel-bridge-dagster otel-bridge-pyiceberg
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test check e2e package bench chaos format clean

demo: .venv/run .venv-dagster/run
	$(BIN)/python examples/demo.py

test: .venv/dev .venv-dbt/run .venv-dagster/run
	$(BIN)/python -m pytest -m "not e2e" -n 3 --dist loadgroup

check: .venv/dev .venv-dbt/run .venv-dagster/run
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m convention --check
	$(BIN)/mypy
	cd instrumentation/otel-lineage && ../../$(BIN)/mypy
	cd instrumentation/otel-bridge-dbt && ../../$(BIN)/mypy
	cd instrumentation/otel-bridge-dagster && ../../$(BIN)/mypy
	cd instrumentation/otel-bridge-pyiceberg && ../../$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python requirements/audit.py

e2e: .venv/dev .venv-dbt/run .venv-dagster/run
	$(BIN)/python -m tests.parts build
	$(BIN)/python -m pytest -m e2e tests/e2e instrumentation -n 2 --dist loadgroup --durations 10

package:
	rm -rf build/wheels build/installed build/installed-dbt build/installed-dagster
	$(PYTHON) -m venv build/installed
	build/installed/bin/python -m pip --quiet wheel --no-deps -w build/wheels . $(addprefix ./instrumentation/,$(PACKAGES))
	build/installed/bin/python -m pip --quiet install build/wheels/*.whl pytest
	cp examples/test_lineage.py examples/otlp.jsonl build/installed
	touch build/installed/pytest.ini
	cd build/installed && bin/otel-bridge convert otlp.jsonl | grep -q COMPLETE
	cd build/installed && bin/python -m pytest -q -W error test_lineage.py
	$(PYTHON) -m venv build/installed-dbt
	build/installed-dbt/bin/python -m pip --quiet install -r requirements/dbt.txt build/wheels/otel_lineage-*.whl build/wheels/otel_bridge_dbt-*.whl
	cp -r examples/dbt build/installed-dbt/project
	cd build/installed-dbt/project && \
	  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9 OTEL_LINEAGE_SPOOL_DIR=spool ../bin/dbt --quiet build; test $$? = 1
	ls build/installed-dbt/project/spool/* >/dev/null
	$(PYTHON) -m venv build/installed-dagster
	build/installed-dagster/bin/python -m pip --quiet install -r requirements/dagster.txt \
	  $(foreach name,$(subst -,_,$(PACKAGES)),build/wheels/$(name)-*.whl)
	cp -r examples/dagster build/installed-dagster/project
	cd build/installed-dagster/project && \
	  PATH="$$PWD/../bin:$$PATH" DAGSTER_HOME=$$PWD OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9 \
	  OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_LINEAGE_SPOOL_DIR=$$PWD/spool \
	  opentelemetry-instrument dagster job execute -f shop.py -j refresh >dagster.log 2>&1; test $$? = 1
	ls build/installed-dagster/project/spool/* >/dev/null

bench: .venv/dev .venv-dbt/run .venv-dagster/run
	$(BIN)/python -m tests.parts build
	$(BIN)/python -m benchmarks --write docs/benchmarks.md

chaos: .venv/dev
	$(BIN)/python -m tests.parts build
	$(BIN)/python -m chaos.fuzz --requests 1000000
	$(BIN)/python -m chaos --write docs/reliability.md

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .

.venv/run: requirements/run.txt pyproject.toml instrumentation/otel-lineage/pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) install -r requirements/run.txt -e . -e instrumentation/otel-lineage
	touch $@

.venv/dev: .venv/run requirements/dev.txt
	$(PIP) install -r requirements/dev.txt
	touch $@

# dbt in an environment of its own, as a user has it, with what we put beside it.
.venv-dbt/run: requirements/dbt.txt instrumentation/otel-lineage/pyproject.toml instrumentation/otel-bridge-dbt/pyproject.toml
	test -x $(DBT)/python || $(PYTHON) -m venv .venv-dbt
	$(DBT)/python -m pip --disable-pip-version-check --quiet install -r requirements/dbt.txt \
	  -e instrumentation/otel-lineage -e instrumentation/otel-bridge-dbt
	touch $@

# Dagster likewise, with a dbt beside it and pyiceberg.
.venv-dagster/run: requirements/dagster.txt $(PACKAGES:%=instrumentation/%/pyproject.toml)
	test -x $(DAGSTER)/python || $(PYTHON) -m venv .venv-dagster
	$(DAGSTER)/python -m pip --disable-pip-version-check --quiet install -r requirements/dagster.txt \
	  $(PACKAGES:%=-e instrumentation/%)
	touch $@

clean:
	rm -rf .venv .venv-dbt .venv-dagster build dist
