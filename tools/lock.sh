#!/bin/sh
# Pin requirements/*.in: pip's own format, hashes, no address of any index.
#
#   tools/lock.sh UV
#
# dev.txt comes first and binds the others: one environment may take turns with all of them.
set -eu

uv=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd requirements

pin() {
    in=$1
    out=$2
    python=$3
    shift 3
    "$uv" pip compile --quiet --generate-hashes --universal --python-version "$python" \
        --no-emit-index-url --no-header --no-annotate "$@" "$in" -o "$out"
    if grep -nE '://|^ *--(extra-)?index|^ *--find-links|^ *--trusted-host' "$out" >&2; then
        echo "requirements/$out names an address; it must not." >&2
        exit 1
    fi
}

pin dev.in dev.txt 3.11
pin devstack.in devstack.txt 3.11 --constraint dev.txt
pin base.in base.txt 3.11 --constraint dev.txt
pin dev.in next.txt 3.12 --override next.in
pin dev.in oldest.txt 3.11 --override oldest.in
pin lock.in lock.txt 3.11
