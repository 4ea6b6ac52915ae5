#!/bin/sh
# Runs once, when the database volume is empty: the owner's role and its database.
# The owner is no superuser; it may make roles because the migration makes the application's.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$OWNER_PASSWORD" -U postgres -d postgres <<'SQL'
create role driveline login createrole password :'password';
create database driveline owner driveline;
SQL
