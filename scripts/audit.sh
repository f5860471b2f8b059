#!/bin/sh
# Asks the registries for known vulnerabilities of the locked packages. Ends with 1 if there is one, and also if a
# registry does not answer.
set -eu
cd "$(dirname "$0")/.."
tools=.venv/audit
[ -x $tools/bin/pip-audit ] || { ${PYTHON:-python3} -m venv $tools && $tools/bin/pip install --quiet pip-audit==2.10.1; }
failed=0
$tools/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock || failed=1
npm --prefix web audit --audit-level=moderate || failed=1
exit $failed
