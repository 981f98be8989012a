#!/bin/bash
# Build, demonstrate and test the project in a Debian that has nothing but what debian/control lists.
#
# The room is a minimal system in a directory of its own, entered by chroot inside of a mount and a
# process namespace. Both end with this script, however it ends: no mount and no process is left.
set -euo pipefail

usage()
{
    cat <<USAGE
usage: clean-room.sh [--demo] [--test] [--quick] [--shell] [--keep] [--room DIR]

  Makes a minimal Debian, copies what HEAD holds into it, runs contrib/demo.sh and
  contrib/test.sh there, which install what debian/control lists, and removes it all.
  Needs root and the mirror of apt; nothing else is fetched. The last line tells how it
  went, and so does the exit code.

  --demo      the demo only; --test: the tests only
  --quick     the tests of the default build only
  --shell     a shell in the room instead of both
  --keep      keep the directory, and print its path
  --room DIR  make the room in DIR, or use the one that is there; it is kept

MIRROR_RELEASE (default: bookworm) is the release of Debian. The sources of apt on this
machine have to serve it.
USAGE
}

src=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
release=${MIRROR_RELEASE:-bookworm}
demo=no test=no shell=no keep=no quick=() room='' child=''

say()
{
    printf '== clean room: %s\n' "$*"
}

die()
{
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

# --- outside of the room ---------------------------------------------------------------

# The kernel ends the processes of a namespace with its first one, but not before wait returns.
wait_removed()
{
    local deadline=$((SECONDS + 20))
    until rm -rf --one-file-system "$room" 2>/dev/null; do
        [ "$SECONDS" -lt "$deadline" ] || { say "cannot remove $room" >&2; return 1; }
        sleep 0.2
    done
}

leave()
{
    local rc=$?
    trap '' INT TERM HUP
    # SIGKILL for unshare is SIGKILL for the first process of the namespace.
    [ -z "$child" ] || { kill -KILL "$child"; wait "$child"; } 2>/dev/null || true
    if [ -n "$room" ] && [ "$keep" = no ]; then
        wait_removed || rc=1
    fi
    exit "$rc"
}

need_mmdebstrap()
{
    command -v mmdebstrap >/dev/null && return 0
    say "installing mmdebstrap"
    { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
        --no-install-recommends mmdebstrap; } </dev/null >&2 ||
        die "cannot install mmdebstrap" "apt-get install mmdebstrap"
}

# Runs a function of the second half of this script in the namespaces; it dies with this process.
enter() # function
{
    local rc=0 self
    self=$src/contrib/$(basename "${BASH_SOURCE[0]}")
    setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child=KILL --mount-proc \
        bash "$self" --inside "$room" "$release" "$@" <&0 &
    child=$!
    wait "$child" || rc=$?
    child=''
    return "$rc"
}

copy_project()
{
    git -C "$src" rev-parse HEAD >/dev/null 2>&1 || die "$src is no git checkout" "clone the project"
    [ -z "$(git -C "$src" status --porcelain)" ] || say "ignoring uncommitted changes"
    rm -rf "$room/root/src"
    mkdir -p "$room/root/src"
    git -C "$src" archive HEAD | tar -C "$room/root/src" -xf -
}

# --- inside of the namespaces ------------------------------------------------------------

# The files of apt's sources on this machine that serve the release.
apt_sources()
{
    apt-get indextargets --format '$(RELEASE)|$(LABEL)|$(SOURCESENTRY)' 'Created-By: Packages' |
        awk -F'|' -v release="$release" '
            $2 == "Debian" && ($1 == release || $1 == "stable" || $1 == "oldstable") {
                sub(/:[0-9]+$/, "", $3)
                print $3
            }' | sort -u
}

# What this machine's apt knows of proxies, certificates and clocks holds in the room, too.
apt_options()
{
    apt-config dump --format '%F "%v";%n' |
        grep -E '^Acquire::(https?::|Retries |Check-(Valid-Until|Date) )' || true
}

# The keys and passwords that the sources refer to.
copy_keys() # source files...
{
    local path
    tar -C / -cf - --ignore-failed-read \
        etc/hosts etc/apt/auth.conf.d etc/apt/keyrings etc/apt/trusted.gpg.d 2>/dev/null |
        tar -C "$room/root" -xf - --no-same-owner
    { sed -nE 's/^Signed-By: *(\/.*)/\1/Ip; s/^deb [^#]*signed-by=([^] ]+).*/\1/Ip' "$@" | tr ', ' '\n\n'; } |
    while read -r path; do
        [ ! -f "$path" ] || install -D -m 644 "$path" "$room/root$path"
    done
}

make_room()
{
    local sources
    mapfile -t sources < <(apt_sources)
    [ ${#sources[@]} -gt 0 ] || die "no Debian $release in the sources of apt" \
        "add one to /etc/apt/sources.list.d"
    apt_options >"$room/apt.conf"
    mmdebstrap --mode=root --variant=apt --quiet --aptopt="$room/apt.conf" \
        "$release" "$room/root" "${sources[@]}"
    copy_keys "${sources[@]}"
    touch "$room/made"
}

# The file systems that programs expect. mmdebstrap has made the usual devices.
mount_room()
{
    mount -t proc proc "$room/root/proc"
    mount -t sysfs -o ro sysfs "$room/root/sys"
    mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$room/root/dev/pts"
    mount -t tmpfs -o mode=1777 shm "$room/root/dev/shm"
    mount -t tmpfs -o mode=755 run "$room/root/run"
    [ ! -c /dev/kvm ] || { touch "$room/root/dev/kvm" && mount --bind /dev/kvm "$room/root/dev/kvm"; }
}

# Nothing of this machine's environment is in the room.
in_room() # command...
{
    mount_room
    chroot "$room/root" /usr/bin/env -i -C /src PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 JOBS="${JOBS:-$(nproc)}" "$@"
}

if [ "${1:-}" = --inside ]; then
    room=$2 release=$3
    shift 3
    "$@"
    exit
fi

# --- what was asked ---------------------------------------------------------------------

while [ $# -gt 0 ]; do
    case $1 in
    --demo) demo=yes ;;
    --test) test=yes ;;
    --quick) quick=(--quick) ;;
    --shell) shell=yes ;;
    --keep) keep=yes ;;
    --room) room=$(realpath -m -- "${2:?--room takes a directory}"); keep=yes; shift ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done
