#!/bin/bash
# The tour: three daemons on loopback, real guests, a leader killed, nothing lost.
set -euo pipefail

usage()
{
    cat <<USAGE
usage: demo.sh [--driver qemu|sim] [--keep] [--no-install]

  Installs what is missing, builds into ./build, starts three daemons on loopback,
  boots virtual machines on two of them, kills the leader, shows that the others go
  on and that the guests did not notice, brings the node back, cleans up.

  --driver      qemu where there is QEMU (the default), or the simulated driver
  --keep        leave the cluster running, and print how to use and how to stop it
  --no-install  do not look for missing packages
USAGE
}

src=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$src/build
driver='' keep=no install=yes
dir=''
cluster=$src/contrib/bootstrap-cluster.sh

title()
{
    printf '\n=== %s\n' "$*"
}

say()
{
    printf '    %s\n' "$*"
}

die()
{
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

# Show a command as the user would type it, then run it.
show()
{
    printf '\n$ %s\n' "$*"
    "$@"
}

# Runs a command again and again until it succeeds; 1 when the seconds are over.
wait_until() # seconds, command...
{
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

clean_up()
{
    local rc=$?
    trap '' INT TERM
    [ -n "$dir" ] || exit "$rc"
    if [ "$keep" = yes ] && [ "$rc" -eq 0 ]; then
        title "left running"
        "$cluster" addr --dir "$dir"
        say "programs: $build; end it with: contrib/bootstrap-cluster.sh down --dir $dir --wipe"
    else
        title "cleaning up"
        [ "$rc" -eq 0 ] || [ "$rc" -eq 130 ] || tail -n 5 "$dir"/n*/log >&2 || true
        "$cluster" down --dir "$dir" --wipe || true
    fi
    exit "$rc"
}

# --- the ground ---------------------------------------------------------------------

build_it()
{
    title "building into $build"
    [ -x "$src/configure" ] && [ -e "$src/build-aux/tap-driver.sh" ] || autoreconf -fi "$src"
    mkdir -p "$build"
    [ -x "$build/config.status" ] || (cd "$build" && "$src/configure" --quiet)
    say "compiling, which takes a minute the first time; log: $build/make.log"
    make -C "$build" -s -j"$(nproc)" blixardd blixardctl blixard-vm >"$build/make.log" 2>&1 || {
        tail -n 20 "$build/make.log" >&2
        die "the build failed" "see $build/make.log"
    }
    say "$("$build/blixardctl" version 2>/dev/null | head -n 1)"
}

choose_driver()
{
    local qemu
    qemu=$(command -v qemu-system-x86_64 || true)
    if [ -z "$driver" ]; then
        if [ -n "$qemu" ] && [ "$(uname -m)" = x86_64 ]; then driver=qemu; else driver=sim; fi
    fi
    if [ "$driver" = qemu ]; then
        [ -n "$qemu" ] || die "qemu-system-x86_64 not found" "apt-get install qemu-system-x86"
        say "driver: qemu, found as $qemu ($("$qemu" --version | head -n 1))"
    else
        say "driver: sim. No real guest runs: $([ -n "$qemu" ] && echo "you asked for it" ||
            echo "there is no QEMU for x86-64 here")"
    fi
}

# Sets guest[] to the flags of a guest that can boot here, and tells the daemons where its files are.
make_guest()
{
    local line
    guest=(--memory 128MiB --disk 0 --restart never)
    [ "$driver" = qemu ] || return 0
    export BLIXARDD_FLAGS="--boot-dir $build/guest"
    title "making a guest: Debian's cloud kernel and one busybox"
    while read -r line; do
        case $line in
        KERNEL=*) guest+=(--kernel "${line#KERNEL=}") ;;
        INITRD=*) guest+=(--initrd "${line#INITRD=}") ;;
        esac
    done < <("$src/contrib/make-test-guest.sh" "$build/guest")
    [ ${#guest[@]} -eq 10 ] || die "cannot create the test guest" "contrib/make-test-guest.sh $build/guest"
}

# --- what the tour asks ---------------------------------------------------------------

# One scalar of a JSON object, the first of that name.
json_value() # key
{
    sed -nE "s/^.*\"$1\": *\"?([^\",}]*)\"?.*$/\1/p" | head -n 1
}

leader_is_known()
{
    local id
    id=$(blixardctl --timeout 5s cluster status -o json 2>/dev/null | json_value leader) || return 1
    [[ $id =~ ^[1-9][0-9]*$ ]] && leader=n$id
}

phase_of() # vm
{
    blixardctl --timeout 5s vm show "$1" -o json 2>/dev/null | json_value phase
}

is_running() # vm
{
    [ "$(phase_of "$1")" = running ]
}

# The process of a guest: the QEMU of that name whose parent is a shim of the demo's directory.
qemu_pid() # vm
{
    local pid parent
    for pid in $(cd /proc && printf '%s\n' [0-9]*); do
        tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qE "^[^ ]*qemu-system[^ ]* -name $1 " ||
            continue
        parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null)
        if tr '\0' '\n' 2>/dev/null <"/proc/$parent/cmdline" | grep -qF "$dir/"; then
            echo "$pid"
            return 0
        fi
    done
    return 1
}

