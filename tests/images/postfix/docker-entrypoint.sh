#!/bin/bash
# Sets Postfix up from the environment and becomes its master process.
set -euo pipefail

hostname=${POSTFIX_HOSTNAME:-mail.example.org}
postconf -e "myhostname=$hostname" "smtpd_tls_security_level=${POSTFIX_TLS:-may}"

if [ ! -e /etc/postfix/tls/cert.pem ]; then
    mkdir -p /etc/postfix/tls
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
        -subj "/CN=$hostname" -addext "subjectAltName=DNS:$hostname,DNS:localhost" \
        -keyout /etc/postfix/tls/key.pem -out /etc/postfix/tls/cert.pem 2> /dev/null
fi

if [ -n "${POSTFIX_USER:-}" ]; then
    printf %s "${POSTFIX_PASSWORD:?}" | saslpasswd2 -p -c -u "$hostname" "$POSTFIX_USER"
    chown postfix /etc/sasldb2
    postconf -e smtpd_sasl_auth_enable=yes 'submitters=permit_sasl_authenticated,reject'
fi

# It listens before Postfix does: without it Postfix would answer 451 to everybody who is to be
# greylisted. No client earns an exception, or a test would depend on those before it.
postgrey --inet=127.0.0.1:10023 --delay="${POSTFIX_GREYLIST_SECONDS:-2}" --auto-whitelist-clients=0 \
    --user=postgrey --pidfile=/run/postgrey.pid --daemonize
until (exec 3<> /dev/tcp/127.0.0.1/10023) 2> /dev/null; do
    sleep 0.02
done
case "${POSTFIX_GREYLIST:-off}" in
    on) postconf -e 'everybody=$greylist' ;;
    off) ;;
    *) echo "POSTFIX_GREYLIST is on or off" >&2; exit 1 ;;
esac

# What `postfix start-fg` ends in, without its checks: they take two seconds and were done when the
# image was built.
exec "$(postconf -h daemon_directory)/master" -i
