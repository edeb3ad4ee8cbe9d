#!/usr/bin/env bash
# Builds the Python package from a folder that scripts/stage.js created: wheel.sh PACKAGE TARGET
# Writes the wheel to TARGET, and installs it in .venv, which is created if it does not exist.
set -euo pipefail
cd "$(dirname "$0")/.."
package=$1 target=$2
python=.venv/bin/python

bash scripts/venv.sh
rm -rf build/python-source "$target"
npx jsii-pacmak --code-only --target python --outdir build/python-source "$package"
# .venv contains setuptools and wheel, so that the build downloads nothing.
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
  --wheel-dir "$target" build/python-source/python
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$target"/*.whl
