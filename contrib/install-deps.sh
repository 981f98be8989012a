#!/bin/bash
# Install the packages that building, testing and running need, and nothing else.
#
# The list is debian/control. What is there already is left alone, so root is
# needed only when something is missing. A package whose version is not in the
# machine's release (libraft on Debian 12) comes from the backports suite of the
# very mirror the machine already uses, under the same key.
set -euo pipefail

usage()
{
    cat <<USAGE
usage: install-deps.sh [--build-only] [--no-check] [--dry-run]

  --build-only  only what building and testing need, not what guests need
  --no-check    not what only the tests need, such as a browser
  --dry-run     print what is missing, install nothing; exit 1 if something is missing
USAGE
}

src=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
control=$src/debian/control
fields="Build-Depends Recommends"
dry_run=no check=yes

say()
{
    printf 'install-deps: %s\n' "$*" >&2
}

die()
{
    say "error: $1"
    [ $# -lt 2 ] || say "hint: $2"
    exit 1
}

# The entries of one field of debian/control, one a line.
field_entries()
{
    awk -v want="$1:" -v check="$check" '
        /^#/ { next }
        /^[^ \t]/ { on = ($1 == want) }
        on { sub(/^[^ \t]*:/, ""); text = text " " $0 }
        END {
            n = split(text, entry, ",")
            for (i = 1; i <= n; i++) {
                gsub(/^[ \t]+|[ \t]+$/, "", entry[i])
                if (entry[i] != "" && (check == "yes" || entry[i] !~ /<!nocheck>/))
                    print entry[i]
            }
        }' "$control"
}

# "name (op version)" -> "name op version"
split_dependency()
{
    sed -E 's/[()]/ /g; s/\[[^]]*\]//g; s/<[^<>=]*>$//; s/ +/ /g; s/^ | $//g' <<<"$1"
}

version_fits() # have, op, want
{
    [ -z "${2:-}" ] || dpkg --compare-versions "$1" "$2" "$3"
}

is_installed() # name, op, version
{
    local have
    have=$(dpkg-query -W -f='${db:Status-Status} ${Version}\n' "$1" 2>/dev/null |
           sed -n 's/^installed //p' | head -n 1)
    [ -n "$have" ] && version_fits "$have" "${2:-}" "${3:-}"
}

# The versions apt can get of a package, best first, candidate in front.
available_versions()
{
    LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p' | grep -v '(none)' || true
    LC_ALL=C apt-cache madison "$1" 2>/dev/null | awk -F' *[|] *' '{ print $2 }'
}

# What apt-get is asked for: "name", or "name=version" if its candidate is too old.
installable() # name, op, version
{
    local version first=yes
    while read -r version; do
        if version_fits "$version" "${2:-}" "${3:-}"; then
            if [ "$first" = yes ]; then echo "$1"; else echo "$1=$version"; fi
            return 0
        fi
        first=no
    done < <(available_versions "$1")
    return 1
}

# Sets missing[] to the entries that no alternative of is installed.
find_missing()
{
    local field entry alternative dep found
    missing=()
    for field in $fields; do
        while read -r entry; do
            found=no
            while read -r alternative; do
                read -ra dep <<<"$(split_dependency "$alternative")"
                if is_installed "${dep[@]}"; then
                    found=yes
                    break
                fi
            done < <(tr '|' '\n' <<<"$entry")
            [ "$found" = yes ] || missing+=("$entry")
        done < <(field_entries "$field")
    done
}

# Sets wanted[] to what apt-get can install, lacking[] to what it can not.
find_wanted()
{
    local entry alternative dep got
    wanted=() lacking=()
    for entry in "${missing[@]}"; do
        got=
        while read -r alternative; do
            read -ra dep <<<"$(split_dependency "$alternative")"
            if got=$(installable "${dep[@]}"); then
                break
            fi
        done < <(tr '|' '\n' <<<"$entry")
        if [ -n "$got" ]; then wanted+=("$got"); else lacking+=("$entry"); fi
    done
}

as_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && [ -t 0 ]; then
        sudo "$@"
    elif command -v sudo >/dev/null; then
        sudo -n "$@"
    else
        die "root is needed to install: ${missing[*]}" "run this script as root once"
    fi
}

