# shellcheck shell=bash
# Messages for people: always on stderr, so that a command's own output (a JSON line, say) stays alone on stdout.

say() { printf '%s\n' "$*" >&2; }
step() { printf '\033[1m▸ %s\033[0m\n' "$*" >&2; }
warn() { printf '\033[33m! %s\033[0m\n' "$*" >&2; }

# fail WHAT [WHAT TO DO]: says both and ends.
fail() {
  printf '\033[31m✗ %s\033[0m\n' "$1" >&2
  if [ $# -gt 1 ]; then printf '  %s\n' "$2" >&2; fi
  exit 1
}
