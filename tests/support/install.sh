#!/bin/sh
# Install the Debian 12 packages that are missing:
#	install.sh [demo | lint | sqlmap | valgrind | profile | images | image [npm]]
# `demo`: what building and running take. Without an argument what the tests take besides, with
# `lint` also what checking the sources takes; with `sqlmap`, `valgrind`, `profile`, `images` what these
# targets take; `image` is what the programs take inside of one. The only list of packages there is.
set -eu

BUILD='gcc libc6-dev make pkg-config
	libcivetweb-dev libpq-dev libhiredis-dev libcjson-dev libcurl4-openssl-dev libssl-dev
	libqrencode-dev libhpdf-dev zlib1g-dev libpango1.0-dev libharfbuzz-bin python3-yaml
	fonts-noto-core fonts-symbola fonts-wqy-microhei'
RUN='postgresql-15 redis-server curl jq poppler-utils zbar-tools check libsubunit-dev'
# A Prometheus scrapes the suite, a fleet is restarted behind nginx, manual pages are set.
CHECK='prometheus nginx-light groff-base'
LINT='clang libclang-rt-dev clang-format clang-tidy cppcheck shellcheck openssl systemd'
IMAGES='buildah mmdebstrap'
IMAGE='ca-certificates tzdata fontconfig'

# Debian's npm is 350 packages, longer to install than all the others: not for the demo. Node, npm
# and kubectl may come from anywhere; a newer Node than Debian's brings its own npm.
wanted="$BUILD $RUN"
NODE=yes
case ${1:-} in
demo) NODE= ;;
lint)
	wanted="$wanted $CHECK $LINT"
	command -v kubectl >/dev/null || wanted="$wanted kubernetes-client"
	;;
sqlmap) wanted=sqlmap NODE= ;;
valgrind) wanted="$BUILD $RUN valgrind" NODE= ;;
profile) wanted="$BUILD $RUN linux-perf" NODE= ;;
images) wanted=$IMAGES NODE= ;;
image) wanted="$BUILD $IMAGE" NODE=${2:-} ;;
*) wanted="$wanted $CHECK" ;;
esac
if [ -n "$NODE" ]; then
	command -v node >/dev/null || wanted="$wanted nodejs"
	command -v npm >/dev/null || wanted="$wanted npm"
fi

missing=
for package in $wanted; do
	state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || state=
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || {
		echo "These packages are missing, and there is no sudo to install them:$missing" >&2
		exit 1
	}
	as_root=sudo
fi

# The suite starts servers of its own on free ports: no system-wide cluster of PostgreSQL and no
# system-wide Redis shall appear beside them, where there was none. Both files are left alone
# where the machine has its own.
cluster=/etc/postgresql-common/createcluster.conf
policy=/usr/sbin/policy-rc.d
if [ ! -e "$cluster" ]; then
	$as_root mkdir -p "${cluster%/*}"
	echo 'create_main_cluster = false' | $as_root tee "$cluster" >/dev/null
fi
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
	$as_root chmod 755 "$policy"
	trap '$as_root rm -f "$policy"' EXIT
	trap 'exit 130' INT TERM
fi

echo "Installing:$missing"
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 \
	apt-get install -y -qq --no-install-recommends $missing
# Their packages would start system-wide ones at the next boot.
for package in redis-server nginx-light prometheus; do
	case " $missing " in
	*" $package "*) $as_root update-rc.d "${package%-light}" disable ;;
	esac
done
