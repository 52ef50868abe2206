#!/bin/sh
# Put the programs and what one machine needs to run them below $DESTDIR$PREFIX: install.sh BIN_DIR
# UNITDIR is where systemd looks for units. Nothing below /etc is written: settings, secrets and the
# choice of the nginx site are the machine's own.
set -eu
bin=$1
here=${0%/*}
root=${DESTDIR:-}$PREFIX
share=$root/share
units=${DESTDIR:-}$UNITDIR

# say PROGRAM OPTION FILE: what the program prints becomes the file.
say()
{
	install -d "${3%/*}"
	"$bin/$1" "$2" >"$3"
	chmod 644 "$3"
}

install -d "$root/bin" "$share/doc/core-service"
for program in core-api worker-tickets worker-email; do
	install -m 755 "$bin/$program" "$root/bin/"
	say "$program" --print-man "$share/man/man8/$program.8"
done
install -m 755 "$bin/corectl" "$root/bin/"
say corectl --print-man "$share/man/man1/corectl.1"
say corectl --print-completion "$share/bash-completion/completions/corectl"

# Units name the programs where they will lie, without DESTDIR.
install -d "$units/core-service-.service.d"
for unit in "$here"/core-service* "$here"/core-service-.service.d/*.conf; do
	case $unit in
	*.service | *.timer | *.target | *.conf)
		sed "s|@BINDIR@|$PREFIX/bin|" "$unit" >"$units/${unit#"$here"/}"
		chmod 644 "$units/${unit#"$here"/}"
		;;
	esac
done
install -m 644 "$here/core-service.env" "$here/nginx.conf" README.md LICENSE \
	"$share/doc/core-service/"
