# shellcheck shell=bash
# A whole Driveline: database, Redis, migrations, simulators, server, worker. Started in that order, stopped in reverse.

# use_stack NAME: its folder, and a clean end whatever happens.
use_stack() {
  data="${DRIVELINE_DATA:-$root/.data}/$1"
  lock_stack
  trap stop_stack EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

stop_stack() {
  local status=$?
  trap - EXIT INT TERM HUP
  trap '' INT TERM HUP # a second Ctrl-C does not leave half of it running
  stop_started
  pg_stop
  exit "$status"
}

# A secret of this stack, made once; prints it. Letters and digits only, so that it fits into any address.
secret() { # secret NAME [base64]
  local file="$data/secrets/$1"
  if [ ! -s "$file" ]; then
    mkdir -p "$data/secrets"
    chmod 700 "$data/secrets"
    (
      umask 077
      if [ "${2:-}" = base64 ]; then head -c 32 /dev/urandom | base64 -w 0; else head -c 24 /dev/urandom | od -An -vtx1 | tr -d ' \n'; fi >"$file"
    )
  fi
  cat "$file"
}

# Everything Driveline reads from the environment, with what a demo needs. What the caller has set stays.
stack_environment() {
  local server_port worker_port simulators_port
  server_port=$(kept_port server "${DRIVELINE_PORT:-8080}")
  worker_port=$(kept_port worker)
  simulators_port=$(kept_port simulators)
  export DRIVELINE_BIND="${DRIVELINE_BIND:-127.0.0.1:$server_port}"
  export DRIVELINE_WORKER_BIND="${DRIVELINE_WORKER_BIND:-127.0.0.1:$worker_port}"
  export DRIVELINE_SIMULATORS_BIND="127.0.0.1:$simulators_port"
  export DRIVELINE_SIMULATORS_URL="http://127.0.0.1:$simulators_port"
  export DRIVELINE_PUBLIC_URL="${DRIVELINE_PUBLIC_URL:-http://$DRIVELINE_BIND}"
  export DRIVELINE_MASTER_KEY="${DRIVELINE_MASTER_KEY:-$(secret MASTER_KEY base64)}"
  export DRIVELINE_MAIL="${DRIVELINE_MAIL:-mailbox}"
  export DRIVELINE_ALLOW_PRIVATE_HOSTS=1
  export DRIVELINE_FILES_DIR="${DRIVELINE_FILES_DIR:-$data/files}"
  export DRIVELINE_SITE_DIR="${DRIVELINE_SITE_DIR:-$target/site}"
  export RUST_LOG="${RUST_LOG:-info}"
  mkdir -p "$DRIVELINE_FILES_DIR"
}

# build_binaries PROFILE NAME...: and sets `bin`, the folder they are in. Of the whole workspace: for some packages
# alone cargo chooses other features of what all share, and builds it anew for every choice.
build_binaries() {
  local profile=$1 name arguments=()
  shift
  for name in "$@"; do
    arguments+=(--bin "$name")
  done
  step "Building ($profile)"
  (cd "$root" && cargo build --workspace --quiet --locked --profile "$profile" "${arguments[@]}" >&2) || fail "The build failed." "The compiler's own words are above."
  bin="$target/$([ "$profile" = dev ] && echo debug || echo "$profile")"
}

stack_binaries=(driveline-migrate driveline-simulators driveline-server driveline-worker)

# start_stack durable|fast DATABASE [fresh]: after build_binaries.
start_stack() {
  step "Starting Postgres and Redis"
  database_start "$@"
  redis_start
  stack_environment
  step "Migrating"
  "$bin/driveline-migrate" >"$data/log/migrate.log" 2>&1 || fail "Migrating failed. Its last words:" "$(tail -n 20 "$data/log/migrate.log")"
  step "Starting simulators, server and worker"
  start_process simulators "$bin/driveline-simulators"
  # As in docker/Dockerfile: the server gives memory back at once.
  start_process server env MIMALLOC_PURGE_DELAY=0 "$bin/driveline-server"
  start_process worker "$bin/driveline-worker"
  wait_ready simulators "$DRIVELINE_SIMULATORS_BIND" /_sim/health
  wait_ready server "$DRIVELINE_BIND" /health/ready
  wait_ready worker "$DRIVELINE_WORKER_BIND" /health/ready
}
