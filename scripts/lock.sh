#!/bin/sh
# Writes the lock files anew from pyproject.toml; `make lock UPGRADE=1` takes newer versions as well.
set -eu
cd "$(dirname "$0")/.."
tools=.venv/lock
[ -x $tools/bin/uv ] || { ${PYTHON:-python3} -m venv $tools && $tools/bin/pip install --quiet uv; }
lock() {
    $tools/bin/uv pip compile "$@" ${UPGRADE:+--upgrade} --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-package tokenward --no-emit-package taskward --custom-compile-command "make lock"
}
lock pyproject.toml --all-extras --group dev --output-file requirements.lock
# What runs in production is what was tested: the same versions, less the tools.
lock pyproject.toml --extra redis --extra otel --constraint requirements.lock --output-file requirements-prod.lock
# What `make run` installs: the service, the embedded PostgreSQL, and what builds an editable install.
lock pyproject.toml --extra dev --group build --constraint requirements.lock --output-file requirements-run.lock
lock --group pyproject.toml:build --constraint requirements.lock --output-file requirements-build.lock
lock --group pyproject.toml:node --output-file requirements-node.lock
lock --group pyproject.toml:installer --output-file requirements-uv.lock
