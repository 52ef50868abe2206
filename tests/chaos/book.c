#include "tests/chaos/book.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/clock.h"
#include "tests/support/suite.h"

enum { PLENTY = 100000, LATEST = 8, LOOKS = 20 };

struct stand stands[STANDS];

static struct {
	pthread_mutex_t lock;
	struct known **guests;
	size_t count, cap;
} book = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct reply *post(const char *api, const char *path, const char *body)
{
	return say(&(struct saying){.method = "POST",
				    .url = text("%s%s", api, path),
				    .token = token_organizer(),
				    .body = body});
}

static bool open_stand(const char *api, int number, int seats, int quantity,
		       struct stand *ret_stand)
{
	char at[RFC3339_SIZE];
	struct reply *made, *published;

	clock_format(clock_now_us() + 30 * 24 * 3600 * US_PER_S, at);
	made = post(api, "/api/events",
		    text("{\"title\":\"Event %d\",\"eventDate\":\"%s\",\"location\":\"The hall\","
			 "\"maxAttendees\":%d,\"ticketTypes\":[{\"name\":\"Free\",\"price\":0,"
			 "\"quantity\":%d},{\"name\":\"Box\",\"price\":49.90,\"quantity\":%d}]}",
			 number, at, seats, quantity, quantity));
	if (made->status != 201)
		return false;
	ret_stand->event_id = reply_int(made, "data.id");
	ret_stand->free_type = reply_int(made, "data.ticketTypes.0.id");
	ret_stand->paid_type = reply_int(made, "data.ticketTypes.1.id");
	published =
		post(api, text("/api/events/%lld/publish", (long long)ret_stand->event_id), NULL);
	return published->status == 200;
}

bool book_open_small(int number, const char *api, struct stand *ret_stand)
{
	return open_stand(api, number, RUSH_SEATS, RUSH_SEATS, ret_stand);
}

void book_open(void)
{
	for (int i = 0; i < STANDS; i++) {
		bool small = i >= STANDS_BIG && i < STANDS_BIG + STANDS_SMALL;

		if (!open_stand(suite_api(), i, small ? SMALL_SEATS : PLENTY,
				small ? SMALL_QUANTITY : PLENTY, &stands[i]))
			fatal("chaos: event %d does not open", i);
	}
}

void book_add(const struct known *guest)
{
	struct known *copy = malloc(sizeof(*copy));

	if (!copy)
		fatal("chaos: no memory");
	*copy = *guest;
	pthread_mutex_lock(&book.lock);
	if (book.count == book.cap) {
		book.cap = book.cap ? 2 * book.cap : 1024;
		book.guests = reallocarray(book.guests, book.cap, sizeof(*book.guests));
		if (!book.guests)
			fatal("chaos: no memory");
	}
	book.guests[book.count++] = copy;
	pthread_mutex_unlock(&book.lock);
}

static bool suits(const struct known *guest, enum book_want want)
{
	if (guest->busy || guest->left)
		return false;
	if (want == BOOK_TO_REISSUE)
		return guest->code != NULL;
	return want == BOOK_TO_CHANGE || (guest->intent && guest->paid == (want == BOOK_TO_REFUND));
}

struct known *book_borrow(struct dice *dice, enum book_want want)
{
	struct known *found = NULL;

	pthread_mutex_lock(&book.lock);
	for (int i = 0; i < LOOKS && book.count && !found; i++) {
		struct known *guest = book.guests[dice_below(dice, (int)book.count)];

		/* Who pays does so soon. */
		if (want == BOOK_TO_PAY && i < LOOKS / 2 && book.count > LATEST * 4)
			guest = book.guests[book.count - 1 - (size_t)dice_below(dice, LATEST * 4)];
		if (suits(guest, want))
			found = guest;
	}
	if (found)
		found->busy = true;
	pthread_mutex_unlock(&book.lock);
	return found;
}

void book_return(struct known *guest)
{
	pthread_mutex_lock(&book.lock);
	guest->busy = false;
	pthread_mutex_unlock(&book.lock);
}

void book_reissued(struct known *guest, const char *code, int64_t old_issued_ms)
{
	pthread_mutex_lock(&book.lock);
	if (code) {
		guest->old_code = guest->code;
		guest->old_issued_ms = old_issued_ms;
	}
	guest->code = code;
	pthread_mutex_unlock(&book.lock);
}

bool book_look(struct dice *dice, struct known *ret)
{
	bool found = false;

	pthread_mutex_lock(&book.lock);
	for (int i = 0; i < LOOKS && book.count && !found; i++) {
		size_t range = book.count > LATEST && dice_below(dice, 2) ? LATEST : book.count;
		const struct known *guest =
			book.guests[book.count - 1 - (size_t)dice_below(dice, (int)range)];

		found = guest->code != NULL;
		if (found)
			*ret = *guest;
	}
	pthread_mutex_unlock(&book.lock);
	return found;
}

int64_t *book_guests(int64_t event_id, size_t *ret_count)
{
	int64_t *ids;
	size_t count = 0;

	pthread_mutex_lock(&book.lock);
	ids = calloc(book.count + 1, sizeof(*ids));
	if (!ids)
		fatal("chaos: no memory");
	for (size_t i = 0; i < book.count; i++)
		if (book.guests[i]->event_id == event_id)
			ids[count++] = book.guests[i]->id;
	pthread_mutex_unlock(&book.lock);
	*ret_count = count;
	return ids;
}
