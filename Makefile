# `make` lists all commands. The only requirements are Python 3.11 to 3.13 and make.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JARS := data/spark/jars

# The newest supported Python. Each is tried, as a name on the PATH may be a shim without a Python behind it.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$python && break; done)

.DEFAULT_GOAL := help
.PHONY: help setup demo test types tests test-integration test-spark test-spark-all test-slow test-faults format dashboard ui bench docs spark-jars spark-cluster clean

help:  ## List these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: $(READY)  ## Create .venv with the pinned dependencies

demo: $(READY)  ## Create sample data, compute every table, and show the results
	@$(BIN)/spotify-assets demo

test: $(READY)  ## Run the linter, the type checker, the import rules and the unit tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	@$(MAKE) --no-print-directory -j 2 types tests

# Without its cache, mypy takes a minute on one core; tests leave some of the others.
types:
	$(BIN)/mypy

tests:
	$(BIN)/pytest --dist loadfile -m "not integration"

test-integration: $(READY)  ## Test whole commands, targets on real servers, the UI in a browser, the wheel
	$(BIN)/pytest -m integration

test-spark: $(READY) $(JARS)  ## Test on Apache Spark, on a cluster on this machine (needs Java 17)
	@$(NEEDS_JAVA)
	$(BIN)/pytest -n 0 -m "not slow" spotify_assets_tests/spark

test-spark-all: $(READY) $(JARS)  ## The same, and what takes longer: a bucket, catalogue files, a killed sync
	@$(NEEDS_JAVA)
	$(BIN)/pytest -n 0 spotify_assets_tests/spark

test-slow: $(READY)  ## Run the slow tests: all jobs on S3, killed syncs, concurrent writers, random changes
	$(BIN)/pytest spotify_assets_tests/slow

test-faults: $(READY)  ## Break a small lake at random for an hour, and compare it with a rebuild (MINUTES=60 SEED=1)
	$(BIN)/python -m spotify_assets_tests.faults --minutes $(or $(MINUTES),60) --seed $(or $(SEED),1)

dashboard: $(READY)  ## Open the dashboard at http://localhost:3001
	@$(BIN)/spotify-assets dashboard

ui: $(READY)  ## Open Dagster's UI at http://localhost:3000
	@$(BIN)/spotify-assets ui

bench: $(READY)  ## Compare speed with hand-written DuckDB, Polars and pandas, and Apache Spark (needs Java 17)
	$(BIN)/python -m benchmarks

format: $(READY)  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)  ## Generate docs from the code: settings, .env.example, data model
	$(BIN)/python -m spotify_assets.cli.documentation

spark-jars: $(JARS)  ## Download the jars that Apache Spark needs in addition to PySpark's (needs Java 17 and Maven)

spark-cluster: $(READY) $(JARS)  ## Run an Apache Spark cluster on this machine until Ctrl-C (needs Java 17)
	@$(NEEDS_JAVA)
	@$(BIN)/python -m spotify_assets.sandbox.spark_cluster

clean:  ## Remove .venv, the lake and Dagster's home; the landing zone stays
	rm -rf $(VENV) data/lake data/dagster

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 to 3.13 is needed; set PYTHON=/path/to/it"; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --allow-existing --python "$(PYTHON)" $(VENV) && \
		uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[dev]'; \
	else \
		"$(PYTHON)" -m venv $(VENV) && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'; \
	fi
	@touch $@

NEEDS_JAVA = "$${JAVA_HOME:+$$JAVA_HOME/bin/}java" -version >/dev/null 2>&1 || \
	{ echo "Java 17 or newer is needed: apt-get install openjdk-17-jre-headless, or brew install openjdk@17"; exit 1; }

# Renamed only when complete, so that an interrupted download is not used.
$(JARS): infra/spark/pom.xml
	@$(NEEDS_JAVA)
	@command -v mvn >/dev/null || { echo "Maven is needed: apt-get install maven, or brew install maven"; exit 1; }
	@rm -rf $(JARS).part
	mvn -B -ntp -q -f infra/spark/pom.xml dependency:copy-dependencies -DoutputDirectory="$(CURDIR)/$(JARS).part"
	@rm -rf $(JARS) && mv $(JARS).part $(JARS) && touch $(JARS)
