# shellcheck shell=bash
# dlt in a virtual environment of its own, made only where the bench compares with it.

dlt_version=1.31

need_python() {
  python3 -c 'import venv, ensurepip' 2>/dev/null || want "Python with virtual environments, for dlt" python3 python3-venv
}

# Whether the bench's arguments ask for dlt: no part is named, or it is.
wants_dlt() {
  local part named="" wanted=""
  while [ $# -gt 0 ]; do
    part=""
    case $1 in
      --only) part=${2:-} ;;
      --only=*) part=${1#--only=} ;;
    esac
    if [ -n "$part" ]; then named=1; fi
    if [ "$part" = dlt ]; then wanted=1; fi
    shift
  done
  [ -z "$named" ] || [ -n "$wanted" ]
}

# Sets DRIVELINE_DLT_PYTHON.
dlt() {
  local home="$tools/dlt-$dlt_version"
  if [ ! -e "$home/.installed" ]; then
    step "Installing dlt $dlt_version (once)"
    rm -rf "$home"
    mkdir -p "$tools"
    python3 -m venv "$home" >&2 || fail "Python could not make a virtual environment in $home."
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check "dlt[postgres]==$dlt_version.*" pyarrow >&2 ||
      fail "pip could not install dlt $dlt_version." "Its own words are above."
    : >"$home/.installed"
  fi
  export DRIVELINE_DLT_PYTHON="$home/bin/python"
}
