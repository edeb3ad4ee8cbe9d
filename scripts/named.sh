#!/usr/bin/env bash
# The shell of targets that make runs at the same time: named.sh -c COMMAND
# Each line of output begins with the name of the target. Those that fail are listed in .run/failed.
set -o pipefail
[ -n "${TARGET:-}" ] || exec bash "$@"
bash "$@" 2>&1 | while IFS= read -r line || [ -n "$line" ]; do printf '%-14s | %s\n' "${TARGET%/*}" "$line"; done || {
  status=$?
  mkdir -p .run && echo "$TARGET" >> .run/failed
  exit "$status"
}
