/*
 * bench-tickets COUNT FONTS DATABASE: tickets as one would draw them with libqrencode and libharu
 * and nothing else: two processes, pre-subset fonts in UTF-8, 32 rows and documents a transaction.
 * Prints tickets a second.
 */
#include <hpdf.h>
#include <libpq-fe.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES = 2, BATCH = 32, LINES = 12, QR_X = 350, QR_Y = 500, MODULE = 4 };

static const char *const lines[LINES] = {"An evening of chamber music",
					 "Saturday, 12 June 2027, 19:00",
					 "Until 22:30",
					 "Town hall, Great hall, Main street 1",
					 "Zoé Nguyễn",
					 "Łukasz Żółć",
					 "Free",
					 "0.00 EUR",
					 "EVT-0123456789ABCDEFGHJKMNPQRS",
					 "Organized by Ada Lovelace",
					 "One admission",
					 "Show this code at the door"};

static void fail(const char *what)
{
	fprintf(stderr, "bench-tickets: %s\n", what);
	exit(EXIT_FAILURE);
}

static void draw_qr(HPDF_Page page, const char *code)
{
	QRcode *qr = QRcode_encodeString(code, 0, QR_ECLEVEL_M, QR_MODE_8, 1);

	if (!qr)
		fail("no QR code");
	for (int i = 0; i < qr->width * qr->width; i++) {
		int x = QR_X + i % qr->width * MODULE, y = QR_Y - i / qr->width * MODULE;

		if (qr->data[i] & 1)
			HPDF_Page_Rectangle(page, (HPDF_REAL)x, (HPDF_REAL)y, MODULE, MODULE);
	}
	HPDF_Page_Fill(page);
	QRcode_free(qr);
}

static void draw_lines(HPDF_Doc doc, HPDF_Page page, const char *fonts)
{
	char path[512];
	HPDF_Font font[2];

	HPDF_UseUTFEncodings(doc);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/NotoSans-%s.ttf", fonts, i ? "Bold" : "Regular");
		font[i] = HPDF_GetFont(doc, HPDF_LoadTTFontFromFile(doc, path, HPDF_TRUE), "UTF-8");
	}
	HPDF_Page_BeginText(page);
	for (int i = 0; i < LINES; i++) {
		HPDF_Page_SetFontAndSize(page, font[i % 2], 12);
		HPDF_Page_TextOut(page, 50, (HPDF_REAL)(780 - 24 * i), lines[i]);
	}
	HPDF_Page_EndText(page);
}

static HPDF_Doc draw(const char *fonts, const char *code)
{
	HPDF_Doc doc = HPDF_New(NULL, NULL);
	HPDF_Page page = HPDF_AddPage(doc);

	HPDF_SetCompressionMode(doc, HPDF_COMP_ALL);
	draw_qr(page, code);
	draw_lines(doc, page, fonts);
	if (HPDF_SaveToStream(doc) != HPDF_OK)
		fail("libharu");
	return doc;
}

static void run(PGconn *conn, const char *sql)
{
	PGresult *result = PQexec(conn, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail(PQerrorMessage(conn));
	PQclear(result);
}

static void store(PGconn *conn, int id, const char *code, HPDF_Doc doc)
{
	HPDF_UINT32 len = HPDF_GetStreamSize(doc);
	HPDF_BYTE *bytes = malloc(len);
	char number[16];
	const char *values[3] = {number, code, (const char *)bytes};
	int lengths[3] = {0, 0, (int)len};
	int formats[3] = {0, 0, 1};
	PGresult *result;

	HPDF_ResetStream(doc);
	HPDF_ReadFromStream(doc, bytes, &len);
	snprintf(number, sizeof(number), "%d", id);
	result = PQexecPrepared(conn, "put", 3, values, lengths, formats, 0);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail(PQerrorMessage(conn));
	PQclear(result);
	free(bytes);
}

static void work(int self, int count, const char *fonts, const char *database)
{
	PGconn *conn = PQconnectdb(database);

	if (PQstatus(conn) != CONNECTION_OK)
		fail(PQerrorMessage(conn));
	PQclear(PQprepare(conn, "put",
			  "WITH d AS (INSERT INTO bench_documents VALUES ($1, $3)) "
			  "UPDATE bench_tickets SET status = 'ready', qr = $2 WHERE id = $1",
			  0, NULL));
	for (int id = self; id < count; id += PROCESSES) {
		char code[64];
		HPDF_Doc doc;

		snprintf(code, sizeof(code), "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEF%08d", id);
		if (id / PROCESSES % BATCH == 0)
			run(conn, "BEGIN");
		doc = draw(fonts, code);
		store(conn, id, code, doc);
		HPDF_Free(doc);
		if (id / PROCESSES % BATCH == BATCH - 1 || id + PROCESSES >= count)
			run(conn, "COMMIT");
	}
	PQfinish(conn);
}

static void make_tables(int count, const char *database)
{
	PGconn *conn = PQconnectdb(database);
	char sql[512];

	snprintf(sql, sizeof(sql),
		 "SET client_min_messages = warning;"
		 "DROP TABLE IF EXISTS bench_documents, bench_tickets;"
		 "CREATE TABLE bench_documents (id int PRIMARY KEY, pdf bytea);"
		 "ALTER TABLE bench_documents ALTER pdf SET STORAGE EXTERNAL;"
		 "CREATE TABLE bench_tickets (id int PRIMARY KEY, status text, qr text);"
		 "INSERT INTO bench_tickets SELECT i, 'pending' FROM generate_series(0, %d) AS i",
		 count - 1);
	run(conn, sql);
	PQfinish(conn);
}

int main(int argc, char **argv)
{
	struct timespec from, to;
	int count, status, failed = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: bench-tickets COUNT FONTS DATABASE\n");
		return 64;
	}
	count = (int)strtol(argv[1], NULL, 10);
	make_tables(count, argv[3]);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() == 0) {
			work(i, count, argv[2], argv[3]);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		failed |= status;
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%.1f\n", count / ((double)(to.tv_sec - from.tv_sec) +
				  (double)(to.tv_nsec - from.tv_nsec) / 1e9));
	return failed ? EXIT_FAILURE : 0;
}
