#!/usr/bin/env bash
# Writes requirements/*.txt: versions and hashes for every platform, and no address. Versions stay as they are
# unless --upgrade or --upgrade-package NAME is given.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  .venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
    --no-emit-index-url --no-emit-find-links --no-annotate --no-header "$@"
}
compile requirements/uv.in -o requirements/uv.txt "${@}"
compile pyproject.toml requirements/setup.in -o requirements/constraints.txt "${@}"
compile requirements/dev.in -c requirements/constraints.txt -o requirements/dev.txt "${@}"
compile requirements/bench.in -c requirements/constraints.txt -c requirements/dev.txt -o requirements/bench.txt "${@}"
for folder in frontend tests/browser; do
  (cd "$folder" && PATH="$OLDPWD/.venv/bin:$PATH" npm install --package-lock-only --loglevel=error)
done
if grep -nE '"resolved"|--(extra-)?index-url|--find-links' requirements/*.txt frontend/package-lock.json \
  tests/browser/package-lock.json; then
  echo "a lock records where packages come from; only versions and hashes may stand there" >&2
  exit 1
fi
