#!/bin/bash
# Build and test without each part that configure can leave out, and without all of them, each in a
# directory of its own below DIR. A line for each: what was tried, and whether nothing of the part is left
# in the daemon.
set -uo pipefail

usage()
{
    cat <<USAGE
usage: features.sh DIR [VARIANT...]

  DIR      where the builds are made; one that is there is used again
  VARIANT  recorder, metrics, diagnostics, http or none (default: all of these)

BLIXARD_JOBS (default: 2) is how many compilers run at a time.
USAGE
}

# The flags of configure, and the symbols that blixardd does not have then.
declare -A flags=(
    [recorder]='--disable-recorder'
    [metrics]='--disable-metrics'
    [diagnostics]='--disable-diagnostics'
    [http]='--disable-http'
)
declare -A symbols=(
    [recorder]='bx_timed_'
    [metrics]='bx_promtext'
    [diagnostics]='curl_|diag_(open|report|store|request|session)|spool_|sender_|outgoing_|send_(dsn|answer)|bx_(scopes|crumbs?|bag|report|envelope|envread|limits|jout)_'
    [http]='http_|MHD_'
)
parts='recorder metrics diagnostics http'

# The tests of what the parts touch.
scripts=(log recorder log_snapshot sinks sink_node trace diag diag_send http prometheus memory crash_load man surface cli bootstrap)

variant_flags() # VARIANT
{
    local part
    for part in $(parts_of "$1"); do echo "${flags[$part]}"; done
}

parts_of() # VARIANT
{
    if [ "$1" = none ]; then echo "$parts"; else echo "$1"; fi
}

leftovers() # VARIANT
{
    local part
    for part in $(parts_of "$1"); do
        nm blixardd | awk '{ print $NF }' | grep -E "^(${symbols[$part]})" | sed "s/^/$part: /"
    done
}

try() # VARIANT; in its directory
{
    local list=() script
    # shellcheck disable=SC2046
    [ -f config.status ] || "$src/configure" -q --enable-werror $(variant_flags "$1") || return
    make -s -j"${BLIXARD_JOBS:-2}" || return
    leftovers "$1" >left
    [ ! -s left ] || { cat left && return 1; }
    for script in "${scripts[@]}"; do list+=("tests/integration/$script.sh"); done
    make -s -j"${BLIXARD_JOBS:-2}" check-unit && make -s check TESTS="tests/tidy.sh ${list[*]}"
}

case ${1:---help} in
-*)
    usage
    exit 2
    ;;
esac
src=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1" && dir=$(cd "$1" && pwd) || exit 2
shift
[ $# -gt 0 ] || set -- recorder metrics diagnostics http none
failed=0
for variant in "$@"; do
    mkdir -p "$dir/$variant"
    if (cd "$dir/$variant" && try "$variant") >"$dir/$variant.log" 2>&1; then
        echo "$variant: $(grep -h '^# PASS:' "$dir/$variant.log" | awk '{ n += $3 } END { print n }') tests pass"
    else
        echo "$variant: FAILED, see $dir/$variant.log"
        failed=1
    fi
done
exit $failed