[ "$demo$test$shell" != nonono ] || demo=yes test=yes

[ "$(id -u)" -eq 0 ] || die "chroot and namespaces need root" "run this script as root"
command -v apt-get >/dev/null || die "this is not a Debian machine"
need_mmdebstrap
trap leave EXIT
trap 'exit 130' INT TERM HUP
[ -n "$room" ] || room=$(mktemp -d "${TMPDIR:-/tmp}/blixard-room.XXXXXX")
mkdir -p "$room"
if [ ! -e "$room/made" ]; then
    say "creating a minimal $release in $room"
    rm -rf --one-file-system "$room/root"
    enter make_room || die "cannot create $room"
fi
copy_project

failed=()
if [ "$shell" = yes ]; then
    enter in_room bash -i || true
else
    if [ "$demo" = yes ]; then
        say "contrib/demo.sh"
        enter in_room ./contrib/demo.sh </dev/null || failed+=(demo)
    fi
    if [ "$test" = yes ]; then
        say "contrib/test.sh ${quick[*]}"
        enter in_room ./contrib/test.sh "${quick[@]}" </dev/null || failed+=(tests)
    fi
fi
[ "$keep" = no ] || say "kept in $room"
if [ ${#failed[@]} -gt 0 ]; then
    say "FAILED: ${failed[*]} ($SECONDS s)"
    exit 1
fi
say "passed ($SECONDS s)"
