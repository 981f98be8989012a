#!/bin/bash
# The rules of the house, as tests: who may include whom, who owns which
# library, what is never called, how long things may grow. Prints TAP.
set -u
shopt -s lastpipe # so that the end of a pipe can count

src=${BLIXARD_SRC:-$(cd "$(dirname "$0")/.." && pwd)}
build=${BLIXARD_BUILD:-}
plain=$(mktemp -d)
trap 'rm -rf "$plain"' EXIT
cd "$src" || exit 99

n=0

# One TAP test: it passes if nothing comes in on stdin; what comes is shown.
report() # what
{
    local offending
    offending=$(head -n 50)
    n=$((n + 1))
    if [ -z "$offending" ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        sed 's/^/# /' <<<"$offending"
    fi
}

skip() # what, why
{
    n=$((n + 1))
    echo "ok $n - $1 # SKIP $2"
}

list_files()
{
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1 &&
        [ "$(git rev-parse --show-cdup)" = "" ]; then
        git ls-files -co --exclude-standard
    else
        find libcore pki daemon cli tests contrib .ci kinds.mk -type f 2>/dev/null
    fi | grep -E '\.(c|h|sh|mk)$' | LC_ALL=C sort |
    while read -r file; do [ ! -f "$file" ] || echo "$file"; done
}

# Copies C files with comments and the insides of strings blanked, line by line.
strip_c() # files...
{
    printf '%s\n' "$@" | sed "s|^|$plain/|; s|/[^/]*\$||" | sort -u | xargs mkdir -p
    awk -v plain="$plain" '
    FNR == 1 {
        if (to != "") close(to)
        to = plain "/" FILENAME
        comment = 0
    }
    {
        out = ""
        for (i = 1; i <= length($0); i++) {
            two = substr($0, i, 2); c = substr($0, i, 1)
            if (comment) {
                if (two == "*/") { comment = 0; i++ }
            } else if (quote != "") {
                if (c == "\\") i++
                else if (c == quote) { quote = ""; out = out c }
            } else if (two == "/*") { comment = 1; i++ }
            else if (two == "//") break
            else { if (c == "\"" || c == "\047") quote = c; out = out c }
        }
        quote = ""
        print (($0 ~ /^[ \t]*#[ \t]*include/) ? $0 : out) >to
    }' "$@"
}

files=$(list_files)
c_files=$(grep -E '\.[ch]$' <<<"$files")
shells=$(grep -E '\.sh$' <<<"$files"; [ ! -f .ci/run ] || echo .ci/run)
# shellcheck disable=SC2086
strip_c $c_files

of() # pattern: the C files whose path matches it
{
    grep -E "$1" <<<"$c_files"
}

# Lines of C, without comments and strings, that match: path:line:text.
in_code() # pattern, files...
{
    local pattern=$1
    shift
    [ $# -eq 0 ] || (cd "$plain" && grep -nHE "$pattern" "$@")
}

calls() # names joined with |, files...
{
    local names=$1
    shift
    in_code "(^|[^A-Za-z0-9_.>])($names) *\(" "$@"
}

# --- includes -----------------------------------------------------------------

check_layers()
{
    local file
    for file in $(of '^libcore/'); do
        awk -v file="$file" '
        function floor_of(path) {
            if (path !~ /\//) return path == "err.h" || path == "mutant.h" || path == "config.h" ? -1 : 99
            sub(/\/.*/, "", path)
            return path in floors ? floors[path] : 99
        }
        BEGIN {
            split("mem codec rec diag model wire log state node", name)
            split("0 1 2 2 2 3 3 4 5", level)
            for (i in name) floors[name[i]] = level[i]
            own = file; sub(/^libcore\//, "", own)
            mine = own ~ /\// ? floor_of(own) : 0
            split(own, part, "/")
        }
        match($0, /^[ \t]*#[ \t]*include[ \t]*"[^"]*"/) {
            path = $0; sub(/^[^"]*"/, "", path); sub(/".*/, "", path)
            theirs = floor_of(path); split(path, their, "/")
            if (theirs > mine || (theirs == mine && theirs > 0 && part[1] != their[1]))
                print file ":" NR ": includes " path
        }' "$plain/$file"
    done
}

# The folders of the daemon, and those that each may include besides itself. A folder stands below
# all that include it, so there is no circle. "daemon" are the files that are in no folder.
daemon_layers='
sys:
diagnose: sys
vmdir:
transport: sys
image: sys
netdev: sys
link: transport sys
api: transport sys diagnose
http: api transport sys
qemu: vmdir
shim: vmdir sys
daemon: api diagnose http link qemu vmdir image netdev transport sys'

check_daemon_layers()
{
    local file
    for file in $(of '^daemon/'); do
        awk -v file="$file" -v table="$daemon_layers" '
        BEGIN {
            n = split(table, line, "\n")
            for (i = 1; i <= n; i++) {
                folder = line[i]; sub(/:.*/, "", folder)
                lower = line[i]; sub(/^[^:]*:/, "", lower)
                if (folder != "") may[folder] = lower " " folder " "
            }
            split("mem codec rec diag model wire log state node", name)
            for (i in name) core[name[i]] = 1
            own = file; sub(/^daemon\//, "", own)
            if (!sub(/\/.*/, "", own)) own = "daemon"
            if (!(own in may)) { print file ": a folder that daemon_layers does not know"; exit }
        }
        match($0, /^[ \t]*#[ \t]*include[ \t]*"[^"]*"/) {
            path = $0; sub(/^[^"]*"/, "", path); sub(/".*/, "", path)
            their = path
            if (path == "config.h" || path == "err.h" || path ~ /^pki\//) next
            if (!sub(/\/.*/, "", their)) their = "daemon"
            if (!(their in core) && index(may[own], " " their " ") == 0)
                print file ":" NR ": includes " path
        }' "$plain/$file"
    done
}

# Who includes a library besides its owners.
check_owner() # header, pattern of the owners' paths
{
    # shellcheck disable=SC2046
    in_code "#[ \t]*include[ \t]*[<\"]$1[>\"]" $(of '^(libcore|pki|daemon|cli)/' | grep -vE "^($2)$")
}

check_guards()
{
    local file name
    for file in $(of '\.h$'); do
        name=$(basename "$file" .h | tr 'a-z-' 'A-Z_')
        awk -v file="$file" -v name="$name" '
            !guard && /^#ifndef/ { guard = $2; next }
            guard && !defined && /^#define/ { defined = $2 }
            END {
                if (guard == "" || guard != defined)
                    print file ": no include guard"
                else if (file ~ /^libcore\// && guard !~ /^BX_[A-Z0-9_]+_H$/)
                    print file ": guard " guard " is not BX_..._H"
                else if (guard !~ ("(^|_)" name "(_[A-Z]+)?_H$"))
                    print file ": guard " guard " does not name the file"
            }' "$plain/$file"
    done
}

# --- names and calls -----------------------------------------------------------

# mem/track stands in for the allocator itself in the tracking build.
check_prefixes()
{
    nm --defined-only "$build/libcore.a" 2>/dev/null | awk '
        /^[^ ]*:$/ { object = $1; next }
        $2 ~ /^[TDBRVW]$/ && $3 !~ /^(bx_|_|\.)/ && object !~ /track/ {
            print object " " $3 " does not start with bx_"
        }'
}

# By the objects, not by the text: a static function or a member may well be called send or open.
# What stands in for the allocator in the tracking build, and sanitizers, are not meant.
check_world()
{
    nm -u "$build/libcore.a" 2>/dev/null | awk '
        BEGIN {
            split("time clock gettimeofday clock_gettime clock_nanosleep nanosleep usleep sleep " \
                  "localtime localtime_r gmtime gmtime_r getrandom getentropy random rand getenv " \
                  "fork vfork system popen waitpid wait kill raise signal sigaction getpid " \
                  "execv execve execvp execl execlp posix_spawn posix_spawnp pthread_create " \
                  "socket bind listen accept accept4 connect send sendto sendmsg recv recvfrom " \
                  "recvmsg getaddrinfo poll epoll_wait select open open64 openat creat read write " \
                  "pread pread64 pwrite pwrite64 fsync fdatasync rename unlink mkdir fopen fopen64 " \
                  "setlocale", name)
            for (i in name) world[name[i]] = 1
        }
        /^[^ ]*:$/ { object = $1; next }
        $1 == "U" && object !~ /track/ {
            sub(/@.*/, "", $2)
            if ($2 in world) print object " calls " $2
        }'
}

# Only the tests' library has an allocator that can be told to fail.
check_no_fault_hook()
{
    nm "$build/libcore.a" 2>/dev/null | grep -w bx_alloc_set_fault
}

# A mutant is reached through BX_MUTATED, which is 0 in every other build.
# shellcheck disable=SC2046
check_mutants()
{
    in_code '(^|[^A-Za-z0-9_])(BX_MUTANTS|BX_MUTANT_[A-Z0-9_]*|bx_mutant)([^A-Za-z0-9_]|$)' \
        $(of '^(libcore|pki|daemon|cli)/' | grep -vx 'libcore/mutant\.h')
    in_code 'BX_MUTATED' $(of '^(daemon|cli)/')
}

check_banned_calls()
{
    # shellcheck disable=SC2046
    calls 'strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|rand|srand|random|drand48|time|system|tmpnam|strtok|localtime|asctime|setlocale' $c_files
    # shellcheck disable=SC2046
    calls 'popen' $(of '^(libcore|pki|daemon|cli)/')
    # shellcheck disable=SC2046
    calls 'getenv|gettimeofday|clock_gettime' $(of '^libcore/' | grep -v '^libcore/mem/track')
    # shellcheck disable=SC2046
    calls 'malloc|calloc|realloc|free|strdup|strndup' $(of '^(libcore|pki|daemon|cli)/' | grep -v '^libcore/mem/')
}

# A test that can not be made here says so, with skip().
check_skips()
{
    local file
    for file in $(of '^tests/'); do
        awk -v file="$file" '
            /^TEST\(/ { inside = 1 }
            /^}/ { inside = 0 }
            inside && /(^|[^A-Za-z0-9_])return *;/ { print file ":" NR ": " $0 }' "$plain/$file"
    done
}

# A test waits for a condition, with a deadline; only such helpers may sleep,
# and they are called wait_something (or live in tests/lib).
check_sleep()
{
    local file
    for file in $(grep -E '^tests/' <<<"$shells"); do
        awk -v file="$file" '
            /^[a-z_]+\(\)/ { name = $1 }
            /^}/ { name = "" }
            /^[ \t]*#/ { next }
            /(^|[;&|({]|do|then)[ \t]*sleep[ \t]/ && name !~ /^wait_/ {
                print file ":" NR ": " $0
            }' "$file"
    done
    for file in $(of '^tests/' | grep -v '^tests/lib/'); do
        awk -v file="$file" '
            /^TEST\(/ { name = "" }
            /^[a-z].*\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
            /(^|[^A-Za-z0-9_])(u|nano|uv_)?sleep *\(/ && name !~ /^wait_/ {
                print file ":" NR ": " $0
            }' "$plain/$file"
    done
}

check_pkill()
{
    local word=kill
    # shellcheck disable=SC2086
    grep -nHE "(^|[^A-Za-z_-])(p${word}|${word}all)[ \t]" $shells | grep -vE ':[0-9]+:[ \t]*#'
}

# The one form of a test program: TEST(name) and test_run (tests/lib/testlib.h).
# shellcheck disable=SC2046
check_test_form()
{
    in_code 'cmocka_(unit_test|run_group_tests)' $(of '^tests/' | grep -v '^tests/lib/testlib\.c$')
}

# The name of a test is a sentence that says what holds.
# shellcheck disable=SC2046
check_test_names()
{
    in_code '^TEST\((test_|[a-z0-9]*\))' $(of '^tests/')
}

# --- size and looks ------------------------------------------------------------

check_file_length()
{
    # shellcheck disable=SC2086
    wc -l $c_files $shells | awk '
        $2 != "total" && $1 > ($2 ~ /\.[ch]$/ ? 500 : 1000) {
            print $2 ": " $1 " lines"
        }'
}

# Every function: its lines between the braces, and where it is.
function_lengths()
{
    local file
    for file in $(of '\.c$'); do
        awk -v file="$file" '
            /^{/ { start = NR }
            /^}/ && start { print NR - start - 1, file ":" start; start = 0 }' "$plain/$file"
    done
}

check_function_length()
{
    awk '$1 > 60 { print $2 ": a function of " $1 " lines" }' <<<"$functions"
}

say_median()
{
    grep -E ' (libcore|pki|daemon|cli)/' <<<"$functions" | sort -n | awk '
        { length_of[NR] = $1 }
        END {
            printf "# %d functions: median %d lines, longest %d\n", NR, length_of[int((NR + 1) / 2)],
                length_of[NR]
        }'
}

# A macro that returns hides a way out of the function that it stands in. One that makes functions may.
check_macros()
{
    local file
    for file in $c_files; do
        awk -v file="$file" '
            /^[ \t]*#[ \t]*define/ { text = ""; start = NR }
            start {
                text = text "\n" $0
                if (/\\$/) next
                if (text ~ /(^|[^A-Za-z0-9_])return([^A-Za-z0-9_]|$)/ && text !~ /static /)
                    print file ":" start ": a macro that returns"
                start = 0
            }' "$plain/$file"
    done
}

check_columns()
{
    # shellcheck disable=SC2086
    awk 'length($0) > 100 { print FILENAME ":" FNR ": " length($0) " columns" }' $c_files
}

check_leftovers()
{
    # shellcheck disable=SC2086
    grep -nHwE "TO[D]O|FIX[M]E|X[X]X" $files
}

# Numbers of requirements and decisions say nothing to who has only this repository.
check_references()
{
    # shellcheck disable=SC2046
    grep -nHE '(^|[^A-Za-z0-9_])[RD][0-9]+\.[0-9]+([^A-Za-z0-9_]|$)|\(D[0-9]+\)' $c_files $shells $(ls docs/*.md ./*.md)
}

check_white_space()
{
    # shellcheck disable=SC2086
    grep -nHE '[ 	]+$' $files
    # shellcheck disable=SC2086
    grep -nH '	' $c_files
}

# shellcheck disable=SC2046
check_includes_upward()
{
    in_code '#[ \t]*include.*(pki|daemon|cli|tests)/' $(of '^libcore/')
    in_code '#[ \t]*include[ \t]*"' $(of '^pki/') | grep -vE '"(pki|mem|codec|rec)/[a-z0-9_]*\.h"|"err\.h"'
    in_code '#[ \t]*include[ \t]*"(lib|cli|tests)/' $(of '^daemon/')
    in_code '#[ \t]*include[ \t]*"(lib|daemon|tests)/' $(of '^cli/')
}

# Assertions stay on.
# shellcheck disable=SC2046
check_assertions()
{
    in_code 'NDEBUG' $(of '^(libcore|pki|daemon|cli)/')
}

# shellcheck disable=SC2046
check_no_libuv()
{
    in_code '#[ \t]*include[ \t]*[<"]uv(/|\.h)' $(of '^libcore/')
}

# shellcheck source=tests/tidy_build.sh
. tests/tidy_build.sh

functions=$(function_lengths)

check_layers | report "libcore includes only its own floor's folder and lower floors"
check_daemon_layers | report "the folders of the daemon include as daemon_layers says"
check_includes_upward | report "libcore, pki, daemon and cli include nothing from above"
check_no_libuv | report "libcore knows no libuv"
check_owner 'sqlite3\.h' 'libcore/state/(store|sql)[a-z_]*\.[ch]' | report "sqlite3 has one owner"
check_owner 'msgpack[a-z/]*\.h' 'libcore/codec/pack\.c' | report "msgpack has one owner"
check_owner 'jansson\.h' 'libcore/codec/json\.c|daemon/(vmdir/(qmp|proto)|shim/[a-z]*|qemu/[a-z]*)\.[ch]' |
    report "jansson belongs to the JSON codec and to QMP"
check_owner 'lz4[a-z]*\.h' 'libcore/codec/lz\.c' | report "lz4 has one owner"
check_owner 'zstd[a-z_]*\.h' 'libcore/codec/zst\.c' | report "zstd has one owner"
check_owner 'raft(/[a-z]*)?\.h' 'libcore/node/raft[a-z_]*\.[ch]|libcore/wire/raftmsg\.[ch]' |
    report "libraft belongs to node/raft and wire/raftmsg"
check_owner 'libfyaml\.h' 'daemon/options\.c|cli/context_store\.c' | report "libfyaml reads the two files there are"
check_owner 'openssl/[a-z0-9]*\.h' '(pki/[a-z_]*|daemon/transport/tls[a-z_]*|cli/tls|libcore/codec/sha256)\.[ch]' |
    report "OpenSSL belongs to pki, to TLS and to SHA-256"
check_owner 'microhttpd\.h' 'daemon/http/server\.c' | report "libmicrohttpd has one owner"
check_owner 'curl/[a-z]*\.h' 'daemon/diagnose/send\.c' | report "libcurl has one owner"
check_owner 'xxhash\.h' 'libcore/mem/map\.c' | report "xxhash has one owner"
check_owner 'uuid/uuid\.h' 'cli/run\.c' | report "libuuid has one owner"
check_owner 'libsmartcols[a-z/]*\.h' 'cli/output\.c' | report "libsmartcols has one owner"
check_guards | report "every header has a guard that names it"
if [ -f "$build/libcore.a" ]; then
    check_prefixes | report "what libcore exports starts with bx_"
    check_world | report "libcore calls no clock, file, socket, process or thread"
    check_no_fault_hook | report "libcore's allocator has no hook for faults"
else
    skip "what libcore exports starts with bx_" "no libcore.a here"
    skip "libcore calls no clock, file, socket, process or thread" "no libcore.a here"
    skip "libcore's allocator has no hook for faults" "no libcore.a here"
fi
check_mutants | report "a mutant is reached through BX_MUTATED, in libcore"
check_assertions | report "assertions stay on"
check_banned_calls | report "no banned call"
check_test_form | report "every test is a TEST"
check_test_names | report "the name of a test is a sentence"
check_skips | report "no test passes by returning early"
check_sleep | report "no test sleeps"
check_pkill | report "no process is ended by its name"
check_file_length | report "no C file above 500 lines, no script above 1000"
check_function_length | report "no function above 60 lines"
say_median
check_modules | report "the package of every module of pkg-config is in debian/control"
check_programs | report "scripts call only programs whose packages are in debian/control"
check_target_flags | report "flags of one target hold those of all, whenever the target is built"
check_distributed | report "every file is in the tarball"
check_columns | report "no line of C beyond 100 columns"
check_macros | report "no macro returns"
check_leftovers | report "nothing is put off"
check_references | report "no reference to a document that is not here"
check_white_space | report "no trailing white space, no tabs in C"
# Other versions break lines in other places.
if clang-format --version 2>/dev/null | grep -q ' version 14\.'; then
    # shellcheck disable=SC2086
    clang-format --dry-run $c_files 2>&1 | grep -F 'warning:' | report "C is formatted by .clang-format"
else
    skip "C is formatted by .clang-format" "clang-format 14 is not installed"
fi
if command -v shellcheck >/dev/null; then
    # SC3013: test -nt is in every shell of Debian.
    # shellcheck disable=SC2086
    shellcheck -S warning -e SC3013 -f gcc $shells | report "shellcheck has nothing to warn of"
else
    skip "shellcheck has nothing to warn of" "shellcheck is not installed"
fi
echo "1..$n"
