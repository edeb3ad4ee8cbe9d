#!/usr/bin/env bash
# Makes .venv, with what the Python package is built and tested with, unless it is there as wanted.
set -euo pipefail
cd "$(dirname "$0")/.."
requirements=test/python/requirements.txt

if ! cmp --silent "$requirements" .venv/requirements.txt; then
  "${PYTHON:-python3}" -m venv --clear .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
  cp "$requirements" .venv/
fi
