# shellcheck shell=bash
# Sourced by the other scripts: the paths of the repository and of the tools that scripts/tools installs.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# All tools installed for this repository only, except npm's packages, which are beside their lock file.
TOOLS=$ROOT/.tools
NPM_PACKAGES=$ROOT/scripts/checks
# The same folders, in the same order, as in tests/it/readme/reader.rs.
PATH=$TOOLS/python/bin:$TOOLS/prometheus/usr/bin:$TOOLS/cargo/bin:$NPM_PACKAGES/node_modules/.bin:$PATH
export ROOT TOOLS NPM_PACKAGES PATH

# Prints an error and ends the script.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
