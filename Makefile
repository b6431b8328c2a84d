# 砼脉 Tongmai. Needs Python 3.11-3.13, make, and a package registry for the first install.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# the first interpreter that really runs and is of a version we support; PYTHON=… overrides it
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help demo install test check format bench chaos serve live ui docs lock clean

help:  ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: install  ## 安装并跑完虚拟城市 | install, then run the whole river on a virtual city
	@$(BIN)/tongmai demo

install: $(READY)  ## 安装 .venv | create .venv from requirements.lock

$(READY): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "需要 Python 3.11–3.13；请安装其一，或用 make demo PYTHON=… 指定。" >&2; \
		echo "Python 3.11-3.13 is needed; install one, or name it: make demo PYTHON=…" >&2; exit 1; fi
	@echo "安装依赖（约 1 GB，首次需几分钟）| installing dependencies (about 1 GB, a few minutes the first time)"
	@rm -rf .venv
	@"$(PYTHON)" -m venv .venv
	@total=$$(grep -cE '^[a-z0-9].*==' requirements.lock); \
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock \
		| awk -v total=$$total '/^Collecting/ {n++; if (n % 20 == 0) {printf "  %d / %d\n", n, total; fflush()}} \
			/^Installing/ {print "  解包安装…… | unpacking …"; fflush()}'
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $(READY)

test: install  ## 全部测试 | unit, property, integration and browser tests
	@$(BIN)/pytest tests --ignore tests/chaos

check: install  ## 全部静态检查 | ruff, mypy, sqlfluff, structure
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --processes 2 dbt/models
	@$(BIN)/pytest tests/test_structure.py

format: install  ## 整理格式 | format code and SQL
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format . && $(BIN)/sqlfluff fix dbt/models

bench: install .venv-bench/.ready  ## 基准测试 | benchmarks (docs/benchmarks.md); DATA=DIR has the public series
	@$(BIN)/python -m bench $(if $(DATA),--data "$(DATA)")

.venv-bench/.ready: requirements-bench.lock  # peers beside which we are measured; never part of the product
	@rm -rf .venv-bench
	@"$(PYTHON)" -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-bench.lock
	@touch $@

chaos: install  ## 随机杀进程 | kill the job at random moments and compare
	@$(BIN)/pytest tests/chaos

serve: install  ## 打开总览页面 | serve the overview page
	@$(BIN)/tongmai serve

live: install  ## 实时供需 | watch the inbox
	@$(BIN)/tongmai live

ui: install  ## 打开 Dagster | open Dagster's own page
	@mkdir -p "$${TONGMAI_HOME:-data}/dagster" && cp orchestration/dagster.yaml "$${TONGMAI_HOME:-data}/dagster/"
	@DAGSTER_HOME="$$(realpath "$${TONGMAI_HOME:-data}/dagster")" $(BIN)/dagster dev -m orchestration.definitions -h 127.0.0.1

docs: install  ## 数据字典与数据源说明 | docs/dictionary.md, docs/feeds.md and docs/contracts/
	@$(BIN)/python -m store.dictionary
	@$(BIN)/python -m pipelines.reference

lock: install  ## 重新锁定依赖 | resolve requirements.lock anew
	@$(BIN)/python -m pip install --quiet uv && $(BIN)/uv pip compile pyproject.toml --all-extras --universal \
		--python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-emit-find-links \
		--no-header --quiet -o requirements.lock
	@printf '%s\n' 'dlt[duckdb,parquet]' prophet 'sqlmesh>=0.236' 'statsforecast>=2.1' | $(BIN)/uv pip compile - --universal \
		--constraints <(grep -oE '^[a-z0-9][^\]*' requirements.lock | grep -vE '^(pandas|sqlglot)\b') \
		--python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-emit-find-links \
		--no-header --quiet -o requirements-bench.lock

clean:  ## 删除生成的数据 | remove the generated data home (data/reference and data/samples stay)
	@cd data && rm -rf inbox archive mappings landing warehouse published live dagster locks logs truth.json home.key
