# shellcheck shell=bash
# Sourced by the other scripts: where the repository is, and where scripts/tools puts what it installs.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Everything that is installed for this repository alone, except npm's packages, which stand beside their lock file.
TOOLS=$ROOT/.tools
NPM_PACKAGES=$ROOT/scripts/checks
# The same folders, in the same order, as tests/it/readme/reader.rs looks in.
PATH=$TOOLS/python/bin:$TOOLS/prometheus/usr/bin:$TOOLS/cargo/bin:$NPM_PACKAGES/node_modules/.bin:$PATH
export ROOT TOOLS NPM_PACKAGES PATH

# Says what is wrong and ends the script.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
