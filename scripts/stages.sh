#!/usr/bin/env bash
# Make targets one after the other, and say at the end how long each took:
#   scripts/stages.sh TARGET ...
# The first that fails is the last. TARGET+TARGET are made at the same time.
. "$(dirname -- "$0")/common.sh"

table=""
failed=0

main() {
    local stage start
    for stage in "$@"; do
        start=$SECONDS
        at_once ${stage//+/ } || failed=$?
        note "$stage" $((SECONDS - start))
        [ "$failed" = 0 ] || break
    done
    note "all" "$SECONDS"
    printf '\n--- seconds by stage ---\n%s' "$table"
    return "$failed"
}

# What is said comes target by target.
at_once() {
    if [ $# = 1 ]; then
        made "$1"
        return
    fi
    local said target code=0 pids=()
    mkdir -p .cache
    said=$(mktemp -d "$ROOT/.cache/said-XXXXXX")
    for target in "$@"; do
        made "$target" >"$said/$target" 2>&1 &
        pids+=($!)
    done
    for target in "$@"; do
        wait "${pids[0]}" || code=$?
        pids=("${pids[@]:1}")
        cat "$said/$target"
    done
    rm -rf "$said"
    return $code
}

# A target of its own is no part of the make that called this script.
made() { env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make --no-print-directory "$1"; }

note() {
    local word=""
    [ "$failed" = 0 ] || word="  failed"
    table+=$(printf '%-16s %5d%s' "$1" "$2" "$word")$'\n'
}

main "$@"
