/* What is known of each gateway of each campaign while we run: is it away, until when does it want to be left alone,
 * how much is under way to it. Pure: time is an argument, monotonic milliseconds. */
#ifndef SANGKIEN_NOTIFICATION_GATEWAYS_H
#define SANGKIEN_NOTIFICATION_GATEWAYS_H

#include "common/domain/reference.h"
#include "common/runtime/backoff.h"

enum { GATEWAY_NAME_SIZE = 41, GATEWAY_WHY_SIZE = 128 };

struct gateway {
	uint32_t campaign;
	char name[GATEWAY_NAME_SIZE];
	char campaign_code[GATEWAY_NAME_SIZE];
	enum channel_kind kind;
	bool is_quiet; /* its campaign's quiet hours: nothing is begun */
	struct backoff away;
	char why[GATEWAY_WHY_SIZE]; /* while it is away */
	int64_t try_at_ms;          /* not before */
	int64_t look_at_ms;         /* nothing was due: look again then */
	uint32_t under_way;
	bool is_known; /* in the newest reference data */
};

struct gateways {
	struct gateway **rows;
	size_t count, capacity;
};

void gateways_free(struct gateways *gateways);
/* As the campaigns have them now; what is no more there and has nothing under way is forgotten. False: no memory. */
bool gateways_follow(struct gateways *gateways, const struct reference *reference, int64_t now_us) MUST_CHECK;
void gateways_wake(struct gateways *gateways); /* something may be due */

/* How many notices may be begun now, at most `most` at once to one gateway. Mail goes one by one, over one connection;
 * while a gateway is away one notice asks whether it is back. */
uint32_t gateway_room(const struct gateway *gateway, uint32_t most, int64_t now_ms);
void gateway_away(struct gateway *gateway, const char *why, int64_t now_ms, uint32_t random);
void gateway_back(struct gateway *gateway);
void gateway_pause(struct gateway *gateway, int64_t until_ms);

/* The first that is away, NULL: none. */
const struct gateway *gateways_first_away(const struct gateways *gateways);

#endif
