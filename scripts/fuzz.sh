#!/usr/bin/env bash
# Feed each parser for a while: scripts/fuzz.sh [--seconds 60] [NAME ...]
# By atheris, which watches which lines an input reaches, where there is a build of it for this
# Python and system; else by chance.
. "$(dirname -- "$0")/common.sh"

tools=$ROOT/.cache/atheris
if [ ! -e "$tools/atheris" ]; then
    .venv/bin/python -m pip install -qq --target "$tools" --only-binary :all: atheris 2>/dev/null ||
        say "There is no atheris for $(.venv/bin/python --version) here: inputs are made by chance."
fi
exec scripts/run.sh pyqt5 env PYTHONPATH="$tools:tests" python -m fuzz "$@"
