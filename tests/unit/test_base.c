/*
 * base, arena, strbuf, problem, log: what everything else stands on.
 */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/log_mask.h"
#include "common/problem.h"

START_TEST(cuts_never_split_a_character)
{
	const char *text = "aé€👩";

	ck_assert_uint_eq(utf8_cut(text, 10, 10), 10);
	ck_assert_uint_eq(utf8_cut(text, 10, 9), 6);
	ck_assert_uint_eq(utf8_cut(text, 10, 7), 6);
	ck_assert_uint_eq(utf8_cut(text, 10, 6), 6);
	ck_assert_uint_eq(utf8_cut(text, 10, 5), 3);
	ck_assert_uint_eq(utf8_cut(text, 10, 2), 1);
	ck_assert_uint_eq(utf8_cut(text, 10, 0), 0);
	ck_assert_uint_eq(utf8_cut("\x80\x80\x80\x80\x80\x80", 6, 5), 5);
}
END_TEST

START_TEST(arena_memory_is_zeroed_and_aligned)
{
	struct arena arena;

	arena_init(&arena, 1024);
	for (int round = 0; round < 3; round++) {
		for (size_t size = 0; size < 300; size++) {
			unsigned char *at = arena_alloc(&arena, size);
			ck_assert_uint_eq((uintptr_t)at % _Alignof(max_align_t), 0);
			for (size_t i = 0; i < size; i++)
				ck_assert_uint_eq(at[i], 0);
			memset(at, 0xAA, size);
		}
		ck_assert_uint_ge(arena.allocated, 299 * 150);
		arena_reset(&arena);
		ck_assert_uint_eq(arena.allocated, 0);
	}
	arena_clear(&arena);
	ck_assert_ptr_null(arena.blocks);
	arena_clear(&arena);
}
END_TEST

START_TEST(arena_takes_values_larger_than_a_block)
{
	struct arena arena;

	arena_init(&arena, 256);
	char *small = arena_strdup(&arena, "small");
	char *large = arena_alloc(&arena, 1000000);
	memset(large, 'x', 1000000);
	char *next = arena_strdup(&arena, "next");
	/* The block with room left went on being used. */
	ck_assert(next > small && next - small < 256);
	ck_assert_str_eq(small, "small");
	arena_reset(&arena);
	char *again = arena_strdup(&arena, "again");
	ck_assert_ptr_eq(again, small);
	arena_clear(&arena);
}
END_TEST

START_TEST(arena_copies_texts)
{
	struct arena arena;

	arena_init(&arena, 64);
	ck_assert_str_eq(arena_strndup(&arena, "abcdef", 3), "abc");
	ck_assert_str_eq(arena_strndup(&arena, NULL, 0), "");
	ck_assert_str_eq(arena_printf(&arena, "%s-%05d", "guest", 42), "guest-00042");
	int *numbers = arena_calloc(&arena, 100, sizeof(*numbers));
	ck_assert_int_eq(numbers[99], 0);
	arena_clear(&arena);
}
END_TEST

START_TEST(arena_overflow_is_fatal)
{
	struct arena arena;

	arena_init(&arena, 64);
	(void)arena_calloc(&arena, SIZE_MAX / 2, 3);
}
END_TEST

static void *end_the_process(void *barrier)
{
	pthread_barrier_wait(barrier);
	fatal("the end");
}

/* Where nothing is left, all threads find out at once. */
START_TEST(the_end_is_told_once)
{
	enum { THREADS = 8 };
	char said[1024];
	ssize_t len;
	int status, ends[2];
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		pthread_barrier_t barrier;
		pthread_t thread;

		dup2(ends[1], STDERR_FILENO);
		pthread_barrier_init(&barrier, NULL, THREADS);
		for (int i = 0; i < THREADS - 1; i++)
			pthread_create(&thread, NULL, end_the_process, &barrier);
		end_the_process(&barrier);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_INTERNAL);
	len = read(ends[0], said, sizeof(said));
	ck_assert_int_eq(len, strlen("fatal: the end\n"));
	ck_assert_int_eq(memcmp(said, "fatal: the end\n", (size_t)len), 0);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(arena_exhaustion_is_fatal)
{
	struct arena arena;

	arena_init(&arena, 64);
	(void)arena_calloc(&arena, 1, SIZE_MAX - 8);
}
END_TEST

