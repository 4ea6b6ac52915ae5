# shellcheck shell=bash
# ./dev db: the tests' Postgres and Redis, left running between test runs.

db() {
  case ${1:-} in
    start)
      need_databases
      install_wanted
      use_stack test
      database_start fast driveline_test
      redis_start
      keep_running redis
      pg_stop_after=""
      rm -f "$data/run/postgres.ours"
      print_addresses
      ;;
    stop)
      use_stack test
      end_kept redis
      pg_home_of_running && pg_stop
      ;;
    psql)
      shift
      db_attach
      exec "$(pg_bin)/psql" -X "$DATABASE_ADMIN_URL" "$@"
      ;;
    url)
      db_attach
      print_addresses
      ;;
    *) fail "db wants one of: start, stop, psql, url." ;;
  esac
}

# The addresses of what is running, without starting anything.
db_attach() {
  data="${DRIVELINE_DATA:-$root/.data}/test"
  kept_is_alive redis && pg_home_of_running || fail "The tests' Postgres and Redis are not running." "Start them: ./dev db start"
  pg_stop_after=""
  database_start fast driveline_test
  redis_start
}

print_addresses() {
  printf "export TEST_DATABASE_URL='%s'\nexport TEST_REDIS_URL='%s'\n" "$DATABASE_ADMIN_URL" "$REDIS_URL"
}
