#!/usr/bin/env bash
# Build the sdist, and from nothing but the sdist the wheel; look into both; install each
# into an environment with nothing of ours in it and start what was installed.
. "$(dirname -- "$0")/common.sh"

mkdir -p .cache
work=$(mktemp -d "$ROOT/.cache/package-XXXXXX")
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH PYTHONHOME

main() {
    .venv/bin/python -m build --outdir "$work/dist" >"$work/build.log" 2>&1 ||
        { cat "$work/build.log" >&2 && exit 1; }
    .venv/bin/python scripts/check_dist.py "$work/dist"
    .venv/bin/python -m venv "$work/venv"
    (install_in_napari "$work"/dist/*.whl)
    local file
    for file in "$work"/dist/*.whl "$work"/dist/*.tar.gz; do
        say "${file##*/}: installing and starting it"
        install "$file"
        (start)
    done
    (draw)
}

pip() { "$work/venv/bin/python" -m pip --disable-pip-version-check -qq "$@"; }

# First into a napari that knows nothing of us, by its own plugin manager, which has to bring
# all dependencies. What follows finds them there already, which saves a minute each.
install_in_napari() {
    say "${1##*/}: installing, opening and uninstalling it in napari"
    pip install "napari[pyqt5]" napari-plugin-manager
    enter
    in_napari install "$1"
    in_napari open
    in_napari uninstall
}

in_napari() {
    "$ROOT/scripts/xvfb.sh" python "$ROOT/scripts/install_in_napari.py" "$@" \
        >"$work/napari.log" 2>&1 || { cat "$work/napari.log" >&2; exit 1; }
}

install() {
    pip uninstall --yes napari-rxrx3
    pip install "$1[pyqt5]"
}

# Go where no source of ours can be imported by accident.
enter() {
    private_home "$work/home"
    export QT_API=pyqt5 PATH="$work/venv/bin:$PATH"
    cd "$work"
}

start() {
    enter
    napari-rxrx3 --help >/dev/null
    python -c "import napari_rxrx3"
    npe2 list --fields name,version --format json | grep -q '"napari-rxrx3"' ||
        die "napari does not find the plugin"
    npe2 validate napari-rxrx3 --imports
}

# The window comes up without anything that only the tests install.
draw() {
    enter
    "$ROOT/scripts/xvfb.sh" napari-rxrx3 demo --folder "$work/demo" \
        --screenshot "$work/demo.png" >"$work/demo.log" 2>&1 || { cat "$work/demo.log" >&2; exit 1; }
    say "the installed program draws its window"
}

main