/* Both homes of a buffer behave alike. */
static void fill(struct strbuf *sb)
{
	ck_assert_str_eq(sb->buf, "");
	strbuf_truncate(sb, 0);
	for (int i = 0; i < 1000; i++)
		strbuf_addc(sb, 'x');
	ck_assert_uint_eq(sb->len, 1000);
	ck_assert_uint_eq(strlen(sb->buf), 1000);
	strbuf_truncate(sb, 1);
	strbuf_add(sb, "a\0b", 3);
	ck_assert_uint_eq(sb->len, 4);
	ck_assert_int_eq(memcmp(sb->buf, "xa\0b", 5), 0);
	strbuf_truncate(sb, 0);
	strbuf_addf(sb, "%d:%0*d", 7, 3000, 1);
	ck_assert_uint_eq(sb->len, 3002);
	ck_assert_int_eq(sb->buf[3001], '1');
	strbuf_truncate(sb, 2);
	strbuf_adds(sb, "end");
	ck_assert_str_eq(sb->buf, "7:end");
}

START_TEST(strbuf_grows_on_the_heap_and_in_an_arena)
{
	struct arena arena;
	struct strbuf heap, arenas;

	arena_init(&arena, 512);
	strbuf_init(&heap, NULL);
	strbuf_init(&arenas, &arena);
	fill(&heap);
	fill(&arenas);
	strbuf_release(&heap);
	strbuf_release(&arenas);
	ck_assert_str_eq(heap.buf, "");
	fill(&heap);
	strbuf_release(&heap);
	arena_clear(&arena);
}
END_TEST

START_TEST(strbuf_formats_exactly_at_its_end)
{
	CLEANUP(strbuf_release) struct strbuf sb;

	strbuf_init(&sb, NULL);
	strbuf_adds(&sb, "x");
	for (size_t room = sb.cap - sb.len; room > 0; room = sb.cap - sb.len) {
		size_t cap = sb.cap;
		strbuf_addf(&sb, "%s", "y");
		if (sb.cap != cap)
			break;
	}
	ck_assert_uint_eq(strspn(sb.buf, "xy"), sb.len);
	ck_assert_uint_eq(sb.len, 128);
}
END_TEST

START_TEST(strbuf_writes_integers)
{
	CLEANUP(strbuf_release) struct strbuf sb;

	strbuf_init(&sb, NULL);
	strbuf_add_i64(&sb, INT64_MIN);
	strbuf_addc(&sb, ' ');
	strbuf_add_i64(&sb, INT64_MAX);
	strbuf_addc(&sb, ' ');
	strbuf_add_i64(&sb, 0);
	strbuf_addc(&sb, ' ');
	strbuf_add_i64(&sb, -10);
	ck_assert_str_eq(sb.buf, "-9223372036854775808 9223372036854775807 0 -10");
}
END_TEST

START_TEST(strbuf_escapes_html)
{
	CLEANUP(strbuf_release) struct strbuf sb;

	strbuf_init(&sb, NULL);
	strbuf_add_html(&sb, "<a href=\"x\">Zoé & l'été</a>");
	ck_assert_str_eq(sb.buf, "&lt;a href=&quot;x&quot;&gt;Zoé &amp; l&#39;été&lt;/a&gt;");
	strbuf_truncate(&sb, 0);
	strbuf_add_html(&sb, "");
	ck_assert_str_eq(sb.buf, "");
}
END_TEST

