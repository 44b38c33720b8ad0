#!/usr/bin/env bash
# Run a command on a virtual display of its own, with OpenGL in software.
# Elsewhere than on Linux there is no Xvfb to use, and the command gets the real screen.
. "$(dirname -- "$0")/common.sh"

[ "$(uname)" = Linux ] || exec "$@"
command -v xvfb-run >/dev/null || die "xvfb-run is missing: install Xvfb (Debian: xvfb xauth)"

unset WAYLAND_DISPLAY
export LIBGL_ALWAYS_SOFTWARE=1 QT_QPA_PLATFORM=xcb
export XDG_RUNTIME_DIR="${PRIVATE_RUNTIME_DIR:-${XDG_RUNTIME_DIR:-}}"
# xvfb-run's own temporary folder must have no space in its name; the command keeps its own.
exec env TMPDIR=/tmp xvfb-run -a -s "-screen 0 1600x1200x24" \
    env TMPDIR="${TMPDIR:-/tmp}" "$@"
