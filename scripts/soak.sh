#!/usr/bin/env bash
# Let a monkey do random things in the window of each Qt, kill whatever writes at every stage of
# it, and say what was tried and what was lost:
#   scripts/soak.sh [pyqt5] [pyqt6] [kills] [faults]
# MONKEY_ACTIONS=10000 and MONKEY_SEED=N say how many things it does and which; KILLS=N tries that
# many stages of each kind of file instead of all.
. "$(dirname -- "$0")/common.sh"

ulimit -c 0
export MONKEY_ACTIONS="${MONKEY_ACTIONS:-10000}" MONKEY_SEED="${MONKEY_SEED:-$RANDOM}"
export KILLS="${KILLS:-all}"
logs=$ROOT/.cache/soak
summary=$logs/summary.txt
failed=0

main() {
    mkdir -p "$logs"
    : >"$summary"
    [ $# -gt 0 ] || set -- pyqt5 pyqt6 kills faults
    local part
    for part in "$@"; do
        case $part in
            kills) kill_everything ;;
            faults) break_files ;;
            *) let_the_monkey_in "$part" ;;
        esac
    done
    printf '\n--- what was tried, and what was lost ---\n'
    cat "$summary"
    return "$failed"
}

let_the_monkey_in() {
    local log=$logs/monkey-$1.log lost=nothing
    printf '\n--- a monkey on %s, seed %s ---\n' "$1" "$MONKEY_SEED"
    run "$1" "$log" -q -s --show-capture=no -m soak tests/test_monkey.py || lost="something: see $log"
    {
        printf 'a monkey at the window, %s\n' "$1"
        grep -E 'actions \(seed|^at rest' "$log" | sed '1s/: .*//; 2,$d; s/^/  /' || true
        printf '  lost: %s\n' "$lost"
    } >>"$summary"
}

kill_everything() {
    local log=$logs/kills.log lost=nothing
    printf '\n--- killed at every stage of writing ---\n'
    run pyqt5 "$log" -q -s --show-capture=no tests/test_killing.py || lost="something: see $log"
    sed -n '/^killed while/,/^killed .* times/p' "$log" >>"$summary"
    run pyqt5 "$logs/programs.log" -v -k killed --ignore tests/test_killing.py tests ||
        lost="something: see $logs"
    {
        printf 'programs that are killed while a person works with them\n'
        sed -nE 's/^tests\/[a-z_]+\.py::test_([a-z_0-9]+)(\[.*\])? ([A-Z]+).*/  \3  \1\2/p' \
            "$logs/programs.log" | tr '_' ' '
        printf '  lost: %s\n' "$lost"
    } >>"$summary"
}

break_files() {
    local log=$logs/faults.log lost=nothing
    printf '\n--- files that break while they are looked at ---\n'
    FAULTS=all run pyqt5 "$log" -v tests/test_faults.py tests/test_faults_in_window.py \
        tests/test_faults_around.py || lost="something: see $log"
    {
        printf 'files that break while they are looked at: %s ways\n' "$(grep -c ' PASSED' "$log")"
        printf '  lost: %s\n' "$lost"
    } >>"$summary"
}

# What fails is noted, and the rest goes on.
run() {
    local lane=$1 log=$2
    shift 2
    scripts/run.sh "$lane" scripts/xvfb.sh python -X faulthandler -m pytest --timeout 0 "$@" 2>&1 |
        tee "$log" || {
        failed=1
        return 1
    }
}

main "$@"
