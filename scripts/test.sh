# shellcheck shell=bash
# ./dev test and ./dev e2e: everything that proves the code, against real Postgres, Redis, servers and a real browser.

# Postgres and Redis for tests: thrown away afterwards, so without durability.
start_test_services() {
  use_stack test
  database_start fast driveline_test
  redis_start
  export TEST_DATABASE_URL=$DATABASE_ADMIN_URL TEST_REDIS_URL=$REDIS_URL
}

run_tests() { # run_tests [nextest arguments]
  need_build_tools
  need_databases
  need_site_tools
  need_test_tools
  need_browser
  install_wanted
  use_node
  local nextest_binary
  nextest_binary=$(nextest)
  DRIVELINE_FEBRL_DIR=$(febrl)
  export DRIVELINE_FEBRL_DIR
  start_test_services
  step "Tests"
  (cd "$root" && "$nextest_binary" nextest run --workspace --locked --no-tests=warn "$@") || fail "Tests failed."
  if [ $# -eq 0 ]; then
    if grep -rlE '^\s*//[/!] ```(rust|should_panic|$)' "$root"/crates/*/src "$root"/{server,web,worker,migration}/src >/dev/null 2>&1; then
      step "Documentation tests"
      (cd "$root" && cargo test --quiet --workspace --locked --doc) || fail "Documentation tests failed."
    fi
    if compgen -G "$root/e2e/journeys/*.mjs" >/dev/null; then journeys; fi
    short_chaos
  fi
}

# Kills in the middle of a small sync, on a stack of its own. Of this one's settings it must inherit nothing.
short_chaos() {
  step "Chaos, in short"
  env -u DATABASE_URL -u DATABASE_OWNER_URL -u DATABASE_ADMIN_URL -u REDIS_URL -u DRIVELINE_REDIS_CONF \
    -u DRIVELINE_BIND -u DRIVELINE_WORKER_BIND -u DRIVELINE_PUBLIC_URL -u DRIVELINE_MASTER_KEY -u DRIVELINE_FILES_DIR \
    -u DRIVELINE_APP_PASSWORD -u DRIVELINE_READONLY_PASSWORD \
    DRIVELINE_PROFILE="${DRIVELINE_TEST_PROFILE:-dev}" "$root/dev" chaos --records 1000 --kills 4 9>&- ||
    fail "Something was lost, doubled or stuck." "The lines above say what; the same seed strikes the same way."
}

# The browser journeys, each against one stack on a fresh database.
run_e2e() { # run_e2e [part of a journey's name]
  need_build_tools
  need_databases
  need_site_tools
  need_browser
  install_wanted
  use_node
  use_stack test
  journeys "$@"
}

journeys() {
  node_packages "$root/e2e"
  build_site
  build_binaries "${DRIVELINE_TEST_PROFILE:-dev}" "${stack_binaries[@]}"
  unset DATABASE_URL DATABASE_OWNER_URL
  # A journey answers here as the name server by which a domain is proven.
  DRIVELINE_DNS="127.0.0.1:$(kept_port names)"
  export DRIVELINE_DNS
  start_stack fast driveline_e2e fresh
  step "Browser journeys"
  CHROMIUM=$(browser) node "$root/e2e/run.mjs" "$@" 9>&- || fail "A browser journey failed." "Screenshots are in e2e/screenshots, the servers' logs in $data/log."
}
