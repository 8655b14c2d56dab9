#!/bin/bash
# Starts the server as process 1 and as its own user, in /data.
set -euo pipefail

# `redis-server --flag`, `--flag`, `/path/redis.conf` and nothing all mean the server; anything
# else is run as it is.
if [ $# -eq 0 ] || [ "${1:0:1}" = - ] || [[ "$1" == *.conf ]]; then
    set -- "$SERVER-server" "$@"
fi
if [ "$1" != "$SERVER-server" ] || [ "$(id -u)" != 0 ]; then
    exec "$@"
fi
find . \! -user "$SERVER" -exec chown "$SERVER" '{}' +
# The official images are built with protected mode off: without a password it would refuse
# everybody but the container itself. A flag or a file may still set it.
shift
file=()
if [ $# -gt 0 ] && [ "${1:0:1}" != - ]; then
    file=("$1")
    shift
fi
case " $* $(cat "${file[@]}" < /dev/null)" in
    *protected-mode*) protected=() ;;
    *) protected=(--protected-mode no) ;;
esac
umask 0077
exec setpriv --reuid="$SERVER" --regid="$SERVER" --clear-groups \
    "$SERVER-server" "${file[@]}" "${protected[@]}" "$@"
