#!/bin/bash
# The manual pages say what the programs say of themselves, neither less nor more.
set -u
src=${BLIXARD_SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${BLIXARD_BUILD:?}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0

# same NAME: $dir/program and $dir/page have the same lines
same()
{
  n=$((n + 1))
  if [ -s "$dir/program" ] && diff "$dir/program" "$dir/page" >"$dir/diff"; then
    echo "ok $n - $1"
  else
    echo "not ok $n - $1 (< program, > page)"
    sed 's/^/# /' "$dir/diff"
  fi
}

# Flags with their values out of a help text, "vcpus N", and out of a page: .It Fl o , -output Ar FORMAT
help_flags() { sed -nE 's/^  (-[a-z], |    )--([a-z-]+)( [A-Z][^ ]*)? .*/\2\3/p' | sort; }
page_flags() { sed -nE 's/^\.It Fl ([a-z] , )?-//p' | sed -E 's/ Ar / /; s/ Ns Op \/ Ns Ar MIN/[\/MIN]/' | sort; }

page=$src/docs/man/blixardd.8
# Here the value, or nothing, stands in a column of its own.
"$build/blixardd" --help | sed -nE 's/^  --([a-z-]+) +([A-Z][^ ]*)? .*/\1 \2/p' | sed 's/ $//' |
  sort >"$dir/program"
# What not every build has is in the page of all.
elsewhere='^$'
for flag in scope-pool http diag diag-dsn diag-environment diag-names diag-sample diag-crumbs diag-spool; do
  grep -q "^$flag " "$dir/program" || elsewhere="$elsewhere|^$flag "
done
page_flags <"$page" | grep -vE "$elsewhere" >"$dir/page"
same "blixardd: its flags"

page=$src/docs/man/blixardctl.1
ctl() { "$build/blixardctl" "$@"; }
ctl help >"$dir/help"
sed -nE '/^flags/q; s/^  ([a-z]+.*[^ ])  +.*/\1/p' "$dir/help" | sed 's/  .*//' | sort >"$dir/program"
sed -n 's/^\.It Cm //p' "$page" | sed 's/ Ar / /' | sort >"$dir/page"
same "blixardctl: its commands"
sort "$dir/program" >"$dir/commands"

sed -n '/^flags of every command:/,/^$/p' "$dir/help" | help_flags >"$dir/program"
sed -n '/^\.Ss Flags of every command/,/^\.El/p' "$page" | page_flags >"$dir/page"
same "blixardctl: flags of every command"

# What many commands take is described once.
common='^(watch|request-id HEX|tenant T|all-tenants)$'
while read -r line; do
  read -ra words <<<"$(grep -oE '^[a-z]+( [a-z]+)*( |$)' <<<"$line ")"
  ctl help "${words[@]}" | sed -n '/^flags:/,/^$/p' | help_flags >"$dir/all"
  { echo "$line"; grep -vE "$common" "$dir/all"; } >"$dir/program"
  # Up to the next command or section.
  { echo "$line"
    sed 's/ Ar / /' "$page" | awk -v item=".It Cm $line" \
      '$0 == item { on = 1; next } on && /^\.(It Cm|S[sh]) / { exit } on' | page_flags; } >"$dir/page"
  same "blixardctl $line"
done <"$dir/commands"
for flag in 'Fl w , -watch' 'Fl -request-id Ar HEX'; do
  echo "$flag" >"$dir/program"
  grep -oF "$flag" "$page" | head -n 1 >"$dir/page"
  same "blixardctl: $flag"
done

if command -v groff >/dev/null 2>&1; then
  echo "no complaint" >"$dir/program"
  for page in blixardd.8 blixardctl.1; do
    { groff -mdoc -ww -z "$src/docs/man/$page" 2>&1; echo "no complaint"; } >"$dir/page"
    same "$page can be set"
  done
else
  echo "# SKIP whether they can be set: groff is not installed"
fi
echo "1..$n"
