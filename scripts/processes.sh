# shellcheck shell=bash
# Starting processes, waiting until they are ready, and stopping exactly those.
#
# A process is remembered by its id and its start time, so that an id which the system has given to somebody else
# since is never signalled.

stop_wait_s=15
ready_wait_s=60
started=() # "name pid starttime", in the order of starting

start_time() { # start_time PID: the kernel's start time of a living process
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  stat=${stat##*) }
  # shellcheck disable=SC2086 # the fields are words
  set -- $stat
  [ "$1" != Z ] && printf '%s\n' "${20}"
}

is_alive() { # is_alive PID STARTTIME
  [ "$(start_time "$1")" = "$2" ]
}

free_port() { # free_port [PREFERRED]: a loopback port nobody listens on
  local port=${1:-} tries
  for tries in $(seq 1 200); do
    [ -n "$port" ] || port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%s\n' "$port"
      return 0
    fi
    port=""
  done
  fail "No free loopback port after $tries tries."
}

# A free port that is remembered in the stack's folder, so that addresses stay the same from one start to the next.
kept_port() { # kept_port NAME [PREFERRED]
  local file="$data/ports/$1" port
  mkdir -p "$data/ports"
  port=$(free_port "$(cat "$file" 2>/dev/null || printf '%s' "${2:-}")")
  printf '%s\n' "$port" >"$file"
  printf '%s\n' "$port"
}

# One start of a stack at a time. The lock goes with this script's life.
lock_stack() {
  mkdir -p "$data/run" "$data/log"
  exec 9>"$data/lock"
  flock -n 9 || fail "Another ./dev is already running this stack ($data)." "Stop that one first, or give this one its own folder: DRIVELINE_DATA=/some/folder ./dev …"
  stop_left_over
}

# Ends what an earlier start left when it was killed.
stop_left_over() {
  local file pid time
  for file in "$data"/run/*.pid; do
    [ -e "$file" ] || continue
    read -r pid time <"$file"
    if is_alive "$pid" "$time"; then
      warn "$(basename "$file" .pid) is left from an earlier start; stopping it"
      end_process "$pid" "$time"
    fi
    rm -f "$file"
  done
}

start_process() { # start_process NAME COMMAND...: in its own process group, its output in log/NAME.log
  local name=$1 pid time
  shift
  : >"$data/log/$name.log"
  NO_COLOR=1 setsid "$@" >>"$data/log/$name.log" 2>&1 </dev/null 9>&- &
  pid=$!
  time=$(start_time "$pid" || true)
  started+=("$name $pid $time")
  printf '%s %s\n' "$pid" "$time" >"$data/run/$name.pid"
}

end_process() { # end_process PID STARTTIME
  local pid=$1 time=$2 waited=0
  kill -TERM -- "-$pid" 2>/dev/null || kill -TERM "$pid" 2>/dev/null || return 0
  while is_alive "$pid" "$time"; do
    if [ "$waited" -ge $((stop_wait_s * 10)) ]; then
      warn "process $pid did not end in $stop_wait_s s; killing it"
      kill -KILL -- "-$pid" 2>/dev/null || true
      return 0
    fi
    sleep 0.1
    waited=$((waited + 1))
  done
}

# Stops what this script started, last first.
stop_started() {
  local index name pid time
  for ((index = ${#started[@]} - 1; index >= 0; index--)); do
    read -r name pid time <<<"${started[$index]}"
    if [ -n "$time" ] && is_alive "$pid" "$time"; then end_process "$pid" "$time"; fi
    rm -f "$data/run/$name.pid"
  done
  started=()
}

# A started process that outlives this script, until end_kept.
keep_running() { # keep_running NAME
  local index
  for index in "${!started[@]}"; do
    if [ "${started[$index]%% *}" = "$1" ]; then
      mv "$data/run/$1.pid" "$data/run/$1.kept"
      unset "started[$index]"
    fi
  done
  started=("${started[@]}")
}

kept_is_alive() { # kept_is_alive NAME
  local pid time
  [ -s "$data/run/$1.kept" ] && read -r pid time <"$data/run/$1.kept" && is_alive "$pid" "$time"
}

end_kept() { # end_kept NAME
  local pid time
  if kept_is_alive "$1"; then
    read -r pid time <"$data/run/$1.kept"
    end_process "$pid" "$time"
  fi
  rm -f "$data/run/$1.kept"
}

# The status code of a GET, by bash alone.
http_status() { # http_status HOST:PORT PATH
  local host=${1%:*} port=${1##*:} line
  exec 3<>"/dev/tcp/$host/$port" || return 1
  printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$2" "$1" >&3
  IFS= read -r -t 5 line <&3 || { exec 3>&-; return 1; }
  exec 3>&-
  line=${line#* }
  printf '%s\n' "${line%% *}"
}

wait_ready() { # wait_ready NAME HOST:PORT PATH: until it answers 200, or dies, or the time is up
  local name=$1 address=$2 path=$3 waited=0 entry pid time
  for entry in "${started[@]}"; do
    if [ "${entry%% *}" = "$name" ]; then read -r _ pid time <<<"$entry"; fi
  done
  until [ "$(http_status "$address" "$path" 2>/dev/null)" = 200 ]; do
    is_alive "$pid" "$time" || fail "$name ended while starting. Its last words:" "$(tail -n 20 "$data/log/$name.log")"
    [ "$waited" -lt $((ready_wait_s * 10)) ] ||
      fail "$name was not ready after $ready_wait_s s (http://$address$path). Its last words:" "$(tail -n 20 "$data/log/$name.log")"
    sleep 0.1
    waited=$((waited + 1))
  done
}

# Returns when one of the started processes has ended, and says which.
wait_for_an_end() {
  local entry name pid time
  while :; do
    for entry in "${started[@]}"; do
      read -r name pid time <<<"$entry"
      is_alive "$pid" "$time" || fail "$name has ended. Its last words:" "$(tail -n 20 "$data/log/$name.log")"
    done
    sleep 1 9>&- &
    wait $! || return 0
  done
}
