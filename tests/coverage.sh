#!/bin/bash
# Lines and branches that the tests reached, by folder, as gcov counts them in a build with
# --enable-coverage whose tests have run. Fails when a part is below its floor.
set -uo pipefail

usage()
{
    cat <<USAGE
usage: coverage.sh [--files] BUILD

  --files  a line for each file, too
  BUILD    a directory configured with --enable-coverage, after make check

GCOV (default: gcov) is the program that belongs to the compiler.
USAGE
}

# Part, as the beginning of a path without its suffix; percent of lines; percent of branches.
floors='libcore/codec/ 95 85
libcore/state/fsm 95 85
libcore/node/lease 95 85'

files=no
[ "${1-}" != --files ] || { files=yes; shift; }
[ $# -eq 1 ] || { usage >&2; exit 2; }
command -v "${GCOV:-gcov}" >/dev/null || { echo "error: no ${GCOV:-gcov}; it comes with the compiler" >&2; exit 1; }
cd "$1" || exit 1

# Only what is installed: the objects of tests, and what the mutants are made of, are compiled again
# from the same sources.
notes=$(find libcore pki daemon cli -name '*.gcno' ! -name '*mutant*' ! -name '*test*' | LC_ALL=C sort)
[ -n "$notes" ] || { echo "error: $1 was not configured with --enable-coverage" >&2; exit 1; }

# For each object the report on the source that it is named after: "path lines reached branches taken".
for note in $notes; do
    source=${note##*/}
    source=${note%/*}/${source##*-} # automake puts the name of the target before that of the file
    source=${source%.gcno}
    "${GCOV:-gcov}" -b -n "$note" 2>/dev/null | awk -v source="$source.c" '
        /^File / { path = $2; gsub(/\047/, "", path); ours = path ~ (source "$") }
        ours && /^Lines executed/ { split($0, a, /[:% ]+/); lines = $NF; reached = int(a[3] * lines / 100 + 0.5) }
        ours && /^Taken at least once/ { split($0, a, /[:% ]+/); branches = $NF; taken = int(a[5] * branches / 100 + 0.5) }
        END { if (lines > 0) print source, lines, reached, branches + 0, taken + 0 }'
done | awk -v floors="$floors" -v files="$files" '
    function percent(part, whole) { return whole == 0 ? 100 : 100 * part / whole }
    function row(name, l, r, b, t) {
        printf "%-32s %6d %6.1f %% %8d %6.1f %%\n", name, l, percent(r, l), b, percent(t, b)
    }
    BEGIN {
        n = split(floors, floor, "\n")
        for (i = 1; i <= n; i++) {
            split(floor[i], word, " ")
            part[i] = word[1]; least_lines[i] = word[2]; least_branches[i] = word[3]
        }
        printf "%-32s %6s %8s %8s %8s\n", "", "lines", "", "branches", ""
    }
    {
        folder = $1; sub(/\/[^\/]*$/, "/", folder)
        if (!(folder in lines)) order[++folders] = folder
        if (files == "yes") row("  " $1, $2, $3, $4, $5)
        lines[folder] += $2; reached[folder] += $3; branches[folder] += $4; taken[folder] += $5
        all[1] += $2; all[2] += $3; all[3] += $4; all[4] += $5
        for (i = 1; i <= n; i++) {
            if (index($1, part[i]) != 1) continue
            p[i, 1] += $2; p[i, 2] += $3; p[i, 3] += $4; p[i, 4] += $5
        }
    }
    END {
        for (i = 1; i <= folders; i++) {
            f = order[i]
            row(f, lines[f], reached[f], branches[f], taken[f])
        }
        row("all", all[1], all[2], all[3], all[4])
        print ""
        for (i = 1; i <= n; i++) {
            row(part[i] "*", p[i, 1], p[i, 2], p[i, 3], p[i, 4])
            if (p[i, 1] == 0 || percent(p[i, 2], p[i, 1]) < least_lines[i] ||
                percent(p[i, 4], p[i, 3]) < least_branches[i]) {
                printf "error: below %d %% of lines or %d %% of branches\n", least_lines[i], least_branches[i]
                failed = 1
            }
        }
        exit failed
    }'
