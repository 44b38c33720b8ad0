#!/usr/bin/env bash
# Make targets one after the other, and say at the end how long each took:
#   scripts/stages.sh TARGET ...
# The first that fails is the last.
. "$(dirname -- "$0")/common.sh"

table=""
failed=0

main() {
    local stage start
    for stage in "$@"; do
        start=$SECONDS
        # A target of its own is no part of the make that called this script.
        env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make --no-print-directory "$stage" || failed=$?
        note "$stage" $((SECONDS - start))
        [ "$failed" = 0 ] || break
    done
    note "all" "$SECONDS"
    printf '\n--- seconds by stage ---\n%s' "$table"
    return "$failed"
}

note() {
    local word=""
    [ "$failed" = 0 ] || word="  failed"
    table+=$(printf '%-16s %5d%s' "$1" "$2" "$word")$'\n'
}

main "$@"
