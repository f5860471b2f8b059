#!/bin/sh
# Asks the registries whether anything in the lock files has a known hole. Ends with 1 if something has, and also if a
# registry does not answer: not to know of a hole is not the same as to know of none.
set -eu
cd "$(dirname "$0")/.."
tools=.venv/audit
[ -x $tools/bin/pip-audit ] || { ${PYTHON:-python3} -m venv $tools && $tools/bin/pip install --quiet pip-audit==2.10.1; }
failed=0
$tools/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock || failed=1
npm --prefix web audit --audit-level=moderate || failed=1
exit $failed
