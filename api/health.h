/*
 * health: is the process alive, ready, and what of the things it leans on?
 */
#ifndef API_HEALTH_H
#define API_HEALTH_H

#include "api/request.h"

request_handler health_report, health_live, health_ready;

#endif
