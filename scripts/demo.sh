#!/usr/bin/env bash
# Open napari on the demo data; where there is no display, save a picture of the window.
. "$(dirname -- "$0")/common.sh"

demo=(napari-rxrx3 demo --folder .demo)
if [ "$(uname)" != Linux ] || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    exec scripts/run.sh --keep pyqt5 "${demo[@]}"
fi
say "No display here: rendering into a picture."
scripts/run.sh pyqt5 scripts/xvfb.sh "${demo[@]}" --screenshot demo.png
say "The picture is $ROOT/demo.png"
