#!/usr/bin/env bash
# Runs a command with a temporary folder of its own and removes the folder: temporary.sh COMMAND…
# Without it, every app of a test would leave its output behind, because the CDK does not remove it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
TMPDIR=$folder "$@"
