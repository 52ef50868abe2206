/*
 * guests: who comes: registration, the guest's life, check-in by hand.
 */
#ifndef API_GUESTS_GUESTS_H
#define API_GUESTS_GUESTS_H

#include "api/request.h"

extern const struct schema guest_input_schema, guest_patch_schema, guest_list_schema;

request_handler guests_register, guests_list, guests_get, guests_patch, guests_delete;
request_handler guests_confirm, guests_cancel, guests_check_in, guests_undo_check_in;

#endif
