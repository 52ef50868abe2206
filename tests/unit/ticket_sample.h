/* A ticket to draw; each test changes what it is about. */
#ifndef TESTS_UNIT_TICKET_SAMPLE_H
#define TESTS_UNIT_TICKET_SAMPLE_H

#include "worker-tickets/ticket.h"

#define SAMPLE_QR "AEAVO3ZQJ5UWYYLNMFZGK3DMNFXGOIDXN5ZGYZBAMFXGI2DFOJSXEZJB"

static const struct ticket sample_ticket = {
	.locale = TICKET_EN,
	.title = "Nuit des musiques – édition 2026",
	.place = "Philharmonie de Paris, 221 avenue Jean-Jaurès, 75019 Paris",
	.guest = "Zoé Nguyễn",
	.type = "Balcony",
	.organizer = "Łukasz Żółć",
	.code = "EVT-4QZ8-9XKD-0M7C-V2RT",
	.starts = {2026, 12, 2, 3, 19, 30},
	.ends = {2026, 12, 2, 3, 23, 0},
	.has_end = true,
	.time_zone = "Europe/Paris",
	.price = 4990,
	.currency = "EUR",
	.issued_ms = 1795000000123,
};

#endif
