# shellcheck shell=bash
# ./dev demo: the main job running on this machine, with sample data.

demo() {
  local once="" fresh="" arguments=()
  while [ $# -gt 0 ]; do
    case $1 in
      --once) once=1 ;;
      --fresh) fresh=fresh ;;
      --customers) [ $# -ge 2 ] || fail "--customers wants a number."; arguments+=(--customers "$2"); shift ;;
      --customers=*) arguments+=("$1") ;;
      *) fail "demo does not know $1." "It knows: --once, --fresh, --customers N" ;;
    esac
    shift
  done
  need_build_tools
  need_databases
  need_site_tools
  install_wanted
  use_node
  # A single run starts from nothing and beside a demo that is running, so it has a stack of its own.
  use_stack "$([ -n "$once" ] && echo once || echo demo)"
  local profile=${DRIVELINE_PROFILE:-release}
  build_site
  build_binaries "$profile" "${stack_binaries[@]}" driveline-demo
  if [ -n "$once" ]; then
    start_stack durable driveline fresh
    "$bin/driveline-demo" --once "${arguments[@]}" 9>&-
    return
  fi
  start_stack durable driveline "$fresh"
  "$bin/driveline-demo" "${arguments[@]}" 9>&- || fail "Seeding the demo group failed." "Its own words are above; the servers' are in $data/log."
  say ""
  say "Driveline is at $DRIVELINE_PUBLIC_URL  (logs in ${data#"$root"/}/log; Ctrl-C stops everything)"
  wait_for_an_end
}
