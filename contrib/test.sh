#!/bin/bash
# Run every test: install what is missing, build in several ways, check each.
# The last line is the sum: `N passed, N failed, N skipped`.
set -uo pipefail

usage()
{
    cat <<USAGE
usage: test.sh [--quick] [--keep] [--no-install]

  --quick       the default build and its tests only
  --keep        keep the build directories (build-test-*) for the next run
  --no-install  do not look for missing packages

JOBS (default: the number of processors), CC and CFLAGS are taken from the
environment. The logs of a run that failed are always kept.
USAGE
}

src=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=${JOBS:-$(nproc)}
tests=$((jobs * 2)) # at a time: most of what takes long waits
keep=no quick=no install=yes
passed=0 failed=0 skipped=0
child=
work=

say()
{
    printf '== %s\n' "$*"
}

die()
{
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

# Ends what the phase under way has started: it is a process group of its own,
# and its timeout kills what ten seconds later is still there.
stop_child()
{
    [ -n "$child" ] || return 0
    kill -TERM -- "-$child" 2>/dev/null
    wait "$child" 2>/dev/null
    child=
}

clean_up()
{
    stop_child
    if [ "$keep" = no ] && [ "$failed" -eq 0 ]; then
        chmod -R u+w "$src"/build-test-* 2>/dev/null
        rm -rf "$src"/build-test-*
    fi
    [ -z "$work" ] || rm -rf "$work"
}

interrupted()
{
    trap '' INT TERM
    printf '\ninterrupted\n' >&2
    exit 130
}

# Run a command as one phase, bounded in time, its output in LOG.
run_phase() # log, seconds, command...
{
    local log=$1 seconds=$2 rc
    shift 2
    setsid timeout -k 10 "$seconds" "$@" >"$log" 2>&1 </dev/null &
    child=$!
    wait "$child"
    rc=$?
    child=
    [ "$rc" -ne 124 ] && [ "$rc" -ne 137 ] || echo "stopped after $seconds seconds" >>"$log"
    return "$rc"
}

# A phase that is not a run of tests has failed: count it, show why.
phase_failed() # name, log
{
    failed=$((failed + 1))
    printf 'FAILED: %s\n' "$1"
    grep -nE '(error|warning|Error [0-9]+|undefined reference)' "$2" | head -n 20
    printf -- '-- end of %s\n' "$2"
    tail -n 25 "$2"
}

sum_of() # word, log
{
    sed -n "s/^# $1: *//p" "$2" | awk '{ n += $1 } END { print n + 0 }'
}

# Show the end of the log of each test that did not pass.
show_failures() # build dir
{
    local trs
    find "$1" -name '*.trs' -exec grep -lE '^:global-test-result: (FAIL|ERROR)' {} + |
    while read -r trs; do
        printf -- '-- %s\n' "${trs%.trs}.log"
        grep -nE '^(not ok|Bail out|# )' "${trs%.trs}.log" | head -n 20
        tail -n 20 "${trs%.trs}.log"
    done
}

# Add the results of one `make check` to the sum.
count_check() # name, build dir, log, exit code
{
    local p f s
    if ! grep -q '^# TOTAL:' "$3"; then
        phase_failed "$1: tests" "$3"
        return
    fi
    p=$(sum_of PASS "$3")
    f=$(($(sum_of FAIL "$3") + $(sum_of ERROR "$3") + $(sum_of XPASS "$3")))
    s=$(($(sum_of SKIP "$3") + $(sum_of XFAIL "$3")))
    [ "$4" -eq 0 ] || [ "$f" -gt 0 ] || f=1
    [ "$f" -eq 0 ] || show_failures "$2"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    say "$1: $p passed, $f failed, $s skipped ($SECONDS s since the start)"
}

prepare_tree()
{
    [ ! -e "$src/config.status" ] || die "the source tree itself is configured" \
        "run make distclean there: the tests build beside it"
    [ -x "$src/configure" ] && [ -e "$src/build-aux/tap-driver.sh" ] && return 0
    say "autoreconf"
    run_phase "$work/autoreconf.log" 120 autoreconf -fi "$src" ||
        { phase_failed autoreconf "$work/autoreconf.log"; return 1; }
}

# Configure once for these options; a later run with the same ones reuses it.
configure_build() # name, log, options...
{
    local dir=$src/build-test-$1 log=$2
    shift 2
    [ "$(cat "$dir/options" 2>/dev/null)" = "${CC-} ${CFLAGS-} $*" ] &&
        [ -x "$dir/config.status" ] && return 0
    rm -rf "$dir"
    mkdir -p "$dir"
    run_phase "$log" 180 env -C "$dir" "$src/configure" --enable-werror "$@" || return 1
    printf '%s\n' "${CC-} ${CFLAGS-} $*" >"$dir/options"
}

check_build() # name, seconds, configure options...
{
    local name=$1 seconds=$2 log=$work/$1.log rc
    shift 2
    say "$name: configure, make, make check"
    if ! configure_build "$name" "$log" "$@"; then
        phase_failed "$name: configure" "$log"
        return
    fi
    if ! run_phase "$log" 600 make -C "$src/build-test-$name" -j"$jobs"; then
        phase_failed "$name: make" "$log"
        return
    fi
    run_phase "$log" "$seconds" make -C "$src/build-test-$name" -j"$tests" check
    rc=$?
    count_check "$name" "$src/build-test-$name" "$log" "$rc"
}

# What threads share, under ThreadSanitizer: its own few tests only.
check_threads()
{
    local log=$work/threads.log rc
    say "threads: configure, make check-threads"
    if ! configure_build threads "$log" --enable-tsan; then
        phase_failed "threads: configure" "$log"
        return
    fi
    run_phase "$log" 300 make -C "$src/build-test-threads" -j"$jobs" check-threads
    rc=$?
    count_check threads "$src/build-test-threads" "$log" "$rc"
}

# How much of codec, state machine and lease the tests reach: a floor for lines and branches.
check_coverage()
{
    local log=$work/coverage.log
    say "coverage: make coverage"
    # shellcheck disable=SC2016 # make expands it
    if run_phase "$log" 1200 make -C "$src/build-test-default" -j"$tests" coverage \
        'COVERAGE_TESTS=$(check_PROGRAMS)'; then
        passed=$((passed + 1))
        tail -n 16 "$log"
    else
        phase_failed coverage "$log"
        show_failures "$src/build-test-default/coverage"
    fi
    say "coverage: done ($SECONDS s since the start)"
}

# Instructions of the key benchmark cases, beside the figures that are committed.
check_instructions()
{
    local log=$work/instructions.log p f
    say "instructions: make bench-instructions"
    run_phase "$log" 600 make -C "$src/build-test-default" bench-instructions
    p=$(grep -c '^ok ' "$log")
    f=$(grep -c '^not ok ' "$log")
    grep '^not ok ' "$log"
    passed=$((passed + p)) failed=$((failed + f))
    [ "$((p + f))" -gt 0 ] || skipped=$((skipped + 1))
    say "instructions: $p passed, $f failed ($SECONDS s since the start)"
}

# The tarball: it must hold all it needs to build, test its own rules, install
# and remove itself. The other tests have run three times by then.
check_dist()
{
    local log=$work/dist.log
    say "dist: make distcheck"
    if run_phase "$log" 600 make -C "$src/build-test-default" -j"$jobs" distcheck \
        TESTS=tests/tidy.sh XZ_OPT=-1 \
        DISTCHECK_CONFIGURE_FLAGS=CFLAGS=-O1; then
        passed=$((passed + 1))
    else
        phase_failed "dist: make distcheck" "$log"
    fi
    say "dist: done ($SECONDS s since the start)"
}

while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=yes ;;
    --keep) keep=yes ;;
    --no-install) install=no ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done

trap interrupted INT TERM
trap clean_up EXIT
work=$(mktemp -d)
if [ "$install" = yes ] && ! "$src/contrib/install-deps.sh"; then
    failed=1
    say "packages are missing: run contrib/install-deps.sh as root"
elif prepare_tree; then
    check_build default 2400
    if [ "$quick" = no ]; then
        export BLIXARD_SIM_SEEDS=20 # of simulated clusters: these builds are slow
        check_build sanitized 2700 --enable-asan --enable-ubsan
        check_build tracking 2400 --enable-allocation-tracking
        check_threads
        check_coverage
        check_instructions
        check_dist
    fi
fi

if [ "$failed" -gt 0 ] && ls "$work"/*.log >/dev/null 2>&1; then
    mkdir -p "$src/build-test-logs"
    cp "$work"/*.log "$src/build-test-logs/"
    say "logs: $src/build-test-logs"
fi
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
