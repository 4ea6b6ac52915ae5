# shellcheck shell=bash
# A private Postgres on a free loopback port, never run as root.
#
# Roles: `driveline` owns the schema and runs migrations; `driveline_app` is what server and worker sign in as
# (no ownership, no BYPASSRLS); `driveline_readonly` is for breaking glass. The last two are made by the migration.

pg_stop_after="" # set where this script started Postgres and so stops it

pg_user() {
  if [ "$(id -u)" != 0 ]; then id -un; elif id postgres >/dev/null 2>&1; then echo postgres; else echo driveline-db; fi
}

as_pg_user() {
  if [ "$(id -u)" = 0 ]; then (cd / && runuser -u "$(pg_user)" -- "$@"); else "$@"; fi
}

# Where this stack's database lives: in its folder, or below /var/tmp where Postgres's user cannot reach that.
pg_home() {
  local home="$data/postgres" user
  user=$(pg_user)
  if [ "$(id -u)" = 0 ]; then
    id "$user" >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin "$user"
    mkdir -p "$home"
    chown "$user" "$home"
    if ! as_pg_user test -w "$home"; then
      rmdir "$home"
      local shared
      shared=/var/tmp/driveline-$(printf '%s' "$data" | cksum | cut -d' ' -f1)
      mkdir -p "$shared" && [ "$(stat -c %u "$shared")" = 0 ] || fail "$shared is not root's." "Remove it, or set DRIVELINE_DATA to a folder that the user $user can reach."
      chmod 755 "$shared"
      home="$shared/postgres"
      mkdir -p "$home"
      chown "$user" "$home"
    fi
  fi
  mkdir -p "$home"
  chmod 700 "$home"
  printf '%s\n' "$home"
}

pg_settings() { # pg_settings durable|fast PORT
  cat <<CONF
listen_addresses = '127.0.0.1'
port = $2
unix_socket_directories = ''
max_connections = 300
shared_buffers = 256MB
work_mem = 16MB
maintenance_work_mem = 256MB
effective_cache_size = 2GB
random_page_cost = 1.1
effective_io_concurrency = 64
max_wal_size = 4GB
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
wal_compression = on
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
CONF
  if [ "$1" = fast ]; then
    # Tests throw their databases away; a power cut in the middle may take them.
    printf 'fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum_naptime = 10min\n'
  fi
}

pg_start() { # pg_start durable|fast
  local home bin port password
  bin=$(pg_bin) || fail "There is no Postgres ≥ $pg_version_min on this machine."
  home=$(pg_home)
  password=$(secret POSTGRES_PASSWORD)
  if [ ! -s "$home/cluster/PG_VERSION" ]; then
    step "Making a private Postgres in $home"
    local password_file
    password_file=$(mktemp)
    printf '%s\n' "$password" >"$password_file"
    [ "$(id -u)" != 0 ] || chown "$(pg_user)" "$password_file"
    as_pg_user rm -rf "$home/cluster.new"
    as_pg_user "$bin/initdb" -D "$home/cluster.new" -U postgres --encoding=UTF8 --locale=C.UTF-8 \
      --auth=scram-sha-256 --pwfile="$password_file" --no-instructions >"$data/log/initdb.log" 2>&1 ||
      fail "initdb failed. Its last words:" "$(tail -n 5 "$data/log/initdb.log")"
    rm -f "$password_file"
    printf "include_if_exists = 'driveline.conf'\n" | as_pg_user tee -a "$home/cluster.new/postgresql.conf" >/dev/null
    as_pg_user mv "$home/cluster.new" "$home/cluster"
  fi
  if as_pg_user "$bin/pg_ctl" -D "$home/cluster" status >/dev/null 2>&1; then
    port=$(as_pg_user sed -n 4p "$home/cluster/postmaster.pid")
    # Left by an earlier start that was killed: it is this one's to stop now.
    if [ -e "$data/run/postgres.ours" ]; then pg_stop_after=$home; fi
  else
    port=$(kept_port postgres)
    pg_settings "$1" "$port" | as_pg_user tee "$home/cluster/driveline.conf" >/dev/null
    as_pg_user "$bin/pg_ctl" -D "$home/cluster" -l "$home/postgres.log" -w -t 60 start >"$data/log/pg_ctl.log" 2>&1 9>&- </dev/null ||
      fail "Postgres did not start. Its last words:" "$(as_pg_user tail -n 10 "$home/postgres.log")"
    pg_stop_after=$home
    : >"$data/run/postgres.ours"
  fi
  export PGHOST=127.0.0.1 PGPORT=$port
}

