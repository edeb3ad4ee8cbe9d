#!/usr/bin/env bash
# The shell of targets that make runs at the same time: named.sh -c COMMAND
# Each line of output begins with the name of the target. The last lines of those that fail are collected in .run/failed,
# because the lines of the others may come after them.
set -o pipefail
[ -n "${TARGET:-}" ] || exec bash "$@"
name() {
  while IFS= read -r line || [ -n "$line" ]; do printf '%-14s | %s\n' "${TARGET%/*}" "$line"; done
}
output=$(mktemp)
trap 'rm -f "$output"' EXIT
bash "$@" 2>&1 | name | tee "$output" || {
  status=$?
  mkdir -p .run && tail -n 40 "$output" >> .run/failed
  exit "$status"
}