console_speaks() # vm
{
    blixardctl --timeout 5s vm logs "$1" 2>/dev/null | grep -q 'blixard: cmdline'
}

node_is_up() # node
{
    [ "$(blixardctl --timeout 5s node show "$1" -o json 2>/dev/null | json_value state)" = up ]
}

# A node without its daemon is suspect after six seconds, and down later.
is_missed() # node
{
    [[ $(blixardctl --timeout 5s node show "$1" -o json 2>/dev/null | json_value state) =~ ^(suspect|down)$ ]]
}

# --- the tour ----------------------------------------------------------------------------

tour_boot()
{
    title "two virtual machines, on $leader (the leader) and on $other"
    show blixardctl vm create web1 --node "$leader" "${guest[@]}"
    show blixardctl vm create web2 --node "$other" "${guest[@]}"
    show blixardctl vm list
    show blixardctl vm show web1
    show blixardctl vm explain web1
    show blixardctl vm create web3 --disk 0 --dry-run
    [ "$driver" = qemu ] || return 0
    wait_until 90 console_speaks web1 || die "web1 is running, but its console is empty"
    wait_until 90 console_speaks web2 || die "web2 is running, but its console is empty"
    printf '\n$ blixardctl vm logs web1 | grep blixard:\n'
    blixardctl vm logs web1 | grep blixard:
    pid1=$(qemu_pid web1) || die "no QEMU process of web1"
    say "web1 is process $pid1, web2 is process $(qemu_pid web2)"
}

tour_kill()
{
    local before=$leader since
    title "killing the leader, $before, by SIGKILL"
    "$cluster" kill-node "$before" --dir "$dir"
    since=$(date +%s%N)
    show blixardctl vm create web3 --node "$other" "${guest[@]}" --no-wait
    say "accepted $((($(date +%s%N) - since) / 1000000)) ms after the leader was killed"
    wait_until 60 leader_is_known || die "no leader after a minute"
    [ "$leader" != "$before" ] || die "the killed node is still reported as the leader"
    say "the new leader is $leader"
    wait_until 90 is_running web3 || die "web3 is not running"
    show blixardctl vm list
    wait_until 60 is_missed "$before" || die "$before is not reported as unreachable"
    show blixardctl node list
    [ "$driver" = qemu ] || return 0
    [ "$(qemu_pid web1)" = "$pid1" ] || die "web1 ended with its daemon"
    say "web1, on the killed node, is still process $pid1: guests do not need the daemon"
}

tour_return() # node
{
    title "bringing $1 back"
    "$cluster" start-node "$1" --dir "$dir"
    wait_until 60 node_is_up "$1" || die "$1 did not start"
    wait_until 60 is_running web1 || die "web1 is $(phase_of web1), not running"
    show blixardctl node list
    show blixardctl vm list
    if [ "$driver" = sim ]; then
        say "web1 is still running: $1 has restored its simulated VMs"
        return 0
    fi
    [ "$(qemu_pid web1)" = "$pid1" ] || die "web1 was restarted"
    say "web1 is still process $pid1: $1 has adopted it"
}

while [ $# -gt 0 ]; do
    case $1 in
    --driver) driver=${2:-}; [[ $driver =~ ^(qemu|sim)$ ]] || { usage >&2; exit 2; }; shift ;;
    --keep) keep=yes ;;
    --no-install) install=no ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done

trap clean_up EXIT
trap 'exit 130' INT TERM
unset BLIXARD_ADDR BLIXARD_CONTEXT BLIXARD_OUTPUT
if [ "$install" = yes ]; then
    title "looking for missing packages"
    "$src/contrib/install-deps.sh" --no-check || die "packages are missing" "run contrib/install-deps.sh as root"
fi
build_it
PATH=$build:$PATH
choose_driver
make_guest

title "three daemons on loopback"
dir=$(mktemp -d /tmp/blixard-demo.XXXXXX)
"$cluster" up --nodes 3 --dir "$dir" --driver "$driver" | tee "$dir/addr"
eval "$(grep '^export BLIXARD_ADDR=' "$dir/addr")"
while read -r line; do
    say "n1 says: $line"
done < <(grep -hoE '(driver [a-z]+:|guests run under) .*' "$dir/n1/log" | sort -u)
show blixardctl cluster status
show blixardctl node list

leader=''
wait_until 30 leader_is_known || die "no leader"
first=$leader
other=$([ "$first" = n2 ] && echo n3 || echo n2)
pid1=''
tour_boot
tour_kill
tour_return "$first"

title "and away"
show blixardctl vm stop web2 --force
for vm in web1 web2 web3; do
    [ "$keep" = yes ] || show blixardctl vm delete "$vm" --yes
done
show blixardctl events
title "done: $driver driver, three nodes, one leader killed, nothing lost"
