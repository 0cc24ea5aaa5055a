# A private PostgreSQL, and a PgBouncer before it. Sourced by ./test, which provides say, die and install_packages.
#
# Both listen on loopback alone, speak TLS with a certificate of a private authority, and keep all their state in one temporary
# folder; clusters of the installed packages are not touched. Every commit is synced. Coordinates go to the tests in one
# variable, as words of the form key=value:
#
#   NOTIFYHUB_TEST_POSTGRES="url=postgres://notifyhub:…@127.0.0.1:…/postgres pooler=PORT ca=FILE bin=FOLDER user=NAME"
#
# `pooler` shares connections by transaction, without prepared statements. `bin` and `user` are for tests that start a
# server of their own, to restart it or to set it wrong.

postgres_dir=
postgres_bin=

postgres_start() {
  postgres_install
  postgres_dir=$(mktemp -d /var/tmp/notifyhub-postgres.XXXXXX)
  local user port pooler
  user=$(postgres_user) port=$(free_port) pooler=$(free_port "$port")
  mkdir "$postgres_dir"/{data,tls,pooler}
  postgres_certificates "$postgres_dir/tls"
  printf 'secret\n' > "$postgres_dir/password"
  [ "$(id -u)" -ne 0 ] || chown -R "$user" "$postgres_dir"
  as_postgres "$postgres_bin/initdb" --pgdata="$postgres_dir/data" --username=notifyhub --pwfile="$postgres_dir/password" \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync > "$postgres_dir/initdb.log" 2>&1 ||
    die "postgres: initdb: $(tail -n 3 "$postgres_dir/initdb.log" | tr '\n' ' ')"
  cat >> "$postgres_dir/data/postgresql.conf" << CONFIG
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$postgres_dir'
max_connections = 300
ssl = on
ssl_cert_file = '$postgres_dir/tls/cert.pem'
ssl_key_file = '$postgres_dir/tls/key.pem'
shared_buffers = 128MB
CONFIG
  as_postgres "$postgres_bin/pg_ctl" -D "$postgres_dir/data" -l "$postgres_dir/log" -w -t 60 start > "$postgres_dir/start.log" 2>&1 ||
    die "postgres: did not start: $(tail -n 3 "$postgres_dir/log" | tr '\n' ' ')"
  cat > "$postgres_dir/pooler/pgbouncer.ini" << CONFIG
[databases]
* = host=127.0.0.1 port=$port
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $pooler
auth_type = plain
auth_file = $postgres_dir/pooler/users
pool_mode = transaction
default_pool_size = 5
max_client_conn = 200
unix_socket_dir =
logfile = $postgres_dir/pooler/log
pidfile = $postgres_dir/pooler/pid
CONFIG
  printf '"notifyhub" "secret"\n' > "$postgres_dir/pooler/users"
  [ "$(id -u)" -ne 0 ] || chown -R "$user" "$postgres_dir/pooler"
  as_postgres "$(command -v pgbouncer)" -d "$postgres_dir/pooler/pgbouncer.ini" > "$postgres_dir/pooler/start.log" 2>&1
  wait_for_port "$pooler" || die "postgres: pgbouncer did not start: $(tail -n 3 "$postgres_dir/pooler/log" | tr '\n' ' ')"
  export NOTIFYHUB_TEST_POSTGRES="url=postgres://notifyhub:secret@127.0.0.1:$port/postgres pooler=$pooler \
ca=$postgres_dir/tls/ca.pem bin=$postgres_bin user=$user"
  say "postgres: started on 127.0.0.1, ports $port and $pooler (pgbouncer), in $postgres_dir"
}

postgres_stop() {
  [ -n "$postgres_dir" ] || return 0
  [ ! -s "$postgres_dir/pooler/pid" ] || kill "$(cat "$postgres_dir/pooler/pid")" 2> /dev/null
  as_postgres "$postgres_bin/pg_ctl" -D "$postgres_dir/data" -m immediate -w stop > /dev/null 2>&1
  rm -rf "$postgres_dir"
  say "postgres: stopped, $postgres_dir removed"
  postgres_dir=
}

# The newest installed one whose programs are all there, 15 or later.
postgres_find() {
  postgres_bin=
  local folder version
  for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V); do
    version=${folder#/usr/lib/postgresql/} version=${version%/bin}
    [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && [ "${version%%.*}" -ge 15 ] 2> /dev/null && postgres_bin=$folder
  done
  [ -n "$postgres_bin" ]
}

postgres_install() {
  local missing=()
  postgres_find || missing+=(postgresql)
  command -v pgbouncer > /dev/null || missing+=(pgbouncer)
  command -v openssl > /dev/null || missing+=(openssl)
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
  postgres_find || die "postgres: there is no PostgreSQL 15 or later in /usr/lib/postgresql; install one"
}

# PostgreSQL refuses to run as root.
postgres_user() { if [ "$(id -u)" -eq 0 ]; then echo postgres; else id -un; fi; }
as_postgres() {
  if [ "$(id -u)" -eq 0 ]; then (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups "$@"); else "$@"; fi
}

postgres_certificates() {
  (
    cd "$1"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 30 -subj '/CN=notifyhub test CA'
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out server.csr -subj /CN=localhost
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n' > server.ext
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile server.ext -out cert.pem
    chmod 600 key.pem
  ) > "$1/openssl.log" 2>&1 || die "postgres: openssl made no certificate; see $1/openssl.log"
}
