#!/bin/sh
# From empty servers to a product that serves, and from one release to the next: the control database,
# each shard, the image of an empty tenant, every tenant's tables. May be run again at any time; what is
# done is left alone.
#
# Names of servers are those of deploy/compose.yaml. Wants ATOLL_WEB_PASSWORD, ATOLL_OWN_PASSWORD and
# ATOLL_MOVER_PASSWORD (of letters, digits, - and _), and POSTGRES_PASSWORD, the superuser's.
set -eu
umask 077

case "${ATOLL_WEB_PASSWORD:?}${ATOLL_OWN_PASSWORD:?}${ATOLL_MOVER_PASSWORD:?}${POSTGRES_PASSWORD:?}" in
    *[!A-Za-z0-9_-]*)
        echo "Passwords may hold letters, digits, - and _ only: they are written into files." >&2
        exit 2
        ;;
esac

if [ ! -f "${ATOLL_REGISTRY:?}" ]; then
    cat >"$ATOLL_REGISTRY" <<TOML
version = 1

[control]
direct = {host = "control", port = 5432, dbname = "control"}
pooled = {host = "pgbouncer", port = 6432, dbname = "control"}
web = {user = "web", password = "$ATOLL_WEB_PASSWORD"}
own = {user = "own", password = "$ATOLL_OWN_PASSWORD"}
TOML
fi

python manage.py migrate --no-input
for shard in ${SHARDS:-alpha beta}; do
    ATOLL_ADMIN_CONNINFO="host=$shard port=5432 dbname=$shard user=postgres password=$POSTGRES_PASSWORD" \
        python manage.py add_shard "$shard" --pooled-host pgbouncer --pooled-port 6432
done
# Tenants that have no image are made by Django's migrations: slower, and no less right.
python manage.py build_image || echo "There is no image; see above. Going on without." >&2
python manage.py migrate_fleet
python manage.py check --deploy --database control