apt()
{
    as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q "$@" </dev/null >&2
}

# The mirror that serves this release, and the file that says so: apt has read
# both forms of its sources for us.
archive_of_release()
{
    apt-get indextargets --format '$(RELEASE)|$(COMPONENT)|$(LABEL)|$(REPO_URI)|$(SOURCESENTRY)' \
        'Created-By: Packages' |
    awk -F'|' -v release="$1" '
        $2 == "main" && $3 == "Debian" &&
        ($1 == release || $1 == "stable" || $1 == "oldstable") { print $1 "|" $4 "|" $5; exit }'
}

# The Signed-By of one source, with the lines of an embedded key.
signed_by() # file:entry, release
{
    local file=${1%:*} entry=${1##*:}
    case $file in
    *.sources)
        awk -v release="$2" '
            function flush(i) {
                if (hit && key != "") { printf "%s", key; exit }
                hit = 0; on = 0; key = ""
            }
            /^#/ { next }
            /^[ \t]*$/ { flush(); next }
            /^[^ \t]/ { on = (tolower($1) == "signed-by:") }
            tolower($1) == "suites:" { for (i = 2; i <= NF; i++) if ($i == release) hit = 1 }
            on { key = key $0 "\n" }
            END { flush() }' "$file"
        ;;
    *)
        sed -n "${entry}p" "$file" |
            sed -nE 's/^[^[]*\[[^]]*signed-by=([^] ]+).*/Signed-By: \1/Ip' | tr ',' ' '
        ;;
    esac
}

enable_backports()
{
    local release archive name uri entry dir parts file
    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [ -n "$release" ] || die "cannot determine the release of this machine" \
        "install by hand: ${lacking[*]}"
    archive=$(archive_of_release "$release")
    [ -n "$archive" ] || die "no Debian mirror for $release in the sources of apt" \
        "install by hand: ${lacking[*]}"
    IFS='|' read -r name uri entry <<<"$archive"

    eval "$(apt-config shell dir Dir::Etc/d parts Dir::Etc::sourceparts/d)"
    file=${parts:-$dir/sources.list.d}
    file=${file%/}/blixard-backports.sources
    say "adding $release-backports from $uri in $file"
    {
        printf 'Types: deb\nURIs: %s\nSuites: %s-backports\nComponents: main\n' "$uri" "$release"
        signed_by "$entry" "$name"
    } | as_root tee "$file" >/dev/null
    if ! apt update -o APT::Update::Error-Mode=any; then
        as_root rm -f "$file"
        die "cannot read $release-backports from $uri" "install by hand: ${lacking[*]}"
    fi
}

install_missing()
{
    apt update
    find_wanted
    if [ ${#lacking[@]} -gt 0 ]; then
        say "not in the enabled suites: ${lacking[*]}"
        enable_backports
        find_wanted
        [ ${#lacking[@]} -eq 0 ] ||
            die "no package for: ${lacking[*]}" "Debian 12 (with backports) and later have them"
    fi
    say "installing: ${wanted[*]}"
    apt install -y --no-install-recommends "${wanted[@]}"
    find_missing
    [ ${#missing[@]} -eq 0 ] || die "still missing after the installation: ${missing[*]}"
}

while [ $# -gt 0 ]; do
    case $1 in
    --build-only) fields="Build-Depends" ;;
    --no-check) check=no ;;
    --dry-run) dry_run=yes ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done

command -v dpkg-query >/dev/null || die "this is not a Debian machine" \
    "install what debian/control lists with your own package manager"
find_missing
if [ ${#missing[@]} -eq 0 ]; then
    say "nothing is missing"
elif [ "$dry_run" = yes ]; then
    say "missing:"
    printf '  %s\n' "${missing[@]}"
    exit 1
else
    say "missing: ${missing[*]}"
    install_missing
fi
