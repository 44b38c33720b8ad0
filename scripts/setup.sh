#!/usr/bin/env bash
# Make the virtual environment of one lane ready: scripts/setup.sh pyqt5|pyqt6|docs
# Does nothing when it is; goes on where an interrupted run stopped; remakes a broken one.
. "$(dirname -- "$0")/common.sh"

lane=$1
venv=$(venv_of "$lane")
python=$venv/bin/python
stamp=$venv/.ready
unset PYTHONPATH PYTHONHOME

main() {
    is_sound || make_venv
    local key
    key=$(key_of)
    [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && return
    rm -f "$stamp"
    install
    if ! is_complete; then
        say "$venv is incomplete: making it anew."
        make_venv
        install
        is_complete
    fi
    echo "$key" >"$stamp"
}

# Has a Python that runs, has pip, and was made for this very folder: the commands in
# its bin/ carry the folder's name.
is_sound() {
    "$python" - 2>/dev/null <<'PYTHON'
import sys
from pathlib import Path

import pip  # noqa: F401

made_by = (Path(sys.prefix) / "pyvenv.cfg").read_text().partition("command = ")[2]
sys.exit(sys.version_info < (3, 11) or (made_by and sys.prefix not in made_by))
PYTHON
}

key_of() {
    "$python" - "$lane" <<'PYTHON'
import hashlib
import sys
from pathlib import Path

wishes = hashlib.sha256(Path("pyproject.toml").read_bytes()).hexdigest()
print(sys.argv[1], sys.version.split()[0], wishes)
PYTHON
}

install() {
    say "Installing into ${venv##*/} (the first time takes some minutes)"
    # Older ones do not know --group.
    "$python" -m pip install -qq "pip>=25.1"
    if [ "$lane" = docs ]; then
        # Docstrings are read, not imported: the documentation needs nothing of ours installed.
        "$python" -m pip install -qq --group docs
    else
        "$python" -m pip install -qq --editable ".[$lane]" --group test
    fi
}

# Every file that pip noted down is there, also after a run that was killed half-way.
is_complete() {
    "$python" - <<'PYTHON'
import sys
from importlib.metadata import distributions

for package in distributions():
    files = package.files
    if not files or not all(f.suffix == ".pyc" or f.locate().exists() for f in files):
        sys.exit(f"{package.name}: files are missing")
PYTHON
}

make_venv() {
    local base
    base=$(find_python)
    "$base" -c 'import ensurepip, venv' 2>/dev/null || get_ensurepip "$base"
    rm -rf "$venv"
    say "Making ${venv##*/} with $("$base" --version)"
    "$base" -m venv "$venv"
}

find_python() {
    local name
    if [ -n "${PYTHON:-}" ]; then
        is_between "$PYTHON" "(3, 11)" "(3, 99)" || die "$PYTHON is not a Python 3.11 or newer."
        echo "$PYTHON"
        return
    fi
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if is_between "$name" "(3, 11)" "(3, 14)"; then
            echo "$name"
            return
        fi
    done
    is_between python3 "(3, 15)" "(3, 99)" ||
        die "Python 3.11 or newer is needed; python3 here: $(python3 --version 2>/dev/null || echo none)." \
            "Install one, or name it: make PYTHON=/path/to/python3.12"
    say "$(python3 --version) is newer than what this was tried with (3.11 to 3.14)."
    echo python3
}

is_between() {
    "$1" -c "import sys; sys.exit(not $2 <= sys.version_info[:2] <= $3)" </dev/null 2>/dev/null
}

# Debian and Ubuntu ship the two modules that make an environment as a package of its own.
get_ensurepip() {
    local version
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    has_apt || die "$1 cannot make virtual environments: install its venv and ensurepip modules."
    apt_install "python$version-venv" || exit 1
}

main
