# shellcheck shell=bash
# Sourced by scripts that run named steps in sequence. Each step runs even if an earlier one failed. The script times and
# counts the steps, ends with a table, and fails if any step failed.

PHASES_PASSED=0
PHASES_FAILED=0
PHASES_TABLE=

# phase NAME COMMAND...: runs the command (a program or a function) in a subshell that stops at its first error.
phase() {
    local name=$1 started=$SECONDS code took verdict
    shift
    printf '\n==> %s\n' "$name"
    set +e
    (
        set -e
        "$@"
    )
    code=$?
    set -e
    took=$((SECONDS - started))
    if [ "$code" -eq 0 ]; then
        verdict=passed
        PHASES_PASSED=$((PHASES_PASSED + 1))
    else
        verdict="FAILED (exit code $code)"
        PHASES_FAILED=$((PHASES_FAILED + 1))
    fi
    printf '<== %s: %s after %d s\n' "$name" "$verdict" "$took"
    PHASES_TABLE+=$(printf '%-16s %5d s  %s' "$name" "$took" "$verdict")$'\n'
}

# phases_end LABEL: prints the table and, on the last line alone, the numbers of passed and failed steps; fails if a step failed.
phases_end() {
    printf '\n%s%s: %d passed, %d failed\n' "$PHASES_TABLE" "$1" "$PHASES_PASSED" "$PHASES_FAILED"
    [ "$PHASES_FAILED" -eq 0 ]
}