# Whether this stack's Postgres runs already; if so, pg_stop stops it.
pg_home_of_running() {
  local home
  home=$(pg_home)
  as_pg_user "$(pg_bin)/pg_ctl" -D "$home/cluster" status >/dev/null 2>&1 && pg_stop_after=$home
}

pg_stop() {
  [ -n "$pg_stop_after" ] || return 0
  as_pg_user "$(pg_bin)/pg_ctl" -D "$pg_stop_after/cluster" -m fast -w -t 60 stop >/dev/null 2>&1 9>&- || true
  pg_stop_after=""
  rm -f "$data/run/postgres.ours"
}

pg_admin() { # psql as the superuser of the private Postgres
  PGOPTIONS="-c client_min_messages=warning" PGPASSWORD=$(secret POSTGRES_PASSWORD) "$(pg_bin)/psql" -X -q -v ON_ERROR_STOP=1 -U postgres "$@"
}

# The owner's role. It is no superuser, as on a hosted Postgres; it may make roles because the migration does.
pg_owner() {
  local password
  password=$(secret OWNER_PASSWORD)
  pg_admin -d postgres <<SQL
do \$\$ begin
  if not exists (select from pg_roles where rolname = 'driveline') then
    create role driveline login createrole;
  end if;
end \$\$;
alter role driveline password '$password';
SQL
}

pg_database() { # pg_database NAME [fresh]
  if [ "${2:-}" = fresh ]; then pg_admin -d postgres -c "drop database if exists \"$1\" with (force)" 2>/dev/null; fi
  if [ -z "$(pg_admin -d postgres -Atc "select 1 from pg_database where datname = '$1'")" ]; then
    pg_admin -d postgres -c "create database \"$1\" owner driveline"
  fi
}

# Sets DATABASE_OWNER_URL and DATABASE_URL, from a private Postgres or from what the caller gave.
database_start() { # database_start durable|fast NAME [fresh]
  DRIVELINE_APP_PASSWORD=$(secret APP_PASSWORD)
  DRIVELINE_READONLY_PASSWORD=$(secret READONLY_PASSWORD)
  export DRIVELINE_APP_PASSWORD DRIVELINE_READONLY_PASSWORD
  if [ -n "${DATABASE_URL:-}" ]; then
    if [ -z "${DATABASE_OWNER_URL:-}" ]; then
      # One address given: it is the owner's, and the runtime role gets its own password.
      export DATABASE_OWNER_URL=$DATABASE_URL
      DATABASE_URL=$(printf '%s' "$DATABASE_URL" | sed -E "s#^(postgres(ql)?://)([^@/]*@)?#\1driveline_app:$DRIVELINE_APP_PASSWORD@#")
    fi
    export DATABASE_URL DATABASE_ADMIN_URL="${DATABASE_ADMIN_URL:-$DATABASE_OWNER_URL}"
    return 0
  fi
  pg_start "$1"
  pg_owner
  pg_database "$2" "${3:-}"
  local server="127.0.0.1:$PGPORT"
  export DATABASE_OWNER_URL="postgres://driveline:$(secret OWNER_PASSWORD)@$server/$2"
  export DATABASE_URL="postgres://driveline_app:$DRIVELINE_APP_PASSWORD@$server/$2"
  # What tests and chaos use to make and drop databases, to tamper, and to end other sessions.
  export DATABASE_ADMIN_URL="postgres://postgres:$(secret POSTGRES_PASSWORD)@$server/$2"
}
