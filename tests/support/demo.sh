#!/bin/bash
# The main job on real input, for a person to watch: an event, guests, a payment, tickets as PDF,
# mails, the door. Exit 0 only if all of it held. Uses the suite of `make up` when it runs, else
# starts it and stops it at the end.
set -eu
here=${0%/*}
export DEV=${DEV:-build/dev} BIN=${BIN:-build/release/bin}
OUT=$DEV/demo
WAIT_S=${WAIT_S:-60}
JSON='Content-Type: application/json'

fail()
{
	printf '\n  FAILED: %s\n' "$*" >&2
	[ -z "${REPLY_BODY:-}" ] || printf '  last answer: %s %s\n' "$STATUS" "$REPLY_BODY" >&2
	exit 1
}

step()
{
	printf '\n%s\n' "$*"
}

held()
{
	printf '  ok  %s\n' "$*"
}

# --- speaking to the API ----------------------------------------------------------------------

# call WANTED METHOD PATH TOKEN [BODY]: the answer in REPLY_BODY; another status fails.
call()
{
	local wanted=$1 method=$2 path=$3 token=$4 answer
	shift 4
	answer=$(curl -sS -m 30 -X "$method" -H "Authorization: Bearer $token" \
		${1:+-H "$JSON" --data-binary "$1"} -w '\n%{http_code}' "$API_URL$path") ||
		fail "$method $path: no answer"
	STATUS=${answer##*$'\n'}
	REPLY_BODY=${answer%$'\n'*}
	[ "$STATUS" = "$wanted" ] || fail "$method $path: $wanted was expected"
}

# Value of a jq path in the last answer.
get()
{
	jq -r "$1" <<<"$REPLY_BODY"
}

# token USER ROLES FIRST LAST EMAIL
token()
{
	"$BIN/corectl" token --sub "$1" --roles "$2" --first "$3" --last "$4" --email "$5"
}

# until_held TEXT COMMAND...: waits for what happens in the background.
until_held()
{
	local text=$1 tries=$((WAIT_S * 5))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "not within $WAIT_S s: $text"
		sleep 0.2
	done
	held "$text"
}

# --- the suite --------------------------------------------------------------------------------

started=
finish()
{
	local code=$?
	if [ -n "$started" ]; then
		printf '\nStopping the suite ...\n'
		"$here/up.sh" down >/dev/null || code=1
	fi
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

if "$here/up.sh" status >/dev/null 2>&1; then
	echo "Using the suite that runs already."
else
	echo "Starting PostgreSQL, two Redis servers, the API, two workers and a stand-in platform ..."
	started=1
	"$here/up.sh" up
fi
set -a
# shellcheck source=/dev/null
. "$DEV/env"
set +a
rm -rf "$OUT"
mkdir -p "$OUT"
run=$(date +%s)

# --- the organizer ----------------------------------------------------------------------------

step "1. Ada, an organizer, makes an event with a free and a paid ticket type and publishes it."
ada=$(token 2 organizer Ada Lovelace ada@example.com)
call 201 POST /api/events "$ada" "$(jq -n --arg date "$(date -u -d '+30 days' +%FT19:30:00Z)" '{
	title: "Soirée d\u2019été – Летний вечер – 夏の夕べ", eventDate: $date, timeZone: "Europe/Paris",
	location: "Philharmonie, Paris", maxAttendees: 50, ticketTypes: [
		{name: "Entrée libre", price: 0, quantity: 40},
		{name: "Loge", price: 49.90, quantity: 10}]}')"
event=$(get .data.id)
free=$(get '.data.ticketTypes[] | select(.price == 0) | .id')
paid=$(get '.data.ticketTypes[] | select(.price > 0) | .id')
call 200 POST "/api/events/$event/publish" "$ada"
[ "$(get .data.status)" = published ] || fail "the event is not published"
held "event $event, $(get .data.title), $(get .data.status)"

# --- the guests -------------------------------------------------------------------------------

step "2. Guests register, names as they are written at home."
GUESTS='zoe|Zoé|Nguyễn
lukasz|Łukasz|Żółć
vladimir|Владимир|Иванов
giorgos|Γιώργος|Παπαδόπουλος
yamada|山田|太郎
muhammad|محمد|علي
priya|प्रिया|शर्मा
zoe-sings|👩‍🎤|Zoë'
number=0
count=$(wc -l <<<"$GUESTS")
while IFS='|' read -r address first last; do
	user=$((run % 100000000 * 100 + number))
	number=$((number + 1))
	type=$free
	[ "$address" != zoe ] || type=$paid
	email=$address.$run@example.com
	guest_token=$(token "$user" user "$first" "$last" "$email")
	call 201 POST "/api/events/$event/guests" "$guest_token" "$(jq -n --arg first "$first" \
		--arg last "$last" --arg email "$email" --argjson type "$type" \
		'{firstName: $first, lastName: $last, email: $email, ticketTypeId: $type}')"
	held "$first $last: $(get .data.status)"
	if [ "$type" = "$paid" ]; then
		payer=$guest_token
		payer_id=$(get .data.id)
		intent=$(get .data.payment.intentId)
		[ "$(get .data.ticket)" = null ] || fail "a ticket before the payment"
	fi
done <<<"$GUESTS"

# --- the payment ------------------------------------------------------------------------------

step "3. Zoé pays 49.90; the payment service says so by its signed webhook."
told=$(curl -sS -m 30 -H "$JSON" -d "{\"intentId\":\"$intent\",\"type\":\"payment.succeeded\"}" \
	"$PAYMENT_SERVICE_URL/_control/pay")
[ "$(jq -r .data.status <<<"$told")" = 204 ] || fail "the webhook was not taken: $told"
call 200 GET "/api/events/$event/guests/$payer_id" "$payer"
[ "$(get '.data.status + " " + .data.payment.status')" = "confirmed succeeded" ] ||
	fail "the payment did not confirm the guest"
held "paid, confirmed, ticket $(get .data.ticket.ticketCode)"

# --- tickets ----------------------------------------------------------------------------------

tickets_ready()
{
	call 200 GET "/api/events/$event/guests?limit=100" "$ada"
	[ "$(get '[.data[].ticket | select(.status == "ready")] | length')" = "$count" ]
}

step "4. The ticket worker draws the tickets."
until_held "$count tickets ready" tickets_ready
guests=$REPLY_BODY
for id in $(jq -r '.data | sort_by(.id)[].ticket.id' <<<"$guests"); do
	call 200 GET "/api/tickets/$id" "$ada"
	code=$(get .data.ticketCode)
	# The signed link opens it without a token.
	link=$API_URL/$(get .data.links.pdf | sed "s|^https*://[^/]*/||")
	curl -sS -f -m 30 -o "$OUT/$code.pdf" "$link" || fail "no PDF at $link"
	pdfinfo "$OUT/$code.pdf" >"$OUT/info" 2>&1 || fail "$OUT/$code.pdf is no PDF"
	name=$(jq -r --argjson id "$id" '.data[] | select(.ticket.id == $id) |
		.firstName + " " + .lastName' <<<"$guests")
	held "$OUT/$code.pdf  $(stat -c %s "$OUT/$code.pdf") bytes  $name"
done
rm -f "$OUT/info"

# --- mails ------------------------------------------------------------------------------------

mails()
{
	curl -sS -m 30 "$NOTIFICATION_SERVICE_URL/_control/calls?service=notification" |
		jq --arg run ".$run@" '[.data[] | select(.status == 202 and (.body.to | contains($run))) |
			.body]'
}

mails_handed_over()
{
	handed=$(mails)
	[ "$(jq '[.[] | select(.template == "ticket-issued").to] | unique | length' \
		<<<"$handed")" = "$count" ]
}

step "5. The mail worker hands a mail with a signed link to the notification service for each."
until_held "$count guests have their mail" mails_handed_over
[ "$(jq '[.[] | select(.template == "ticket-issued")] | length' <<<"$handed")" = "$count" ] ||
	fail "a ticket was mailed twice"
jq -r '.[] | "      " + .template + "  " + .to + "  " + .subject' <<<"$handed"

# --- the door ---------------------------------------------------------------------------------

step "6. At the door: the QR code is read from the page as printed, and scanned twice."
code=$(jq -r --argjson id "$payer_id" '.data[] | select(.id == $id).ticket.ticketCode' \
	<<<"$guests")
pdftoppm -r 150 -png -singlefile "$OUT/$code.pdf" "$OUT/$code" 2>/dev/null
qr=$(zbarimg -q --raw --oneshot "$OUT/$code.png" 2>/dev/null) || fail "zbarimg reads no code from $OUT/$code.png"
held "read: $qr"
scan=$(jq -n --arg qr "$qr" --argjson event "$event" '{qrCode: $qr, eventId: $event}')
call 200 POST /api/tickets/validate "$ada" "$scan"
[ "$(get .data.valid)" = true ] || fail "the ticket was not admitted"
held "first scan: $(get '.data.guest.firstName + " " + .data.guest.lastName'), welcome"
call 409 POST /api/tickets/validate "$ada" "$scan"
[ "$(get .type)" = /problems/already-validated ] || fail "the second scan was refused otherwise"
held "second scan: refused, $(get .type)"

# --- the numbers ------------------------------------------------------------------------------

audit_clean()
{
	"$BIN/corectl" audit >"$OUT/audit" 2>&1
}

step "7. The numbers."
call 200 GET "/api/events/$event" "$ada"
[ "$(get .data.currentAttendees)" = "$count" ] || fail "currentAttendees is not $count"
[ "$(get '[.data.ticketTypes[].sold] | add')" = "$count" ] || fail "sold is not $count"
held "$(get .data.currentAttendees) of $(get .data.maxAttendees) seats taken"
get '.data.ticketTypes[] | "      " + .name + ": \(.sold) of \(.quantity)"'
call 200 GET "/api/events/$event/guests?status=checked_in&page=1" "$ada"
[ "$(get .meta.total)" = 1 ] || fail "one guest should be checked in"
held "1 guest checked in"
call 200 GET "/api/events/$event/statistics?period=all" "$ada"
[ "$(get .data.totalGuests)" = "$count" ] || fail "totalGuests is not $count"
[ "$(get .data.checkedInGuests)" = 1 ] || fail "checkedInGuests is not 1"
[ "$(get .data.revenueStats.net)" = 49.9 ] || fail "net revenue is not 49.90"
held "statistics: $(get .data.totalGuests) guests, $(get .data.confirmedGuests) confirmed," \
	"$(get .data.checkedInGuests) checked in, $(get .data.revenueStats.net) $(get .data.revenueStats.currency) net"
until_held "corectl audit finds no drift" audit_clean
rm -f "$OUT/audit"

printf '\nAll of it held. The tickets lie in %s/*.pdf\n' "$OUT"
