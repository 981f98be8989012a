#!/bin/bash
# A local cluster to work with: several daemons on loopback, all their files in one directory.
#
# DIR/nK is the data directory of node nK, with its log and its pid file beside the data. Whatever
# is signalled is first found to have DIR on its own command line.
set -euo pipefail

usage()
{
    cat <<USAGE
usage: bootstrap-cluster.sh up --dir DIR [--nodes 3] [--driver qemu|sim|auto] [--base-port P]
                               [--wait SECONDS]
       bootstrap-cluster.sh down --dir DIR [--keep-vms] [--wipe]
       bootstrap-cluster.sh status --dir DIR
       bootstrap-cluster.sh addr --dir DIR
       bootstrap-cluster.sh stop-node|kill-node|start-node NODE --dir DIR

  up          start the daemons, form the cluster, return when it accepts writes; what
              runs already is left alone. The last lines are the addresses to export.
  down        stop the daemons, and the virtual machines that outlive them
  status      show the nodes and the status of the cluster
  addr        print the \`export BLIXARD_ADDR=...\` line again
  stop-node   end one daemon in an orderly way; kill-node: by SIGKILL. Its virtual
              machines run on. start-node brings it back.

  --driver    what runs virtual machines; auto (the default) is QEMU where there is one
  --base-port node nK listens on P+2(K-1) for the others, and on the port after it for HTTP;
              default: the first free range
  --keep-vms  leave the virtual machines running
  --wipe      remove DIR as well

A kernel for virtual machines is copied to DIR/nK/boot, for node nK, or to
/var/lib/blixard/boot, for all. BLIXARDD_FLAGS has more flags for the daemons.
The programs are taken from PATH, else from \$BLIXARD_BUILD, else from ./build.
USAGE
}

say()
{
    printf 'cluster: %s\n' "$*" >&2
}

die()
{
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

# What was typed is wrong.
misused() # what
{
    (die "$1" "bootstrap-cluster.sh --help") || exit 2
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

find_programs()
{
    local src
    src=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    blixardd=$(command -v blixardd || true)
    blixardctl=$(command -v blixardctl || true)
    if [ -n "$blixardd" ] && [ -n "$blixardctl" ]; then
        return 0
    fi
    for bin in "${BLIXARD_BUILD:-}" ./build "$src/build"; do
        if [ -n "$bin" ] && [ -x "$bin/blixardd" ] && [ -x "$bin/blixardctl" ]; then
            bin=$(cd "$bin" && pwd)
            blixardd=$bin/blixardd
            blixardctl=$bin/blixardctl
            return 0
        fi
    done
    die "blixardd and blixardctl are neither on PATH nor in \$BLIXARD_BUILD nor in ./build" \
        "build first: autoreconf -fi && mkdir -p build && cd build && ../configure && make"
}

# --- what is known of a cluster: DIR/cluster, written once by up ----------------

load_cluster()
{
    [ -f "$dir/cluster" ] || die "no cluster in $dir" "start one: bootstrap-cluster.sh up --dir $dir"
    # Three words of our own: nodes, driver, base port.
    read -r nodes driver base_port <"$dir/cluster"
}

http_of() { echo "127.0.0.1:$((base_port + 2 * ($1 - 1) + 1))"; }
link_of() { echo "127.0.0.1:$((base_port + 2 * ($1 - 1)))"; }
socket_of() { echo "$dir/n$1/blixard.sock"; }

# The sockets of all nodes.
all_addresses()
{
    local k text
    text=unix:$(socket_of 1)
    for ((k = 2; k <= nodes; k++)); do
        text+=,unix:$(socket_of "$k")
    done
    echo "$text"
}

# blixardctl against one node, by its socket.
ctl() # K, arguments...
{
    local k=$1
    shift
    "$blixardctl" --addr "unix:$(socket_of "$k")" "$@" </dev/null
}

# --- processes -------------------------------------------------------------------

# Whether PID is a process that carries DIR/ on its command line.
is_ours() # pid
{
    tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | grep -qF -- "$dir/"
}

pid_of() # K: prints the pid of the daemon if it runs
{
    local pid
    pid=$(cat "$dir/n$1/pid" 2>/dev/null) || return 1
    is_ours "$pid" && echo "$pid"
}

# A process that ends loses its command line before its files, and with them its locks; and its first
# thread can be a zombie while others still have them.
is_gone() # pid
{
    local stat='' tasks
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
    tasks=("/proc/$1/task/"*)
    case ${stat##*) } in
    Z*|X*) [ "${#tasks[@]}" -le 1 ] && return 0 || return 1 ;;
    esac
    [ -n "$(tr -d '\0' 2>/dev/null <"/proc/$1/cmdline")" ] && ! is_ours "$1"
}

end_process() # pid, signal, seconds until SIGKILL
{
    is_ours "$1" || return 0
    kill "-$2" "$1" 2>/dev/null || true
    wait_until "$3" is_gone "$1" && return 0
    say "process $1 did not stop, sending SIGKILL"
    ! is_ours "$1" || kill -KILL "$1" 2>/dev/null || true
    wait_until 5 is_gone "$1"
}

# The shims and QEMUs of this cluster.
vm_pids()
{
    local path pid name
    for path in /proc/[0-9]*; do
        pid=${path#/proc/}
        name=$(tr '\0' '\n' 2>/dev/null <"$path/cmdline" | head -n 1) || continue
        case ${name##*/} in
        blixard-vm|qemu-*) ! is_ours "$pid" || echo "$pid" ;;
        esac
    done
}

end_vms()
{
    local pid pids
    pids=$(vm_pids)
    [ -n "$pids" ] || return 0
    say "stopping the processes of virtual machines: ${pids//$'\n'/ }"
    # The shim ends its QEMU in order, and the kernel does where the shim is gone.
    for pid in $pids; do
        end_process "$pid" TERM 10
    done
}

# --- starting --------------------------------------------------------------------

is_listening() # port
{
    local hex
    hex=$(printf '%04X' "$1")
    awk -v port=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 }
                         END { exit !found }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Whether somebody listens in the range of two ports a node that begins there; sets port to where.
port_in_use() # first
{
    for ((port = $1; port < $1 + 2 * nodes; port++)); do
        ! is_listening "$port" || return 0
    done
    return 1
}

# Sets base_port to the first range that nobody listens in.
find_ports()
{
    # Begin anywhere: a node that is down leaves its ports free for a moment.
    for ((base_port = 17400 + 20 * (RANDOM % 600); base_port < 32000; base_port += 20)); do
        port_in_use "$base_port" || return 0
    done
    die "no free range of ports below 32000" "pass one with --base-port"
}

# The daemon's own version is known when it answers. Just forked, it does not carry DIR on its
# command line yet: so what counts here is that the process is there.
answers_or_ended() # K, pid
{
    kill -0 "$2" 2>/dev/null || return 0
    ctl "$1" --timeout 2s version 2>/dev/null | grep '^blixardd' >/dev/null
}

# What else the daemons are told, for those who try things out: BLIXARDD_FLAGS="--snapshot-bytes 100000"
read -ra more_flags <<<"${BLIXARDD_FLAGS:-}"

# Not every build has an HTTP server.
has_http()
{
    "$blixardd" --help | grep '^  --http ' >/dev/null # -q would end the daemon amid its help
}

start_node() # K
{
    local k=$1 home=$dir/n$1 pid http=()
    if pid_of "$k" >/dev/null; then
        return 0
    fi
    mkdir -p "$home"
    (umask 077 && touch "$home/log" "$home/pid") # nobody else reads what is in a data directory
    ! has_http || http=(--http "$(http_of "$k")")
    setsid "$blixardd" --data "$home" --name "n$k" --listen "$(link_of "$k")" \
        --api none --socket "$(socket_of "$k")" --driver "$driver" \
        "${http[@]}" "${more_flags[@]}" </dev/null >>"$home/log" 2>&1 &
    pid=$!
    echo "$pid" >"$home/pid"
    if ! wait_until "$wait_seconds" answers_or_ended "$k" "$pid" || ! pid_of "$k" >/dev/null; then
        tail -n 20 "$home/log" >&2
        die "n$k failed to start" "see its log: $home/log"
    fi
}

# A member answers this even without a quorum; a daemon of no cluster refuses.
is_member() # K
{
    ctl "$1" --timeout 5s cluster status >/dev/null 2>&1
}

voters_are() # count
{
    local out
    out=$(ctl 1 --timeout 5s cluster status -o json 2>/dev/null) || return 1
    [ "$(grep -Eo '"role": *"(voter|leader)"' <<<"$out" | wc -l)" -ge "$1" ]
}

# A write on every node: a token costs nothing and is forgotten when it is not used.
accepts_writes()
{
    local k
    voters_are "$nodes" || return 1
    for ((k = 1; k <= nodes; k++)); do
        ctl "$k" --timeout 5s cluster token create >/dev/null 2>&1 || return 1
    done
}

form_cluster()
{
    local k token
    if ! is_member 1; then
        say "creating the cluster on n1"
        ctl 1 --timeout 30s cluster init --name local >&2
    fi
    for ((k = 2; k <= nodes; k++)); do
        is_member "$k" && continue
        token=$(ctl 1 --timeout 30s cluster token create) || die "cannot create a token on n1"
        say "joining n$k"
        "$blixardctl" --addr "unix:$(socket_of "$k")" --timeout 30s cluster join - >&2 <<<"$token"
        wait_until "$wait_seconds" voters_are "$k" ||
            die "n$k did not become a voter within $wait_seconds seconds" "see its log: $dir/n$k/log"
    done
    wait_until "$wait_seconds" accepts_writes ||
        die "the cluster did not accept writes within $wait_seconds seconds" \
            "bootstrap-cluster.sh status --dir $dir"
}

# --- the subcommands ---------------------------------------------------------------

print_addr()
{
    local list
    ! has_http || printf 'export BLIXARD_HTTP=http://%s\n' "$(http_of 1)"
    list=$(all_addresses)
    [[ $list =~ ^[A-Za-z0-9_.,:/-]*$ ]] || list=$(printf %q "$list")
    printf 'export BLIXARD_ADDR=%s\n' "$list"
}

do_up()
{
    local k longest
    longest=$dir/n$nodes/blixard.sock
    [ ${#longest} -lt 100 ] || die "$dir is too long for the path of a unix socket" \
        "choose a shorter --dir"
    { mkdir -p "$dir" 2>/dev/null && [ -w "$dir" ]; } ||
        die "$dir cannot be created or is not writable" "choose another --dir"
    if [ -f "$dir/cluster" ]; then
        say "using the existing cluster in $dir, with its nodes, driver and ports"
        load_cluster
    else
        if [ -z "$base_port" ]; then
            find_ports
        elif port_in_use "$base_port"; then
            die "port $port is already in use" "choose another --base-port, or omit it"
        fi
        echo "$nodes $driver $base_port" >"$dir/cluster"
    fi
    say "$nodes nodes, driver $driver, ports from $base_port, programs from ${blixardd%/*}"
    for ((k = 1; k <= nodes; k++)); do
        start_node "$k"
    done
    form_cluster
    say "ready: $nodes voters, accepting writes"
    print_addr
}

do_down()
{
    local k pid
    load_cluster
    for ((k = 1; k <= nodes; k++)); do
        pid=$(pid_of "$k") || continue
        say "stopping n$k (pid $pid)"
        kill -TERM "$pid" 2>/dev/null || true
    done
    for ((k = 1; k <= nodes; k++)); do
        pid=$(pid_of "$k") && end_process "$pid" TERM 20
        rm -f "$dir/n$k/pid"
    done
    [ "$keep_vms" = yes ] || end_vms
    [ "$wipe" = no ] || rm -rf "$dir"
    say "down"
}

do_status()
{
    local k pid rc=1
    load_cluster
    for ((k = 1; k <= nodes; k++)); do
        if pid=$(pid_of "$k"); then
            printf 'n%d  running  pid %-8s link %s  socket %s\n' "$k" "$pid" "$(link_of "$k")" "$(socket_of "$k")"
        else
            printf 'n%d  stopped\n' "$k"
        fi
    done
    "$blixardctl" --addr "$(all_addresses)" --timeout 5s cluster status && rc=0
    return "$rc"
}

do_node() # signal or start, node
{
    local k=${2#n} pid
    load_cluster
    [[ $k =~ ^[1-9]$ && $k -le $nodes ]] || die "no node $2 in $dir" "n1 to n$nodes"
    if [ "$1" = start ]; then
        start_node "$k"
        say "n$k is running (pid $(pid_of "$k"))"
    elif pid=$(pid_of "$k"); then
        end_process "$pid" "$1" 20
        rm -f "$dir/n$k/pid"
        say "n$k stopped (pid $pid, SIG$1)"
    else
        say "n$k is not running"
    fi
}

verb=${1:-}
[ $# -eq 0 ] || shift
dir='' nodes=3 driver=auto base_port='' keep_vms=no wipe=no wait_seconds=60 node=''
needs() # option, its word
{
    case ${2:-} in
    ''|-*) misused "$1 takes a word" ;;
    esac
}
while [ $# -gt 0 ]; do
    case $1 in
    --dir) needs "$@"; dir=$2; shift ;;
    --nodes) needs "$@"; nodes=$2; shift ;;
    --driver) needs "$@"; driver=$2; shift ;;
    --base-port) needs "$@"; base_port=$2; shift ;;
    --wait) needs "$@"; wait_seconds=$2; shift ;;
    --keep-vms) keep_vms=yes ;;
    --vms) keep_vms=no ;;
    --wipe) wipe=yes ;;
    -h|--help) usage; exit 0 ;;
    n[0-9]*) node=$1 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done

case $verb in
-h|--help|help) usage; exit 0 ;;
up|down|status|addr|stop-node|kill-node|start-node) ;;
*) usage >&2; exit 2 ;;
esac
[ -n "$dir" ] || misused "--dir is needed"
dir=$(realpath -m -- "$dir")
[[ $nodes =~ ^[1-9]$ ]] || misused "--nodes takes 1 to 9"
[[ $driver =~ ^(qemu|sim|auto)$ ]] || misused "--driver takes qemu, sim or auto"
[[ $base_port =~ ^([1-9][0-9]{0,4})?$ && ${base_port:-1} -le $((65536 - 2 * nodes)) ]] ||
    misused "--base-port takes a number, with room for two ports a node up to 65535"
[[ $wait_seconds =~ ^[0-9]+$ ]] || misused "--wait takes seconds"
case $verb in
*-node) [ -n "$node" ] || misused "$verb wants a node, n1 to n9" ;;
esac
case $verb in
up|status|addr|start-node) find_programs ;;
esac
case $verb in
up) do_up ;;
down) do_down ;;
status) do_status ;;
addr) load_cluster; print_addr ;;
stop-node) do_node TERM "$node" ;;
kill-node) do_node KILL "$node" ;;
start-node) do_node start "$node" ;;
esac
