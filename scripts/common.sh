# shellcheck shell=bash
# Shared by the scripts beside it, which source it. Leaves the shell in the top folder.
# Runs on bash 3.2, which is what macOS ships.
set -euo pipefail
cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
ROOT=$PWD

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$@"
    exit 1
}

venv_of() {
    case $1 in
        pyqt5) echo "$ROOT/.venv" ;;
        pyqt6) echo "$ROOT/.venv-pyqt6" ;;
        docs) echo "$ROOT/.venv-docs" ;;
        *) die "unknown lane: $1 (pyqt5, pyqt6 or docs)" ;;
    esac
}

has_apt() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

# Install Debian packages, or say in one line what to install and fail.
apt_install() {
    if [ "$(id -u)" != 0 ]; then
        say "Missing system packages. Install them with: sudo apt-get install -y $*"
        return 1
    fi
    say "Installing system packages: $*"
    mkdir -p .cache
    # An unreachable third-party source must not keep the rest from being installed.
    apt_get update >.cache/apt.log 2>&1 || true
    apt_get install -y --no-install-recommends "$@" >>.cache/apt.log 2>&1 && return
    tail -n 5 .cache/apt.log >&2
    say "apt-get failed (all of it: .cache/apt.log). Install by hand: apt-get install -y $*"
    return 1
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# Keep what napari, vispy, matplotlib and IPython write for a user inside one folder.
# Never around pip: it finds its own settings and cache by the same variables.
private_home() {
    mkdir -p "$1/config" "$1/cache" "$1/data" "$1/state" "$1/runtime" "$ROOT/.cache/tmp"
    chmod 700 "$1/runtime"
    export NAPARI_CONFIG="$1/napari/settings.yaml"
    export XDG_CONFIG_HOME="$1/config" XDG_CACHE_HOME="$1/cache"
    export XDG_DATA_HOME="$1/data" XDG_STATE_HOME="$1/state"
    export MPLCONFIGDIR="$1/matplotlib" IPYTHONDIR="$1/ipython"
    export PRIVATE_RUNTIME_DIR="$1/runtime"
    # A Wayland display is reached through the user's own folder: keep that one.
    export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$1/runtime}"
    export TMPDIR="$ROOT/.cache/tmp"
    # Bytecode is kept, as pip leaves it for a user; without it starting takes a quarter longer.
    unset PYTHONPATH PYTHONHOME QT_PLUGIN_PATH PYTHONDONTWRITEBYTECODE
}