START_TEST(every_problem_has_a_row_of_its_own)
{
	size_t count = 0;

	for (; problem_at(count) != NULL; count++) {
		const struct problem_row *row = problem_at(count);
		ck_assert_ptr_eq(problem_row(row->status), row);
		ck_assert_int_eq((int)problem_from_slug(row->slug), (int)row->status);
		ck_assert_int_eq((int)problem_retry(row->status), (int)row->retry);
		ck_assert(row->http >= 400 && row->http <= 599);
	}
	ck_assert_uint_eq(count, ST_COUNT - 1);
	ck_assert_int_eq((int)problem_from_slug("ok"), OK);
	ck_assert_int_eq((int)problem_from_slug("nonsense"), ST_INTERNAL_ERROR);
	ck_assert_int_eq((int)problem_from_slug(NULL), ST_INTERNAL_ERROR);
	ck_assert_int_eq(problem_row(ST_JOB_LOST)->http, 500);
	ck_assert_int_eq(problem_row(OK)->http, 500);
	ck_assert_int_eq((int)problem_retry(ST_UPSTREAM_REFUSED), RETRY_FINAL);
	ck_assert_int_eq((int)problem_retry(ST_UPSTREAM_DOWN), RETRY_LATER);
	ck_assert_int_eq((int)problem_retry(ST_REDIS_UNAVAILABLE), RETRY_LATER);
}
END_TEST

START_TEST(details_are_cut_between_characters)
{
	struct problem err = {0};
	char text[400];

	for (size_t i = 0; i + 1 < sizeof(text); i++)
		text[i] = "é"[i % 2];
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq((int)problem_set(&err, ST_NOT_FOUND, "%s", text), ST_NOT_FOUND);
	ck_assert_int_eq((int)err.status, ST_NOT_FOUND);
	ck_assert_uint_eq(strlen(err.detail), 254);
	problem_set(&err, ST_NOT_FOUND, "again: %.10s", err.detail);
	ck_assert_str_eq(err.detail, "again: ééééé");
	ck_assert_int_eq((int)problem_set(NULL, ST_FORBIDDEN, "no"), ST_FORBIDDEN);
}
END_TEST

START_TEST(problems_render_as_documents)
{
	struct arena arena;
	struct strbuf out;
	struct problem err = {0};

	arena_init(&arena, 1024);
	strbuf_init(&out, &arena);
	problem_set(&err, ST_ALREADY_VALIDATED, "Admitted at \"%s\"", "gate 1");
	err.extension = "\"validatedAt\":null";
	problem_render(&out, &err, "/api/x\xFF", "req-1");
	ck_assert_str_eq(out.buf, "{\"type\":\"/problems/already-validated\","
				  "\"title\":\"The ticket was admitted before\",\"status\":409,"
				  "\"detail\":\"Admitted at \\\"gate 1\\\"\","
				  "\"instance\":\"/api/x\xEF\xBF\xBD\",\"requestId\":\"req-1\","
				  "\"validatedAt\":null}");
	strbuf_truncate(&out, 0);
	struct problem bare = {.status = ST_NOT_FOUND};
	problem_render(&out, &bare, NULL, NULL);
	ck_assert_str_eq(out.buf, "{\"type\":\"/problems/not-found\","
				  "\"title\":\"There is no such thing\",\"status\":404}");
	arena_clear(&arena);
}
END_TEST

START_TEST(problems_render_every_violation)
{
	struct arena arena;
	struct strbuf out;
	struct problem first = {0};

	arena_init(&arena, 1024);
	strbuf_init(&out, &arena);
	struct problem err = first;
	char where[8] = "/name";
	problem_violation(&err, &arena, where, "too-long", "has %d characters", 101);
	memset(where, 'x', sizeof(where));
	struct problem moved = err;
	problem_violation(&moved, &arena, "", "type", "is no object");
	problem_violation(NULL, &arena, "", "type", "goes nowhere");
	problem_set(&moved, ST_INVALID_BODY, "%s", "");
	problem_render(&out, &moved, NULL, NULL);
	ck_assert_ptr_nonnull(strstr(out.buf,
				     ",\"errors\":[{\"pointer\":\"/name\",\"code\":\"too-long\","
				     "\"detail\":\"has 101 characters\"},{\"pointer\":\"\","
				     "\"code\":\"type\",\"detail\":\"is no object\"}]}"));
	strbuf_truncate(&out, 0);
	problem_set(&moved, ST_INVALID_QUERY, "%s", "");
	problem_render(&out, &moved, NULL, NULL);
	ck_assert_ptr_nonnull(strstr(out.buf, "\"parameter\":\"/name\""));
	arena_clear(&arena);
}
END_TEST

