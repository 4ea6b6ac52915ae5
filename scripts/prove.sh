# shellcheck shell=bash
# ./dev chaos and ./dev bench: the product measured and broken on purpose, by binaries that start what they kill.

# The binary gets: where our binaries are (DRIVELINE_BIN_DIR), a fresh database (DATABASE_URL, DATABASE_OWNER_URL),
# and everything stack_environment sets. It starts and ends simulators, server, worker and Redis itself, because
# killing them is its job; Redis by DRIVELINE_REDIS_CONF.
prove() { # prove NAME [arguments]: runs driveline-NAME
  local name=$1
  shift
  need_build_tools
  need_databases
  need_site_tools
  install_wanted
  use_node
  use_stack "$name"
  build_site
  build_binaries "${DRIVELINE_PROFILE:-release}" "${stack_binaries[@]}" "driveline-$name"
  prove_with "$name" "$@"
}

# The same for what needs a database and Redis alone.
prove_alone() { # prove_alone NAME [arguments]
  local name=$1
  shift
  need_build_tools
  need_databases
  install_wanted
  use_stack "$name"
  build_binaries "${DRIVELINE_PROFILE:-release}" driveline-migrate "driveline-$name"
  prove_with "$name" "$@"
}

prove_with() { # prove_with NAME [arguments]: after build_binaries
  local name=$1
  shift
  database_start durable driveline fresh
  redis_configure
  stack_environment
  export DRIVELINE_BIN_DIR=$bin DRIVELINE_LOG_DIR="$data/log"
  "$bin/driveline-migrate" >"$data/log/migrate.log" 2>&1 || fail "Migrating failed. Its last words:" "$(tail -n 20 "$data/log/migrate.log")"
  "$bin/driveline-$name" "$@" 9>&-
}

bench() {
  [ $# -ge 1 ] || fail "bench wants a name." "It knows: sync queue record matching"
  if [ "$1" = queue ] || [ "$1" = record ]; then
    local name=$1
    shift
    prove_alone "bench-$name" "$@"
    return
  fi
  if [ "$1" = matching ]; then
    shift
    bench_matching "$@"
    return
  fi
  if wants_dlt "$@"; then
    need_python
    install_wanted
    dlt
  fi
  prove bench "$@"
}

build_all() { # build_all [site]
  need_build_tools
  need_site_tools
  install_wanted
  use_node
  build_site
  if [ "${1:-}" = site ]; then return 0; fi
  build_binaries "${DRIVELINE_PROFILE:-release}" "${stack_binaries[@]}"
  say "Binaries are in $bin, the portal's files in $target/site."
}

install_all() {
  need_build_tools
  need_databases
  need_site_tools
  need_test_tools
  need_browser
  install_wanted
  use_node
  say "Nothing is missing."
}

new_connector() { # new_connector NAME
  command -v node >/dev/null || want "Node.js" nodejs
  install_wanted
  node "$root/scripts/new_connector.mjs" "$@" || exit 1
  (cd "$root" && cargo fmt --all)
}
