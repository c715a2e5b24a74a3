#!/bin/sh
# Before a deployment: does the database have everything that this release needs? Prints what is pending or damaged and
# exits 1 if anything is. Looks only; it changes nothing.
#
#   MAKEGOOD_DATABASE_URL=postgresql://… scripts/verify-migrations.sh
#   MAKEGOOD_HOME=/srv/shop scripts/verify-migrations.sh
set -eu
cd "$(dirname "$0")/.."
makegood=${MAKEGOOD_COMMAND:-.venv/bin/makegood}
if $makegood migrate --pending; then
    echo "The database is at this release."
else
    echo "The database is not at this release: don't deploy it yet. Run \`makegood migrate\` for what is pending." >&2
    exit 1
fi
