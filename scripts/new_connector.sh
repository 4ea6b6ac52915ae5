#!/usr/bin/env bash
# ./dev new-connector NAME: a connector with its simulator that passes the conformance suite, as a place to start.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
name=${1:-}
if ! [[ $name =~ ^[a-z][a-z0-9]*(_[a-z0-9]+)*$ ]]; then
  echo "Give the connector's key: small letters, digits and single underscores, such as acme_dms." >&2
  exit 2
fi
connector=$root/crates/connectors/src/$name
simulator=$root/crates/simulators/src/$name
fixture=$root/crates/connectors/tests/it/$name.rs
for path in "$connector" "$simulator" "$fixture" "$root/crates/connectors/src/$name.rs"; do
  # An empty folder is nobody's.
  if [ -e "$path" ] && [ -n "$(ls -A "$path" 2>/dev/null || true)" ]; then
    echo "There is already something at ${path#"$root"/}; choose another name." >&2
    exit 1
  fi
done

type=$(printf '%s' "$name" | awk -F_ '{ for (i = 1; i <= NF; i++) printf "%s%s", toupper(substr($i, 1, 1)), substr($i, 2) }')
label=$(printf '%s' "$name" | awk -F_ '{ for (i = 1; i <= NF; i++) printf "%s%s%s", (i > 1 ? " " : ""), toupper(substr($i, 1, 1)), substr($i, 2) }')
fill() { sed -e "s/__KEY__/$name/g" -e "s/__TYPE__/$type/g" -e "s/__LABEL__/$label/g" "$root/scripts/new_connector/$1"; }
# Puts a line before the first line of a file that fits a pattern; says so where none does.
insert() {
  local file=$1 pattern=$2 line=$3
  if ! grep -q -- "$pattern" "$file"; then
    echo "$file has no line like $pattern to put \"$line\" before; add it by hand." >&2
    exit 1
  fi
  awk -v pattern="$pattern" -v line="$line" '!done && $0 ~ pattern { print line; done = 1 } { print }' "$file" >"$file.new"
  mv "$file.new" "$file"
}

mkdir -p "$connector" "$simulator"
fill connector.txt >"$connector/mod.rs"
fill simulator.txt >"$simulator/mod.rs"
fill fixture.txt >"$fixture"
insert "$root/crates/connectors/src/lib.rs" '^pub mod registry;' "pub mod $name;"
insert "$root/crates/simulators/src/lib.rs" '^pub mod server;' "pub mod $name;"
insert "$root/crates/connectors/src/registry.rs" '^];' "    &crate::$name::$type,"
insert "$root/crates/simulators/src/server.rs" '^    ];' "        Arc::new(crate::$name::$type::new(faults)),"
insert "$root/crates/connectors/tests/it/main.rs" '^mod bench;' "mod $name;"
printf 'conformance!(%s_conforms, crate::%s::Fixture);\n' "$name" "$name" >>"$root/crates/connectors/tests/it/main.rs"
cd "$root"
cargo fmt -p connectors -p simulators

cat <<SAID
Made, and registered:
  crates/connectors/src/$name/mod.rs       the connector: put the vendor's addresses, fields and oddities here
  crates/simulators/src/$name/mod.rs       its simulator: teach it the vendor's quirks
  crates/connectors/tests/it/$name.rs      what the conformance suite must know
Try it:  cargo nextest run -p connectors $name
SAID
