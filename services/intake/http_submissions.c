/* POST /v1/campaigns/{campaign}/submissions: one submission, its receipt, and its verdict where that is awaited. */
#include "services/intake/front.h"

#include "common/runtime/clock.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SECOND_MS = 1000, RETRY_AFTER_S = 2 };

/* N of "wait=N" in one line of preferences, at most WAIT_MAX_S; 0: not asked for. */
static uint32_t wait_in_line(const char *prefer)
{
	while (prefer != NULL && *prefer != '\0') {
		prefer += strspn(prefer, " \t,");
		if (strncasecmp(prefer, "wait", 4) == 0) {
			const char *at = prefer + 4 + strspn(prefer + 4, " \t");
			if (*at == '=') {
				at += 1 + strspn(at + 1, " \t\"");
				unsigned long seconds = strspn(at, "0123456789") > 0 ? strtoul(at, NULL, 10) : 0;
				return seconds < WAIT_MAX_S ? (uint32_t)seconds : WAIT_MAX_S;
			}
		}
		prefer = strchr(prefer, ',');
	}
	return 0;
}

/* Of "Prefer: wait=N" (RFC 7240), in whichever of its lines. */
static uint32_t preferred_wait(const struct http_exchange *exchange)
{
	uint32_t wait_s = 0;
	const char *line;
	for (uint32_t i = 0; wait_s == 0 && (line = http_header_nth(exchange, "Prefer", i)) != NULL; i++)
		wait_s = wait_in_line(line);
	return wait_s;
}

static void refuse(struct front *front, struct http_exchange *exchange, enum problem problem, struct bytes errors,
	uint32_t retry_s)
{
	metric_add(front->metrics->refused[problem], 1);
	answer_problem(exchange, problem, errors, retry_s);
}

static struct arrival *admit(struct front *front, struct http_exchange *exchange)
{
	const struct reference *reference = reference_acquire(front->reference);
	struct buffer errors = {0};
	enum problem problem;
	if (reference == NULL) {
		refuse(front, exchange, PROBLEM_UNAVAILABLE, (struct bytes){0}, RETRY_AFTER_S);
		return NULL;
	}
	const struct admission admission = {
		.body = http_body(exchange),
		.received_at = http_received_at(exchange),
		.campaign = reference_by_code(reference, http_path_value(exchange, "campaign")),
		.authorization = http_header(exchange, "Authorization"),
		.idempotency_key = http_header(exchange, "Idempotency-Key"),
		.trace_parent = http_header(exchange, "traceparent"),
		.english = http_prefers_english(exchange),
	};
	struct arrival *arrival = front_admit(front, &admission, &problem, &errors);
	reference_release(front->reference, &reference);
	if (arrival == NULL)
		refuse(front, exchange, problem, buffer_bytes(&errors),
			problem == PROBLEM_UNAVAILABLE ? RETRY_AFTER_S : 0);
	buffer_deinit(&errors);
	return arrival;
}

void http_submissions(struct http_exchange *exchange, void *context)
{
	struct front *front = context;
	front->server = http_server_of(exchange);
	struct arrival *arrival = admit(front, exchange);
	if (arrival == NULL)
		return;
	uint32_t wait_s = preferred_wait(exchange);
	arrival->ticket = http_ticket_of(exchange);
	arrival->wait_until_ms = wait_s > 0 ? clock_monotonic_ms() + (int64_t)wait_s * SECOND_MS : 0;
	arrival->wants_decision = wait_s > 0;
	http_set_state(exchange, arrival);
	if (front_push(front, arrival))
		return;
	http_set_state(exchange, NULL);
	arrival_free(&arrival);
	refuse(front, exchange, PROBLEM_UNAVAILABLE, (struct bytes){0}, 1);
}

/* Whoever waited is forgotten, and the arrival with it. */
static void finish(struct front *front, struct arrival *arrival)
{
	if (arrival->place == PLACE_WAITING)
		TAILQ_REMOVE(&front->waiting, arrival, link);
	arrival->place = PLACE_NONE;
	if (arrival->wants_decision)
		waiters_remove(front->waiters, &arrival->receipt_id, arrival->ticket);
	arrival_free(&arrival);
}

static bool has_receipt(const struct arrival *arrival)
{
	return arrival->result == RESULT_RECEIVED || arrival->result == RESULT_REPLAYED;
}

static const struct decision *decision_of(const struct arrival *arrival)
{
	return arrival->early != NULL ? arrival->early : arrival->decision;
}

void http_submissions_answered(struct front *front, struct arrival *arrival)
{
	struct http_exchange *exchange = http_find(front->server, arrival->ticket);
	bool waits = arrival->wait_until_ms > clock_monotonic_ms() && has_receipt(arrival);
	if (exchange != NULL && waits && decision_of(arrival) == NULL && arrival->wants_decision) {
		arrival->place = PLACE_WAITING;
		TAILQ_INSERT_TAIL(&front->waiting, arrival, link);
		return;
	}
	if (exchange != NULL)
		http_set_state(exchange, NULL);
	if (exchange != NULL && waits && decision_of(arrival) != NULL)
		answer_decision(exchange, arrival, decision_of(arrival));
	else if (exchange != NULL && has_receipt(arrival))
		answer_receipt(exchange, arrival);
	else if (exchange != NULL)
		answer_problem(exchange, arrival->problem, buffer_bytes(&arrival->errors), arrival->retry_after_s);
	finish(front, arrival);
}

void http_submissions_decided(struct front *front, struct decision_letter *letter)
{
	struct http_exchange *exchange = http_find(front->server, letter->ticket);
	struct arrival *arrival = exchange != NULL ? http_state(exchange) : NULL;
	if (arrival != NULL && arrival->place == PLACE_WAITING) {
		http_set_state(exchange, NULL);
		answer_decision(exchange, arrival, letter->decision);
		finish(front, arrival);
	} else if (arrival != NULL && arrival->early == NULL) {
		arrival->early = letter->decision;
		letter->decision = NULL;
	}
	decision_letter_free(&letter);
}

void http_submissions_given_up(struct front *front, struct arrival *arrival, enum problem problem)
{
	struct http_exchange *exchange = http_find(front->server, arrival->ticket);
	if (exchange == NULL)
		return;
	http_set_state(exchange, NULL);
	answer_problem(exchange, problem, (struct bytes){0}, RETRY_AFTER_S);
}

void http_submissions_closed(struct http_exchange *exchange, void *context)
{
	struct arrival *arrival = http_state(exchange);
	http_set_state(exchange, NULL);
	/* With a writer it comes back as a letter and finds nobody. */
	if (arrival != NULL && arrival->place == PLACE_WAITING)
		finish(context, arrival);
}

/* Without a verdict in time it is the receipt. */
void http_submissions_tick(struct front *front, int64_t now_ms)
{
	struct arrival *arrival = TAILQ_FIRST(&front->waiting);
	while (arrival != NULL) {
		struct arrival *next = TAILQ_NEXT(arrival, link);
		struct http_exchange *exchange = http_find(front->server, arrival->ticket);
		if (arrival->wait_until_ms <= now_ms || exchange == NULL) {
			if (exchange != NULL) {
				http_set_state(exchange, NULL);
				answer_receipt(exchange, arrival);
			}
			finish(front, arrival);
		}
		arrival = next;
	}
}
