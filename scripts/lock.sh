#!/bin/sh
# Writes the lock files from pyproject.toml. `make lock UPGRADE=1` also takes newer versions.
set -eu
cd "$(dirname "$0")/.."
tools=.venv/lock
[ -x $tools/bin/uv ] || { ${PYTHON:-python3} -m venv $tools && $tools/bin/pip install --quiet uv; }
lock() {
    $tools/bin/uv pip compile "$@" ${UPGRADE:+--upgrade} --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-package tokenward --no-emit-package taskward --custom-compile-command "make lock"
}
lock pyproject.toml --all-extras --group dev --output-file requirements.lock
# Production gets the tested versions, without the tools.
lock pyproject.toml --extra redis --extra otel --constraint requirements.lock --output-file requirements-prod.lock
# For `make run`: the service, the embedded PostgreSQL, and the build tool of an editable install.
lock pyproject.toml --extra dev --group build --constraint requirements.lock --output-file requirements-run.lock
lock --group pyproject.toml:build --constraint requirements.lock --output-file requirements-build.lock
lock --group pyproject.toml:node --output-file requirements-node.lock
lock --group pyproject.toml:installer --output-file requirements-uv.lock
