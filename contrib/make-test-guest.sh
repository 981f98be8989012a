#!/bin/sh
# make-test-guest.sh DIR: a guest that boots in a second or two and says so on its console.
#
# The kernel is Debian's cloud kernel, taken out of its package without installing it; the initramfs
# is one static busybox and a dozen lines of shell. Both are kept in DIR and reused. Prints
#
#   KERNEL=DIR/vmlinuz
#   INITRD=DIR/initrd
#
# and nothing else on standard output. Root is needed only where busybox or cpio is missing.
set -eu

fail() {
    echo "make-test-guest: $*" >&2
    exit 1
}

[ $# -eq 1 ] || fail "usage: make-test-guest.sh DIR"
mkdir -p "$1"
dir=$(cd "$1" && pwd)
work=$(mktemp -d "$dir/.making.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

# static_busybox: the path of a busybox that needs no libraries
static_busybox() {
    for b in "$(command -v busybox || true)" /usr/lib/initramfs-tools/bin/busybox; do
        [ -n "$b" ] && [ -x "$b" ] || continue
        # A dynamic program names its loader near its beginning.
        if ! head -c 4096 "$b" | grep -q 'ld-linux'; then
            echo "$b"
            return 0
        fi
    done
    (cd "$work" && apt-get download busybox-static >/dev/null 2>&1 &&
        dpkg -x busybox-static_*.deb busybox) || return 1
    find "$work/busybox" -name busybox -type f | head -n 1
}

make_kernel() {
    package=$(apt-cache depends linux-image-cloud-amd64 |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1)
    [ -n "$package" ] || fail "no package linux-image-cloud-amd64: run apt-get update first"
    echo "make-test-guest: fetching $package" >&2
    (cd "$work" && apt-get download "$package" >/dev/null 2>&1) || fail "cannot download $package"
    dpkg -x "$work/$package"_*.deb "$work/kernel"
    mv "$work"/kernel/boot/vmlinuz-* "$dir/vmlinuz"
}

make_initrd() {
    command -v cpio >/dev/null || fail "cpio is missing: apt-get install cpio"
    busybox=$(static_busybox) || fail "no static busybox: apt-get install busybox-static"
    mkdir -p "$work/root/bin" "$work/root/proc" "$work/root/sys" "$work/root/dev"
    cp "$busybox" "$work/root/bin/busybox"
    for name in sh mount uname cat sleep reboot echo; do
        ln -s busybox "$work/root/bin/$name"
    done
    cat >"$work/root/init" <<'INIT'
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev 2>/dev/null
echo "blixard: guest is up"
echo "blixard: $(uname -srm)"
echo "blixard: cmdline $(cat /proc/cmdline)"
trap 'reboot -f' TERM USR2
# A word on the kernel's command line has the guest do something by itself, for tests of how that is
# noticed.
for word in $(cat /proc/cmdline); do
    case $word in
    blixard.end=reboot) reboot -f ;;
    blixard.chatter) while :; do echo "blixard: a line of the chatter that fills consoles"; done ;;
    esac
done
while :; do
    sleep 3600 &
    wait
done
INIT
    chmod 755 "$work/root/init"
    (cd "$work/root" && find . | cpio -o -H newc -R 0:0 2>/dev/null | gzip -9) >"$work/initrd"
    mv "$work/initrd" "$dir/initrd"
}

[ -s "$dir/vmlinuz" ] || make_kernel
# The initramfs follows this script; the kernel, which costs a download, stays.
if [ ! -s "$dir/initrd" ] || [ "$0" -nt "$dir/initrd" ]; then
    make_initrd
fi
echo "KERNEL=$dir/vmlinuz"
echo "INITRD=$dir/initrd"
