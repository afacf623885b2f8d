#!/bin/sh
# The one login that goes through the pooler, then the pooler. The root file system is read-only.
set -eu
umask 077
printf '"web" "%s"\n' "${ATOLL_WEB_PASSWORD:?}" >/tmp/users.txt
unset ATOLL_WEB_PASSWORD
exec pgbouncer /etc/pgbouncer/pgbouncer.ini