START_TEST(inner_reasons_stay_inside)
{
	static const enum status inner[] = {ST_INTERNAL_ERROR, ST_DATABASE_UNAVAILABLE,
					    ST_UPSTREAM_REFUSED, ST_CONFIG};
	CLEANUP(strbuf_release) struct strbuf out;
	struct problem err = {0};

	strbuf_init(&out, NULL);
	problem_set(&err, inner[_i], "relation \"hidden\" at 10.0.0.7");
	problem_render(&out, &err, "/api/events", NULL);
	ck_assert_ptr_null(strstr(out.buf, "hidden"));
	ck_assert_ptr_null(strstr(out.buf, "detail"));
}
END_TEST

/* stdout becomes a pipe whose other end is returned. */
static int capture_stdout(void)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
	ck_assert_int_eq(close(ends[1]), 0);
	ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	return ends[0];
}

static char *read_text(int fd)
{
	static char text[65536];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(log_lines_are_objects)
{
	struct log_line line;
	int fd = capture_stdout();

	log_init("core-service", LOG_INFO);
	log_open(&line, LOG_WARN, "HTTP \"Request\"\n");
	log_str(&line, "path", "/a\tb");
	log_str(&line, "userId", NULL);
	log_i64(&line, "status", -404);
	log_ms(&line, "durationMs", 1234567);
	log_ms(&line, "skewMs", -5);
	log_close(&line);
	const char *text = read_text(fd);
	ck_assert_int_eq(strncmp(text, "{\"timestamp\":\"2", 15), 0);
	ck_assert_str_eq(strstr(text, "\"level\""),
			 "\"level\":\"warn\",\"service\":\"core-service\","
			 "\"message\":\"HTTP \\\"Request\\\"\\n\",\"path\":\"/a\\tb\","
			 "\"status\":-404,\"durationMs\":1234.567,\"skewMs\":-0.005}\n");
}
END_TEST

START_TEST(log_levels_silence)
{
	struct log_line line;
	int fd = capture_stdout();

	log_init("core-service", LOG_WARN);
	log_message(LOG_INFO, "unheard");
	log_open(&line, LOG_DEBUG, "unheard");
	log_str(&line, "x", "y");
	log_close(&line);
	ck_assert_str_eq(read_text(fd), "");
	log_message(LOG_ERROR, "%d heard", 1);
	ck_assert_ptr_nonnull(strstr(read_text(fd), "\"message\":\"1 heard\"}\n"));
}
END_TEST

START_TEST(log_lines_are_bounded)
{
	static char control[5000];
	struct log_line line;
	int fd = capture_stdout();

	memset(control, 1, sizeof(control) - 1);
	log_init("core-service", LOG_INFO);
	log_open(&line, LOG_INFO, control);
	log_str(&line, "big", control);
	log_i64(&line, "last", 7);
	log_close(&line);
	const char *text = read_text(fd);
	ck_assert_uint_le(strlen(text), LOG_LINE_MAX);
	ck_assert_ptr_null(strstr(text, "\"big\""));
	ck_assert_str_eq(strstr(text, "…"), "…\",\"last\":7}\n");

	memset(control, 'x', sizeof(control) - 1);
	log_open(&line, LOG_INFO, "m");
	log_str(&line, "big", control);
	log_close(&line);
	ck_assert_ptr_nonnull(strstr(read_text(fd), "xxx…\"}\n"));
}
END_TEST

START_TEST(a_full_pipe_never_blocks)
{
	int fd = capture_stdout();

	log_init("core-service", LOG_INFO);
	for (int i = 0; i < 10000; i++)
		log_message(LOG_INFO, "%0*d", 500, i);
	int64_t lost = log_dropped();
	ck_assert_int_gt(lost, 9000);
	ck_assert_int_lt(lost, 10000);
	/* Every line that went out is whole. */
	const char *text = read_text(fd);
	size_t lines = 0;
	for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1, lines++) {
		ck_assert_int_eq(strncmp(at, "{\"timestamp\"", 12), 0);
		ck_assert_ptr_nonnull(strchr(at, '\n'));
	}
	ck_assert_uint_gt(lines, 50);
	log_message(LOG_INFO, "after");
	ck_assert_int_eq(log_dropped(), lost);
}
END_TEST

