#!/usr/bin/env bash
# Makes the Python package of a folder that scripts/stage.js laid out: wheel.sh PACKAGE TARGET
# The wheel is left in TARGET and installed in .venv, which is made if it is not there.
set -euo pipefail
cd "$(dirname "$0")/.."
package=$1 target=$2
python=.venv/bin/python

bash scripts/venv.sh
rm -rf build/python-source "$target"
npx jsii-pacmak --code-only --target python --outdir build/python-source "$package"
# setuptools and wheel are in .venv, so that nothing more has to be fetched.
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
  --wheel-dir "$target" build/python-source/python
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$target"/*.whl
