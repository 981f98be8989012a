# shellcheck shell=bash
# Sourced by the integration scripts: TAP, a private cluster, waiting with a deadline.
set -u
src=${BLIXARD_SRC:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
build=${BLIXARD_BUILD:-$src/build}
dir=$(mktemp -d /tmp/blixard-test.XXXXXX)
tests=0
failures=0

cluster() { BLIXARD_BUILD=$build "$src/contrib/bootstrap-cluster.sh" "$@"; }
ctl() { "$build/blixardctl" "$@" </dev/null; }

cleanup()
{
  cluster down --dir "$dir" >/dev/null 2>&1
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# ok CONDITION-STATUS NAME
ok()
{
  tests=$((tests + 1))
  if [ "$1" -eq 0 ]; then
    echo "ok $tests - $2"
  else
    echo "not ok $tests - $2"
    failures=$((failures + 1))
    [ ! -f "$dir/out" ] || sed 's/^/# /' "$dir/out" | head -n 20
    [ ! -f "$dir/err" ] || sed 's/^/# /' "$dir/err" | head -n 20
  fi
}

# wait_until SECONDS COMMAND...: true as soon as the command is
wait_until()
{
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    read -rt 0.05 <> <(:) || :
  done
}

up() # nodes, driver (sim)
{
  if ! cluster up --nodes "$1" --dir "$dir" --driver "${2:-sim}" >"$dir/up.log" 2>&1; then
    sed 's/^/# /' "$dir/up.log"
    echo "Bail out! no cluster"
    exit 99
  fi
  BLIXARD_ADDR=$(sed -n 's/^export BLIXARD_ADDR=//p' "$dir/up.log")
  export BLIXARD_ADDR
}

socket() { echo "unix:$dir/n$1/blixard.sock"; }
status_of() { ctl --addr "$(socket "$1")" --timeout 2s cluster status -o json 2>/dev/null; }
field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1; }
leader() { status_of "$1" | field leader; }

# All of the nodes named have applied the same and have the same digest.
agree()
{
  local k all=
  for k in "$@"; do
    all="$all$(status_of "$k" | grep -E '"(revision|digest|vms)"' | tr -d ' \n')"$'\n'
  done
  [ "$(printf %s "$all" | sort -u | grep -c .)" -eq 1 ] && [ -n "$(printf %s "$all" | head -n 1)" ]
}

finish()
{
  echo "1..$tests"
  [ "$failures" -eq 0 ]
}

# http PATH [NODE]: the body of what the HTTP server of a node answers
http()
{
  local port
  port=$(($(sed 's/.* //' "$dir/cluster") + 2 * (${2:-1} - 1) + 1))
  exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
  printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&9
  sed '1,/^\r$/d' <&9
  exec 9>&-
}
