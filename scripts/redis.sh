# shellcheck shell=bash
# A private Redis on a free loopback port. It keeps nothing on disk, on purpose: Postgres is the truth.

# Writes its configuration and sets REDIS_URL, without starting it.
redis_configure() {
  if [ -n "${REDIS_URL:-}" ]; then return 0; fi
  local port password
  password=$(secret REDIS_PASSWORD)
  if kept_is_alive redis; then port=$(cat "$data/ports/redis"); else port=$(kept_port redis); fi
  export DRIVELINE_REDIS_CONF="$data/redis/redis.conf"
  export REDIS_URL="redis://default:$password@127.0.0.1:$port/0"
  mkdir -p "$data/redis"
  (umask 077 && cat >"$DRIVELINE_REDIS_CONF") <<CONF
bind 127.0.0.1
port $port
requirepass $password
dir $data/redis
save ""
appendonly no
maxmemory-policy noeviction
daemonize no
CONF
}

redis_start() {
  if [ -n "${REDIS_URL:-}" ]; then return 0; fi
  redis_configure
  if kept_is_alive redis; then return 0; fi
  start_process redis redis-server "$DRIVELINE_REDIS_CONF"
  local waited=0 port
  port=$(cat "$data/ports/redis")
  until [ "$(REDISCLI_AUTH=$(secret REDIS_PASSWORD) redis-cli -h 127.0.0.1 -p "$port" ping 2>/dev/null)" = PONG ]; do
    [ "$waited" -lt 100 ] || fail "Redis did not start. Its last words:" "$(tail -n 20 "$data/log/redis.log")"
    sleep 0.1
    waited=$((waited + 1))
  done
}
