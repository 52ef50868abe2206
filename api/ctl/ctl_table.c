/*
 * The commands: what each takes, says and runs.
 */
#include "api/ctl/ctl_command.h"

/* clang-format off */
const struct ctl_word ctl_common_words[] = {
	{"--json", CTL_FLAG, NULL, 0, NULL, "say the result as JSON"},
	{"--help", CTL_FLAG, NULL, 0, NULL, "say what the command does, and nothing else"},
};
const size_t ctl_common_word_count = ARRAY_LEN(ctl_common_words);

#define LIMIT(otherwise) \
	{"--limit", CTL_COUNT, "N", 0, NULL, "rows at most [" otherwise "]"}

const struct ctl_command ctl_commands[] = {
	{"migrate", "the same as migrate up", NULL, {{0}}, ctl_migrate_up},
	{"migrate up", "apply what the database lacks of the schema",
	 "Forward only. Several may run at once: one works, the others wait.", {{0}},
	 ctl_migrate_up},
	{"migrate status", "list the steps of the schema; exit 1 unless all are applied", NULL, {{0}},
	 ctl_migrate_status},
	{"migrate wait", "wait until all of them are applied, for ten minutes at most", NULL, {{0}},
	 ctl_migrate_wait},

	{"config", "the same as config show", NULL, {{0}}, ctl_config_show},
	{"config show", "print the effective configuration, secrets masked", NULL, {{0}},
	 ctl_config_show},
	{"config check", "have each program judge this environment; exit 78 when one refuses it",
	 "Asks the programs that are installed beside corectl. One that is named must be there.", {
		{"PROGRAM", CTL_PROGRAM, NULL, CTL_OPTIONAL, NULL, "that program alone"}},
	 ctl_config_check},
	{"token", "print a token for development, signed with JWT_SECRET", NULL, {
		{"--sub", CTL_ID, "ID", CTL_REQUIRED, NULL, "the user's id"},
		{"--roles", CTL_TEXT, "A,B", 0, NULL, "of admin, organizer, staff, user [user]"},
		{"--email", CTL_TEXT, "ADDRESS", 0, NULL, "the user's address"},
		{"--first", CTL_TEXT, "NAME", 0, NULL, "first name"},
		{"--last", CTL_TEXT, "NAME", 0, NULL, "last name"},
		{"--ttl", CTL_COUNT, "SECONDS", 0, NULL, "how long it is good [86400]"}},
	 ctl_token},

	{"queue ls", "jobs by type, and the dead ones with their reason", NULL, {{0}}, ctl_queue_ls},
	{"queue peek", "the oldest jobs of a type, with what they are about", NULL, {
		{"TYPE", CTL_JOB_TYPE, NULL, 0, NULL, "a type of job"},
		LIMIT("20")},
	 ctl_queue_peek},
	{"queue kick", "do dead or delayed jobs now",
	 "A dead job starts from nothing. Either JOB or --all is given.", {
		{"JOB", CTL_JOB, NULL, CTL_OPTIONAL, NULL, "the job's id"},
		{"--all", CTL_FLAG, NULL, 0, NULL, "every dead or delayed job"},
		{"--type", CTL_JOB_TYPE, "TYPE", 0, "--all", "those of one type"}},
	 ctl_queue_kick},
	{"queue bury", "give a job up", "Its row stays, for queue kick.", {
		{"JOB", CTL_JOB, NULL, 0, NULL, "the job's id"},
		{"REASON", CTL_TEXT, NULL, 0, NULL, "why; queue ls shows it"}},
	 ctl_queue_bury},
	{"queue pause", "let nobody begin jobs of a type", NULL, {
		{"TYPE", CTL_JOB_TYPE, NULL, 0, NULL, "a type of job"}},
	 ctl_queue_pause},
	{"queue resume", "let them go on", NULL, {
		{"TYPE", CTL_JOB_TYPE, NULL, 0, NULL, "a type of job"}},
	 ctl_queue_resume},
	{"queue rebuild", "the same as outbox put", NULL, {{0}}, ctl_outbox_put},
	{"outbox ls", "rows of jobs by type and state, and how old the oldest is",
	 "Reads PostgreSQL alone, so it works while Redis is away.", {{0}}, ctl_outbox_ls},
	{"outbox put", "put every job again that Redis lacks",
	 "The API does so by itself every few seconds.", {{0}}, ctl_outbox_put},

	{"ticket verify", "say what a code or the text of a QR code is; exit 1 unless it admits",
	 "Changes nothing: it is no check-in.", {
		{"TEXT", CTL_TEXT, NULL, 0, NULL, "as scanned or typed; - reads it from standard input"}},
	 ctl_ticket_verify},
	{"ticket reissue", "give a ticket a new code: the old one, its QR code and its links are void",
	 "The guest gets it by mail.", {
		{"TICKET", CTL_ID, NULL, 0, NULL, "the ticket's id"}},
	 ctl_ticket_reissue},

	{"import", "register the guests of a file for an event",
	 "The API does the work, wherever it runs; corectl shows how it gets on, prints the report and "
	 "exits 1 when a row was rejected.", {
		{"EVENT", CTL_ID, NULL, 0, NULL, "the event's id"},
		{"FILE", CTL_FILE, NULL, 0, NULL, "CSV or JSON; - is standard input"},
		{"--format", CTL_FORMAT, "FORMAT", 0, NULL, "csv or json [as the file's name ends, else csv]"},
		{"--dry-run", CTL_FLAG, NULL, 0, NULL, "report what would be done, and do nothing"},
		{"--no-mails", CTL_FLAG, NULL, 0, NULL, "tell the guests nothing"},
		{"--as", CTL_ID, "USER", 0, NULL, "who registers them [the event's organizer]"},
		{"--no-wait", CTL_FLAG, NULL, 0, NULL, "print the import's id and go"}},
	 ctl_import},
	{"import show", "the report of an import", NULL, {
		{"IMPORT", CTL_ID, NULL, 0, NULL, "the import's id"}},
	 ctl_import_show},
	{"export", "write all guests of an event as CSV", NULL, {
		{"EVENT", CTL_ID, NULL, 0, NULL, "the event's id"},
		{"--output", CTL_FILE, "FILE", 0, NULL, "there, instead of standard output"}},
	 ctl_export},

	{"stats aggregate", "fold what was counted into the statistics; cron's job", NULL, {{0}},
	 ctl_stats_aggregate},
	{"stats show", "what an event's statistics add up to, by ticket type", NULL, {
		{"EVENT", CTL_ID, NULL, 0, NULL, "the event's id"}},
	 ctl_stats_show},
	{"refund ls", "refunds that are not done", NULL, {{0}}, ctl_refund_ls},
	{"refund resume", "go on with a refund that was given up, as the payment service knows it",
	 "Either --not-refunded or --refunded is given.", {
		{"REFUND", CTL_ID, NULL, 0, NULL, "the refund's id"},
		{"--not-refunded", CTL_FLAG, NULL, 0, NULL, "it was not made there: try again"},
		{"--refunded", CTL_TEXT, "SERVICE_ID", 0, NULL, "it was made there, with this id"}},
	 ctl_refund_resume},
	{"audit", "hold the rows against each other, or against the payment service; exit 1 on drift",
	 "Every counter, sum and document is recomputed, on one snapshot, without locks, so a service "
	 "at work is no drift. With --payments the payment service is asked for every intent of a "
	 "period, and with --intents for which of its intents there is no payment here.", {
		{"--check", CTL_CHECK, "NAME", 0, NULL, "one check alone"},
		LIMIT("100"),
		{"--payments", CTL_FLAG, NULL, 0, NULL, "ask the payment service"},
		{"--from", CTL_TIME, "TIME", 0, "--payments", "payments made since"},
		{"--to", CTL_TIME, "TIME", 0, "--payments", "payments made before"},
		{"--intents", CTL_FILE, "FILE", 0, "--payments",
		 "ids of intents that the service knows, a line each"}},
	 ctl_audit},
	{"help", "say what the commands, or one of them, do", NULL, {
		{"COMMAND", CTL_COMMAND, NULL, CTL_OPTIONAL, NULL, "as \"queue\" or \"queue kick\""},
		{"VERB", CTL_TEXT, NULL, CTL_OPTIONAL, NULL, "its second word"}},
	 ctl_help},
};
/* clang-format on */
const size_t ctl_command_count = ARRAY_LEN(ctl_commands);
