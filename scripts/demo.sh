# shellcheck shell=bash
# ./dev demo: the main job running on this machine, with sample data.

demo() {
  local once="" arguments=()
  while [ $# -gt 0 ]; do
    case $1 in
      --once) once=1 ;;
      --customers) [ $# -ge 2 ] || fail "--customers wants a number."; arguments+=(--customers "$2"); shift ;;
      --customers=*) arguments+=("$1") ;;
      *) fail "demo does not know $1." "It knows: --once, --customers N" ;;
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
  # The simulated systems remember nothing from one start to the next, so neither may what was told of them: a private
  # database begins anew. One that the caller gave is left as it is.
  start_stack durable driveline fresh
  if [ -n "$once" ]; then
    "$bin/driveline-demo" --once "${arguments[@]}" 9>&-
    return
  fi
  "$bin/driveline-demo" "${arguments[@]}" 9>&- || fail "Seeding the demo group failed." "Its own words are above; the servers' are in $data/log."
  say ""
  say "Driveline is at $DRIVELINE_PUBLIC_URL  (logs in ${data#"$root"/}/log; Ctrl-C stops everything)"
  wait_for_an_end
}
