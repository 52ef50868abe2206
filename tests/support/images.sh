#!/bin/bash
# Build the images for real and run the suite from them: images.sh BIN_DIR WORK_DIR
#
# The base is made here of Debian's packages, under the name that the Dockerfile asks for, so that
# nothing but the Debian mirror is needed. Where a machine cannot do that the last line says SKIPPED
# and why, with exit code 0.
set -eu
bin=$1 work=$2
base=docker.io/library/debian:12-slim
targets='core-api worker-tickets worker-email corectl'
version=$("$bin/corectl" --version | cut -d ' ' -f 2)
here=$(readlink -f "$(dirname "$0")")

skip()
{
	echo "images: SKIPPED: $*"
	exit 0
}

fail()
{
	echo "images.sh: $*" >&2
	exit 1
}

# --- building -----------------------------------------------------------------------------------

images()
{
	local command=$1
	shift
	buildah --root "$work/store" --runroot "$work/run" --storage-driver "$driver" "$command" "$@"
}

# As small as the base of that name: without what only people read.
make_base()
{
	local container mirror=http://deb.debian.org/debian
	[ -s "$work/base.tar" ] || {
		mmdebstrap --quiet --variant=minbase --dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			--dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-include=/usr/share/doc/*/copyright' bookworm "$work/base.new" \
			"deb $mirror bookworm main" "deb $mirror bookworm-updates main" \
			"deb $mirror-security bookworm-security main" >"$work/base.log" 2>&1 ||
			skip "no base can be made: $(tail -n 1 "$work/base.log")"
		mv "$work/base.new" "$work/base.tar"
	}
	container=$(images from scratch)
	images add -q "$container" "$work/base.tar" / >/dev/null
	images commit -q --rm "$container" "$base" >/dev/null
}

build()
{
	local target
	for target in $targets; do
		images bud --isolation chroot --pull-never --layers --quiet --build-arg CONSOLE= \
			--target "$target" --tag "localhost/$target:$version" \
			"$here/../.." >"$work/$target.log" 2>&1 || {
			tail -n 30 "$work/$target.log" >&2
			fail "$target does not build, see $work/$target.log"
		}
	done
}

# A row an image; none may run as root.
judge()
{
	local target config size
	for target in $targets; do
		config=$(images inspect --type image "localhost/$target:$version")
		jq -e --arg program "/usr/bin/$target" '.OCIv1.config |
			.User == "65532:65532" and .Entrypoint == [$program]' <<<"$config" >/dev/null ||
			fail "$target: $(jq -c .OCIv1.config <<<"$config")"
		images push -q "localhost/$target:$version" "oci-archive:$work/$target.tar" >/dev/null
		size=$(images images --json "localhost/$target:$version" | jq -r '.[0].size')
		printf '  %-16s %8s, %3d MB to pull\n' "$target" "$size" \
			$(($(stat -c %s "$work/$target.tar") / 1000000))
	done
}

# --- running: below with-servers ----------------------------------------------------------------

becomes()
{
	local tries=300
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "never: $*"
		sleep 0.1
	done
}

answers()
{
	[ "$(curl -s -o /dev/null -m 5 -w '%{http_code}' "$1")" = 200 ]
}

# The program of an image as its user, with a root that nobody can write to. Keeps the pid.
start()
{
	local target=$1 root
	shift
	root=$(<"$work/$target.root")
	# shellcheck disable=SC2016 # expanded by the inner shell
	exec unshare --mount sh -eu -c '
		mount --bind "$1" "$1" && mount --bind /proc "$1/proc" && mount -o remount,bind,ro "$1"
		root=$1 && shift && exec chroot --userspec=65532:65532 "$root" "$@"
		' start "$root" "/usr/bin/$target" "$@"
}

call()
{
	curl -sS -m 20 -H 'Content-Type: application/json' -H "Authorization: Bearer $token" "$@"
}

ticket_is_ready()
{
	[ "$(call "$api/api/events/$event/guests" | jq -r '.data[0].ticket.status')" = ready ]
}

run()
{
	local port=$((20000 + RANDOM % 12000)) created target
	pids=()
	trap '[ "${#pids[@]}" -eq 0 ] || kill "${pids[@]}" 2>/dev/null' EXIT
	api=http://127.0.0.1:$port
	export PORT=$port METRICS_PORT=0 NODE_ENV=test DATABASE_URL=$TEST_POSTGRES_URL/images
	export REDIS_URL=$TEST_REDIS_URL REDIS_QUEUE_URL=$TEST_REDIS_QUEUE_URL JWT_SECRET=images-secret
	export SHARED_SERVICE_TOKEN=images-token QR_SIGNATURE_SECRET=images-qr
	export PAYMENT_WEBHOOK_SECRET=whsec_aW1hZ2VzLXdlYmhvb2stc2VjcmV0
	psql -XAtq "$TEST_POSTGRES_URL/postgres" -c 'CREATE DATABASE images'
	(start corectl migrate up) >"$work/migrate.log"
	for target in core-api worker-tickets worker-email; do
		start "$target" >"$work/$target.out" 2>&1 &
		pids+=("$!")
	done
	becomes answers "$api/health/ready"
	becomes grep -q 'Worker started' "$work/worker-email.out"
	token=$(start corectl token --sub 2 --roles organizer --first Ada --last Lovelace 2>/dev/null)
	created=$(call "$api/api/events" -d '{"title": "في البيت 家 🎟", "location": "Hall",
		"maxAttendees": 10, "timeZone": "Asia/Kathmandu", "eventDate": "2099-01-01T19:00:00Z",
		"ticketTypes": [{"name": "Free", "price": 0, "quantity": 10}]}')
	event=$(jq -e .data.id <<<"$created") || fail "no event: $created"
	call -X POST "$api/api/events/$event/publish" >/dev/null
	call "$api/api/events/$event/guests" -d '{"firstName": "เดวิด", "lastName": "שלום",
		"email": "a@example.com", "ticketTypeId": '"$(jq '.data.ticketTypes[0].id' <<<"$created")"'}' \
		>/dev/null
	becomes ticket_is_ready
	kill "${pids[@]}"
	for pid in "${pids[@]}"; do
		wait "$pid" || fail "a program did not end with 0"
	done
	pids=()
}

# --- all of it ----------------------------------------------------------------------------------

if [ "${3:-}" = run ]; then
	run
	exit
fi
[ "$(id -u)" -eq 0 ] || skip "mounting needs root"
for tool in buildah mmdebstrap; do
	command -v "$tool" >/dev/null || skip "there is no $tool"
done
unshare --mount true 2>/dev/null || skip "this machine lets nobody mount"
mkdir -p "$work"
work=$(readlink -f "$work")
driver=overlay
images info >"$work/info.log" 2>&1 || driver=vfs
trap 'images rm --all >/dev/null 2>&1' EXIT
make_base
build
judge
for target in $targets; do
	container=$(images from --pull-never "localhost/$target:$version")
	images mount "$container" >"$work/$target.root"
	mkdir "$(<"$work/$target.root")/proc" # as every runtime does
done
"$bin/with-servers" "$0" "$bin" "$work" run
echo "images: built, and the suite runs from them"
