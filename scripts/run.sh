#!/usr/bin/env bash
# Run a command in one environment, with a private home for what napari writes:
#   scripts/run.sh [--keep] pyqt5|pyqt6 COMMAND [ARGUMENT ...]
# Each run starts from napari's defaults; with --keep its settings last (.cache/demo).
. "$(dirname -- "$0")/common.sh"

if [ "$1" = --keep ]; then
    shift
    home=$ROOT/.cache/demo
else
    mkdir -p .cache
    home=$(mktemp -d "$ROOT/.cache/run-XXXXXX")
    trap 'rm -rf "$home"' EXIT
fi
lane=$1
shift
venv=$(venv_of "$lane")

private_home "$home"
export QT_API=$lane PYTEST_QT_API=$lane PATH="$venv/bin:$PATH"
"$@"
