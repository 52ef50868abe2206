#!/bin/sh
# Make the root of an image: image_root.sh ROOT PROGRAM [PATH...]
# The program, the libraries it is linked to, a user, and each PATH as it is on this machine. The
# packages that they come from stand where scanners look for them, with their licenses.
set -eu
root=$1 program=$2
shift 2

mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/usr/lib64" "$root/etc" "$root/var/lib/dpkg/status.d"
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
install -s -m 755 "$program" "$root/usr/bin/"
echo 'core:x:65532:65532:Core Service:/nonexistent:/nonexistent' >"$root/etc/passwd"
echo 'core:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

libraries=$(ldd "$program" | grep -o '/[^ ]*')
for library in $libraries; do
	at=$root$(readlink -f "${library%/*}")
	mkdir -p "$at"
	cp -L "$library" "$at/"
done
for path in "$@"; do
	mkdir -p "$root${path%/*}"
	cp -a "$path" "$root${path%/*}/"
done

# A package's list may name a file with or without /usr, and knows nothing of links.
files=
for path in $libraries "$@"; do
	files="$files $path $(readlink -f "$path") $(readlink -f "$path" | sed 's|^/usr||')"
done
# shellcheck disable=SC2086 # a list of words
{ dpkg-query -S $files 2>/dev/null || true; } | sed 's/: .*//; s/:[^,]*//g; s/, /\n/g' | sort -u |
	while read -r package; do
		dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$package"
		mkdir -p "$root/usr/share/doc/$package"
		cp "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/" 2>/dev/null || true
	done
chmod -R u=rwX,go=rX "$root"
