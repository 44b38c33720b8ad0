#!/usr/bin/env bash
# See that the system libraries that Qt, OpenGL and Xvfb need are there.
. "$(dirname -- "$0")/common.sh"

[ "$(uname)" = Linux ] || exit 0

if ! has_apt; then
    command -v xvfb-run >/dev/null ||
        say "Not a Debian or Ubuntu system: for the tests, and for a picture without a display," \
            "install Xvfb with xvfb-run and xauth, Mesa's OpenGL and EGL, and Qt's xcb libraries."
    exit 0
fi

wanted="xvfb xauth fonts-dejavu-core
    libgl1 libglx-mesa0 libgl1-mesa-dri libegl1 libopengl0
    libdbus-1-3 libfontconfig1 libglib2.0-0 libxkbcommon-x11-0 libxrender1 libxi6
    libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0
    libxcb-render-util0 libxcb-shape0 libxcb-sync1 libxcb-xfixes0 libxcb-xinerama0 libxcb-xkb1"
# Debian and Ubuntu leave out of python3 what makes environments.
command -v python3 >/dev/null && ! python3 -c 'import ensurepip, venv' 2>/dev/null &&
    wanted="$wanted python3-venv"

# What a package provides counts: newer releases call libglib2.0-0 libglib2.0-0t64.
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' |
    sed -n 's/^installed //p' | tr ',' '\n' | awk '{print $1}')
missing=()
for package in $wanted; do
    grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} = 0 ] && exit 0

# Not fatal: the libraries may have come another way, and xvfb.sh asks for what it must have.
apt_install "${missing[@]}" || true
