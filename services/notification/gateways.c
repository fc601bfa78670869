#include "services/notification/gateways.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AWAY_LEAST_MS = 500, AWAY_MOST_MS = 30000 };

void gateways_free(struct gateways *gateways)
{
	for (size_t i = 0; i < gateways->count; i++)
		free(gateways->rows[i]);
	free(gateways->rows);
	*gateways = (struct gateways){0};
}

static struct gateway *find(const struct gateways *gateways, uint32_t campaign, const char *name)
{
	for (size_t i = 0; i < gateways->count; i++)
		if (gateways->rows[i]->campaign == campaign && strcmp(gateways->rows[i]->name, name) == 0)
			return gateways->rows[i];
	return NULL;
}

static struct gateway *add(struct gateways *gateways, uint32_t campaign, const char *name)
{
	struct gateway *gateway = calloc(1, sizeof(*gateway));

	if (gateway && gateways->count == gateways->capacity) {
		size_t capacity = gateways->capacity == 0 ? 16 : 2 * gateways->capacity;
		struct gateway **grown = realloc(gateways->rows, capacity * sizeof(struct gateway *));
		if (!grown) {
			free(gateway);
			return NULL;
		}
		gateways->rows = grown;
		gateways->capacity = capacity;
	}
	if (!gateway)
		return NULL;
	gateway->campaign = campaign;
	snprintf(gateway->name, sizeof(gateway->name), "%s", name);
	gateway->away = (struct backoff){.least_ms = AWAY_LEAST_MS, .most_ms = AWAY_MOST_MS};
	gateways->rows[gateways->count++] = gateway;
	return gateway;
}

static void forget_unknown(struct gateways *gateways)
{
	size_t kept = 0;

	for (size_t i = 0; i < gateways->count; i++) {
		struct gateway *gateway = gateways->rows[i];
		if (!gateway->is_known && gateway->under_way == 0)
			free(gateway);
		else
			gateways->rows[kept++] = gateway;
	}
	gateways->count = kept;
}

static bool follow_campaign(struct gateways *gateways, const struct reference_campaign *row, int64_t now_us)
{
	const struct notice_rules *rules = &row->campaign->notices;

	for (size_t i = 0; i < rules->channel_count; i++) {
		struct gateway *gateway = find(gateways, row->id, rules->channels[i].name);
		if (!gateway)
			gateway = add(gateways, row->id, rules->channels[i].name);
		if (!gateway)
			return false;
		snprintf(gateway->campaign_code, sizeof(gateway->campaign_code), "%s", row->campaign->code);
		gateway->kind = rules->channels[i].kind;
		gateway->is_quiet = notices_are_quiet(rules, now_us);
		gateway->is_known = true;
	}
	return true;
}

bool gateways_follow(struct gateways *gateways, const struct reference *reference, int64_t now_us)
{
	bool good = true;

	for (size_t i = 0; i < gateways->count; i++)
		gateways->rows[i]->is_known = false;
	for (size_t i = 0; i < reference->campaign_count && good; i++)
		good = follow_campaign(gateways, &reference->campaigns[i], now_us);
	forget_unknown(gateways);
	return good;
}

void gateways_wake(struct gateways *gateways)
{
	for (size_t i = 0; i < gateways->count; i++)
		gateways->rows[i]->look_at_ms = 0;
}

uint32_t gateway_room(const struct gateway *gateway, uint32_t most, int64_t now_ms)
{
	bool one = gateway->kind == CHANNEL_SMTP || gateway->away.attempts > 0;
	uint32_t room = one ? 1 : most;

	if (!gateway->is_known || gateway->is_quiet || now_ms < gateway->try_at_ms || now_ms < gateway->look_at_ms)
		return 0;
	return gateway->under_way < room ? room - gateway->under_way : 0;
}

void gateway_away(struct gateway *gateway, const char *why, int64_t now_ms, uint32_t random)
{
	snprintf(gateway->why, sizeof(gateway->why), "%s", why);
	/* Several that were under way together are one failure. */
	if (now_ms >= gateway->try_at_ms)
		gateway->try_at_ms = now_ms + backoff_next_ms(&gateway->away, random);
}

void gateway_back(struct gateway *gateway)
{
	backoff_reset(&gateway->away);
	gateway->why[0] = '\0';
}

void gateway_pause(struct gateway *gateway, int64_t until_ms)
{
	if (until_ms > gateway->try_at_ms)
		gateway->try_at_ms = until_ms;
}

const struct gateway *gateways_first_away(const struct gateways *gateways)
{
	for (size_t i = 0; i < gateways->count; i++)
		if (gateways->rows[i]->is_known && gateways->rows[i]->away.attempts > 0)
			return gateways->rows[i];
	return NULL;
}
