#!/bin/sh
# Files of a folder as a table in C: embed.sh FOLDER FILE... prints it. A file's path in the folder is its
# path on the server. Needs POSIX tools only.
set -eu
cd "$1"
shift

type_of()
{
    case $1 in
    *.html) echo 'text/html; charset=utf-8' ;;
    *.css) echo 'text/css; charset=utf-8' ;;
    *.js) echo 'text/javascript; charset=utf-8' ;;
    *.svg) echo 'image/svg+xml' ;;
    *) echo "embed.sh: $1: no type is known for it" >&2; exit 1 ;;
    esac
}

printf '/* Made by embed.sh. */\n#include "http/priv.h"\n\n'
n=0
for file; do
    printf 'static const unsigned char file_%d[] = {\n' "$n"
    od -An -v -tu1 "$file" | sed 's/[0-9][0-9]*/&,/g'
    printf '};\n'
    n=$((n + 1))
done
printf 'const struct http_asset http_assets[] = {\n'
n=0
for file; do
    type=$(type_of "$file")
    sum=$(cksum "$file" | awk '{ printf "%08x%x", $1, $2 }')
    printf '    {"/%s", "%s", "\\"%s\\"", file_%d, sizeof file_%d},\n' "$file" "$type" "$sum" "$n" "$n"
    n=$((n + 1))
done
printf '    {NULL, NULL, NULL, NULL, 0},\n};\n'
