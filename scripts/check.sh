# shellcheck shell=bash
# ./dev check: what can be known without running anything. Every step is tried, then all failures are named.

check_steps=(scripts fmt layering documents clippy docs unused openapi)

check() {
  local steps=("$@") name failed=() began
  [ ${#steps[@]} -gt 0 ] || steps=("${check_steps[@]}")
  need_build_tools
  command -v node >/dev/null || want "Node.js, which the layering check is written in" nodejs
  command -v npm >/dev/null || want "npm" npm
  install_wanted
  cd "$root"
  for name in "${steps[@]}"; do
    case " ${check_steps[*]} " in *" $name "*) ;; *) fail "check has no step $name." "It has: ${check_steps[*]}" ;; esac
    began=$SECONDS
    step "check $name"
    if "check_$name"; then say "  fine ($((SECONDS - began)) s)"; else failed+=("$name"); fi
  done
  [ ${#failed[@]} -eq 0 ] || fail "./dev check failed in: ${failed[*]}"
  say "./dev check: ${#steps[@]} passed, 0 failed"
}

check_scripts() {
  local file status=0
  for file in dev .ci/run scripts/*.sh docker/*.sh; do bash -n "$file" || status=1; done
  for file in scripts/*.mjs e2e/*.mjs e2e/journeys/*.mjs; do
    if [ -e "$file" ]; then node --check "$file" || status=1; fi
  done
  return "$status"
}

check_fmt() { cargo fmt --all --check; }

check_clippy() { cargo clippy --quiet --workspace --all-targets --locked -- -D warnings; }

check_docs() { RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --locked; }

check_layering() { node scripts/layering.mjs; }

check_documents() { node scripts/documents.mjs; }

check_unused() {
  local machete
  machete=$(cargo_tool cargo-machete "$machete_version" cargo-machete --locked) || return 1
  "$machete" --skip-target-dir .
}

# The API's description as committed is the one the server gives.
check_openapi() {
  if [ ! -e server/openapi.json ]; then
    say "  server/openapi.json is not committed; nothing to compare"
    return 0
  fi
  local now
  now=$(mktemp)
  cargo run --quiet --locked -p server --bin driveline-server -- openapi >"$now" || return 1
  if ! diff -u server/openapi.json "$now" >&2; then
    say "  The API changed. If that is meant: cargo run -p server --bin driveline-server -- openapi > server/openapi.json"
    rm -f "$now"
    return 1
  fi
  rm -f "$now"
}