START_TEST(the_writers_thread_keeps_the_order)
{
	int fd = capture_stdout();

	log_init("core-service", LOG_INFO);
	log_writer_start();
	for (int i = 0; i < 200; i++)
		log_message(LOG_INFO, "number %d", i);
	log_writer_stop();
	log_message(LOG_INFO, "number %d", 200); /* there is no thread any more */

	const char *at = read_text(fd);
	for (int i = 0; i <= 200; i++) {
		char wanted[32];
		(void)snprintf(wanted, sizeof(wanted), "number %d\"}\n", i);
		at = strstr(at, wanted);
		ck_assert_ptr_nonnull(at);
	}
}
END_TEST

START_TEST(the_writers_thread_never_blocks_who_logs)
{
	int fd = capture_stdout();

	log_init("core-service", LOG_INFO);
	log_writer_start();
	for (int i = 0; i < 10000; i++)
		log_message(LOG_INFO, "%0*d", 500, i);
	log_writer_stop();
	ck_assert_int_gt(log_dropped(), 9000);
	ck_assert_int_lt(log_dropped(), 10000);
	for (const char *at = read_text(fd); *at != '\0'; at = strchr(at, '\n') + 1) {
		ck_assert_int_eq(strncmp(at, "{\"timestamp\"", 12), 0);
		ck_assert_ptr_nonnull(strchr(at, '\n'));
	}
}
END_TEST

enum { SHARERS = 3, SHARED_PIPES = 600, SHARED_MS = 10000 };

/* Logs a line that fills a page, when the gate gives a byte. */
static pid_t log_in_child(int gate)
{
	static char filler[1024];
	struct log_line line;
	char go;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	memset(filler, 'x', sizeof(filler) - 1);
	log_open(&line, LOG_INFO, "full");
	for (int i = 0; i < 3; i++)
		log_str(&line, "filler", filler);
	if (read(gate, &go, 1) == 1)
		log_close(&line);
	_exit(0);
}

/* False: it hangs. */
static bool ends(pid_t pid)
{
	for (int i = 0; i < SHARED_MS; i++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		clock_sleep_ms(1);
	}
	kill(pid, SIGKILL);
	return false;
}

/* What was free a moment ago another process may have filled. */
START_TEST(a_full_pipe_that_is_shared_never_blocks)
{
	int gate[2];

	ck_assert_int_eq(pipe(gate), 0);
	for (int i = 0; i < SHARED_PIPES; i++) {
		pid_t pids[SHARERS];
		int fd = capture_stdout();

		ck_assert_int_ge(fcntl(fd, F_SETPIPE_SZ, 4096), 0);
		log_init("core-service", LOG_INFO);
		for (size_t j = 0; j < SHARERS; j++)
			pids[j] = log_in_child(gate[0]);
		ck_assert_int_eq(write(gate[1], "go!", SHARERS), SHARERS);
		for (size_t j = 0; j < SHARERS; j++)
			ck_assert_msg(ends(pids[j]), "blocked by pipe %d", i);
		close(fd);
	}
}
END_TEST

START_TEST(addresses_are_masked)
{
	char masked[64];

	log_mask_email("zoe@example.com", masked, sizeof(masked));
	ck_assert_str_eq(masked, "z***@example.com");
	log_mask_email("élan@example.com", masked, sizeof(masked));
	ck_assert_str_eq(masked, "é***@example.com");
	log_mask_email("\"a@b\"@example.com", masked, sizeof(masked));
	ck_assert_str_eq(masked, "\"***@example.com");
	log_mask_email("@example.com", masked, sizeof(masked));
	ck_assert_str_eq(masked, "***@example.com");
	log_mask_email("no address", masked, sizeof(masked));
	ck_assert_str_eq(masked, "***");
	log_mask_email("", masked, sizeof(masked));
	ck_assert_str_eq(masked, "***");
	log_mask_email("zoe@é.example", masked, 8);
	ck_assert_str_eq(masked, "z***@é");
	log_mask_email("zoe@é.example", masked, 7);
	ck_assert_str_eq(masked, "z***@");
	log_mask_email("zoe@example.com", masked, 1);
	ck_assert_str_eq(masked, "");
}
END_TEST

