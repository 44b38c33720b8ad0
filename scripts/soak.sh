#!/usr/bin/env bash
# Let a monkey do random things in the window, and kill what writes to the cache at every stage:
#   scripts/soak.sh pyqt5|pyqt6
# MONKEY_ACTIONS=10000 and MONKEY_SEED=N say how many things it does and which.
. "$(dirname -- "$0")/common.sh"

ulimit -c 0
export MONKEY_ACTIONS="${MONKEY_ACTIONS:-10000}" MONKEY_SEED="${MONKEY_SEED:-$RANDOM}"
scripts/run.sh "$1" scripts/xvfb.sh python -X faulthandler -m pytest -q -s --show-capture=no \
    tests/test_monkey.py
exec scripts/run.sh "$1" scripts/xvfb.sh python -m pytest -q -k "kill or killed" tests
