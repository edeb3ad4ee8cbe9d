#!/usr/bin/env bash
# Creates .venv with the requirements for building and testing the Python package, unless it is up to date.
set -euo pipefail
cd "$(dirname "$0")/.."
requirements=test/python/requirements.txt

if ! cmp --silent "$requirements" .venv/requirements.txt; then
  "${PYTHON:-python3}" -m venv --clear .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
  cp "$requirements" .venv/
fi