static const struct {
	const char *text, *masked;
} quotations[] = {
	{"no address here, 50% of them @ home", "no address here, 50% of them @ home"},
	{"Key (email)=(zoe@example.com) exists", "Key (email)=(z***@example.com) exists"},
	{"zoe.doe+x@example.com,<b_c@d.e>", "z***@example.com,<b***@d.e>"},
	{"/a?email=zoe%40example.com&x=1", "/a?email=z***%40example.com&x=1"},
	{"redis://user:p.w@host:1/2", "redis://user:***@host:1/2"},
	{"élan@example.com", "é***@example.com"},
	{"say \"zoe doe\"@example.com", "say \"z***@example.com"},
	{"z***@example.com", "z***@example.com"},
	{"a@b@c", "a***@b***@c"},
	{"@", "@"},
	{"", ""},
};

START_TEST(addresses_in_texts_are_masked)
{
	CLEANUP(strbuf_release) struct strbuf out;

	strbuf_init(&out, NULL);
	strbuf_adds(&out, "before");
	log_add_masked(&out, quotations[_i].text);
	ck_assert_str_eq(out.buf + strlen("before"), quotations[_i].masked);
	strbuf_truncate(&out, 0);
	log_add_masked(&out, quotations[_i].masked);
	ck_assert_str_eq(out.buf, quotations[_i].masked);
}
END_TEST

START_TEST(a_long_name_of_a_thread_is_cut)
{
	char name[16] = "";

	thread_name("crashed-registrations");
	ck_assert_int_eq(prctl(PR_GET_NAME, name), 0);
	ck_assert_str_eq(name, "crashed-registr");
}
END_TEST

static TCase *memory_case(void)
{
	TCase *tcase = tcase_create("memory");

	tcase_add_test(tcase, cuts_never_split_a_character);
	tcase_add_test(tcase, a_long_name_of_a_thread_is_cut);
	tcase_add_test(tcase, arena_memory_is_zeroed_and_aligned);
	tcase_add_test(tcase, arena_takes_values_larger_than_a_block);
	tcase_add_test(tcase, arena_copies_texts);
	tcase_add_loop_test(tcase, the_end_is_told_once, 0, 20);
	tcase_add_exit_test(tcase, arena_overflow_is_fatal, EXIT_INTERNAL);
	tcase_add_exit_test(tcase, arena_exhaustion_is_fatal, EXIT_INTERNAL);
	tcase_add_test(tcase, strbuf_grows_on_the_heap_and_in_an_arena);
	tcase_add_test(tcase, strbuf_formats_exactly_at_its_end);
	tcase_add_test(tcase, strbuf_writes_integers);
	tcase_add_test(tcase, strbuf_escapes_html);
	return tcase;
}

static TCase *problem_case(void)
{
	TCase *tcase = tcase_create("problem");

	tcase_add_test(tcase, every_problem_has_a_row_of_its_own);
	tcase_add_test(tcase, details_are_cut_between_characters);
	tcase_add_test(tcase, problems_render_as_documents);
	tcase_add_test(tcase, problems_render_every_violation);
	tcase_add_loop_test(tcase, inner_reasons_stay_inside, 0, 4);
	return tcase;
}

static TCase *log_case(void)
{
	TCase *tcase = tcase_create("log");
	tcase_set_timeout(tcase, 60);

	tcase_add_test(tcase, log_lines_are_objects);
	tcase_add_test(tcase, log_levels_silence);
	tcase_add_test(tcase, log_lines_are_bounded);
	tcase_add_test(tcase, a_full_pipe_never_blocks);
	tcase_add_test(tcase, the_writers_thread_keeps_the_order);
	tcase_add_test(tcase, the_writers_thread_never_blocks_who_logs);
	tcase_add_test(tcase, a_full_pipe_that_is_shared_never_blocks);
	tcase_add_test(tcase, addresses_are_masked);
	tcase_add_loop_test(tcase, addresses_in_texts_are_masked, 0, (int)ARRAY_LEN(quotations));
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("base");

	suite_add_tcase(suite, memory_case());
	suite_add_tcase(suite, problem_case());
	suite_add_tcase(suite, log_case());
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
