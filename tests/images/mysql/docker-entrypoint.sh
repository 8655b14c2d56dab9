#!/bin/bash
# Starts the server as process 1, with the accounts that the environment names. On the first
# start the prepared data folder is copied and the accounts are made by the server itself,
# before it lets anybody in.
set -euo pipefail

case "$SERVER" in
    mysql) daemon=mysqld prefix=MYSQL ;;
    mariadb) daemon=mariadbd prefix=MARIADB ;;
esac

# `mysqld --flag`, `--flag` and nothing all mean the server; anything else is run as it is.
if [ $# -eq 0 ] || [ "${1:0:1}" = - ]; then
    set -- "$daemon" "$@"
fi
case "$1" in
    mysqld | mariadbd) shift ;;
    *) exec "$@" ;;
esac

# setting NAME: the value of PREFIX_NAME or of the file that PREFIX_NAME_FILE names; MariaDB
# takes the MYSQL_ names too.
setting() {
    local start name file
    for start in "$prefix" MYSQL; do
        name="${start}_$1" file="${start}_$1_FILE"
        if [ -n "${!name:-}" ]; then
            printf %s "${!name}"
            return
        elif [ -n "${!file:-}" ]; then
            cat "${!file}"
            return
        fi
    done
}

# In single quotes for SQL.
quoted() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\'\'}"
}

accounts() {
    local root host database user
    root=$(quoted "$root_password")
    host=$(setting ROOT_HOST)
    host=$(quoted "${host:-%}")
    database=$(setting DATABASE)
    user=$(setting USER)
    if [ "$SERVER" = mariadb ]; then
        # Its set-up makes root without a password for more names of this machine.
        echo "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost');"
        echo "FLUSH PRIVILEGES;"
    fi
    echo "ALTER USER root@localhost IDENTIFIED BY $root;"
    if [ "$host" != "'localhost'" ]; then
        echo "CREATE USER root@$host IDENTIFIED BY $root;"
        echo "GRANT ALL ON *.* TO root@$host WITH GRANT OPTION;"
    fi
    [ -z "$database" ] || echo "CREATE DATABASE IF NOT EXISTS \`$database\`;"
    if [ -n "$user" ]; then
        user="$(quoted "$user")@'%'"
        echo "CREATE USER $user IDENTIFIED BY $(quoted "$(setting PASSWORD)");"
        [ -z "$database" ] || echo "GRANT ALL ON \`${database//_/\\_}\`.* TO $user;"
    fi
}

data=/var/lib/mysql
init=()
if [ ! -d "$data/mysql" ]; then
    root_password=$(setting ROOT_PASSWORD)
    if [ -n "$(setting RANDOM_ROOT_PASSWORD)" ]; then
        root_password=$(head -c 24 /dev/urandom | base64)
        echo "GENERATED ROOT PASSWORD: $root_password"
    elif [ -z "$root_password$(setting ALLOW_EMPTY_PASSWORD)$(setting ALLOW_EMPTY_ROOT_PASSWORD)" ]; then
        echo "[ERROR] set ${prefix}_ROOT_PASSWORD, MYSQL_RANDOM_ROOT_PASSWORD or MYSQL_ALLOW_EMPTY_PASSWORD" >&2
        exit 1
    fi
    if [ -n "$(ls /docker-entrypoint-initdb.d)" ]; then
        echo "[ERROR] this stand-in runs nothing from /docker-entrypoint-initdb.d" >&2
        exit 1
    fi
    cp -a /var/lib/mysql-prepared/. "$data"
    # Threat: passwords in a file. It is in the container's own /tmp, for the server alone.
    file=$(mktemp)
    accounts > "$file"
    chown mysql "$file"
    init=("--init-file=$file")
fi
chown mysql:mysql "$data" /run/mysqld
exec setpriv --reuid=mysql --regid=mysql --clear-groups "$daemon" "$@" "${init[@]}"
