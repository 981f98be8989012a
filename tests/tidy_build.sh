# shellcheck shell=bash disable=SC2154
# Sourced by tidy.sh: what makefiles, debian/control and scripts owe each other. $files and $shells are
# the names of all of them.

# Automake compiles a target that has flags of its own with these alone: they begin with those of all
# targets, and they are there whenever the target is.
check_target_flags()
{
    local file
    for file in Makefile.am $(grep -E '\.mk$' <<<"$files"); do
        awk -v file="$file" '
        { text = text $0 }
        /\\$/ { sub(/\\$/, " ", text); next }
        text ~ /^if / { under[++depth] = text }
        text ~ /^else/ { under[depth] = under[depth] " else" }
        text ~ /^endif/ { depth-- }
        match(text, /^[A-Z_]+[ \t]*=/) { name = text; sub(/[ \t]*=.*/, "", name); named[name] = text }
        match(text, /^[a-z][A-Za-z0-9_]*_(SOURCES|CFLAGS|CPPFLAGS|LDFLAGS)[ \t]*\+?=/) {
            name = text; sub(/[ \t]*\+?=.*/, "", name)
            kind = name; sub(/^.*_/, "", kind)
            target = substr(name, 1, length(name) - length(kind) - 1)
            where = ""
            for (i = 1; i <= depth; i++) where = where under[i] ";"
            if (kind == "SOURCES") {
                if (!(target in sources)) sources[target] = where
            } else {
                value = text
                for (v in named) if (index(text, "$(" v ")") > 0) value = value named[v]
                if (index(value, "$(AM_" kind ")") == 0)
                    print file ":" NR ": " name " without AM_" kind
                flags[++n] = name; target_of[n] = target; at[n] = where; line[n] = NR
            }
        }
        { text = "" }
        END {
            for (i = 1; i <= n; i++)
                if (target_of[i] in sources && at[i] != sources[target_of[i]])
                    print file ":" line[i] ": " flags[i] " is under other conditions than the target"
        }' "$file"
    done
}

# Which package each module of pkg-config, and each program that Debian does not always have, is from.
packages='
raft libraft-dev
libuv libuv1-dev
sqlite3 libsqlite3-dev
msgpack libmsgpack-dev
jansson libjansson-dev
liblz4 liblz4-dev
libxxhash libxxhash-dev
libzstd libzstd-dev
smartcols libsmartcols-dev
uuid uuid-dev
libfyaml libfyaml-dev
libssl libssl-dev
libcurl libcurl4-openssl-dev
cmocka libcmocka-dev
libmicrohttpd libmicrohttpd-dev
libcjson libcjson-dev
autoreconf autoconf
clang-format clang-format
cpio cpio
gcov gcc
ip iproute2
make make
nft nftables
nm gcc
addr2line gcc
pkg-config pkgconf
chromedriver chromium-driver
chromium chromium
prometheus prometheus
promtool prometheus
python3 python3
qemu-system-x86_64 qemu-system-x86
strace strace
xz xz-utils'
# What no script calls: it is in few minimal systems.
absent='bc curl file gawk gdb gdbserver ifconfig jq less lsof nc netstat perl pgrep pidof
ps python rsync socat sqlite3 ss time top tree unzip uuidgen wget which xxd zip'

is_listed() # package
{
    grep -qE "^(Build-Depends:| ).*[ |]$1( |,|$)|^ +$1( |,|$)" debian/control
}

check_modules()
{
    local module package
    grep -oE 'PKG_CHECK_MODULES\(\[[A-Z0-9_]+\], *\[[^] ]+' configure.ac | sed 's/.*\[//' |
    while read -r module; do
        package=$(sed -n "s/^$module //p" <<<"$packages")
        [ -n "$package" ] || echo "$module: packages does not say where it is from"
        [ -z "$package" ] || is_listed "$package" || echo "$module: $package is not listed"
    done
}

# Lines of scripts in which one of the words stands where a command does.
lines_that_call() # words joined with |
{
    # shellcheck disable=SC2086
    grep -nHE "(^|[|;&(\`!]|[^a-z](then|do|else|if|while|until|exec|timeout [0-9]+)) *($1)( |$)" \
        $shells | grep -vE ':[0-9]+: *#'
}

check_programs()
{
    local program package
    while read -r program package; do
        [ -z "$program" ] || is_listed "$package" || lines_that_call "$program" |
            sed "s/^/$package is not listed: /"
    done < <(sed '1,/^libcjson/d' <<<"$packages")
    # This file has the list of them, and tidy.sh has words like these in awk.
    lines_that_call "$(tr -s ' \n' '||' <<<"$absent" | sed 's/|$//')" | grep -vE '^tests/tidy(_build)?\.sh:'
}

# A file that no makefile names is missing from the tarball.
check_distributed()
{
    local makefiles file
    # shellcheck disable=SC2046
    makefiles=$(cat Makefile.am $(grep -E '\.mk$' <<<"$files"))
    for file in $(grep -vE '\.mk$' <<<"$files"); do
        grep -qF -- "$file" <<<"$makefiles" || echo "$file: in no makefile"
    done
}
