/* POST /v1/campaigns/{campaign}/submissions:batch: one submission a line, any number of lines, answered in order. */
#include "services/intake/front.h"

#include "common/runtime/clock.h"
#include "services/intake/line_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINES_MAX = 1024, /* read and not yet answered */
	BATCHES_MAX = 256,
	CAMPAIGN_SIZE = 64,
	KEY_SIZE = KEY_CHARACTERS_MAX + 1,
	PIECE_BYTES_MAX = 64 * 1024,
	INPUT_BYTES_MAX = 2 * (BODY_BYTES_MAX + 2 * PIECE_BYTES_MAX), /* as much used as kept */
};

struct batch {
	TAILQ_ENTRY(batch) link;
	http_ticket ticket;
	bool closed; /* its client is gone: freed when no writer has a line of it */
	struct token token;
	char campaign[CAMPAIGN_SIZE], key[KEY_SIZE], trace_parent[TRACE_PARENT_SIZE];
	bool english, paused;

	struct line_reader reader;

	uint64_t next_line;               /* the number of the next line read, from 1 */
	uint64_t first_line;              /* the oldest not yet answered */
	struct buffer answers[LINES_MAX]; /* of line n at n % LINES_MAX; empty: not yet */
	size_t with_writer;
	struct arrival *held; /* the writers' queue was full */
};

static void batch_free(struct front *front, struct batch *batch)
{
	TAILQ_REMOVE(&front->batches, batch, link);
	front->batch_count--;
	arrival_free(&batch->held);
	for (size_t i = 0; i < LINES_MAX; i++)
		buffer_deinit(&batch->answers[i]);
	line_reader_deinit(&batch->reader);
	free(batch);
}

void http_batch_free_all(struct front *front)
{
	struct batch *batch;
	while ((batch = TAILQ_FIRST(&front->batches)) != NULL)
		batch_free(front, batch);
}

/* Beginning ------------------------------------------------------------------------------------------------------- */

static enum problem judge_token(const struct token *token, const struct reference_campaign *campaign)
{
	if (token->role == TOKEN_REVIEWER)
		return PROBLEM_OUT_OF_SCOPE;
	if (campaign == NULL)
		return PROBLEM_UNKNOWN_CAMPAIGN;
	return token->campaign == 0 || token->campaign == campaign->id ? PROBLEM_NONE : PROBLEM_OUT_OF_SCOPE;
}

/* All that is judged before the first line. */
static enum problem judge(struct front *front, struct http_exchange *exchange, struct token *token)
{
	enum token_found found =
		tokens_find(front->tokens, http_header(exchange, "Authorization"), clock_now_us(), token);
	if (found != TOKEN_GOOD)
		return tokens_problem(found);
	const struct reference *reference = reference_acquire(front->reference);
	if (reference == NULL || front->batch_count >= BATCHES_MAX) {
		reference_release(front->reference, &reference);
		return PROBLEM_UNAVAILABLE;
	}
	enum problem problem = judge_token(token, reference_by_code(reference, http_path_value(exchange, "campaign")));
	reference_release(front->reference, &reference);
	return problem;
}

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from != NULL ? from : "");
}

static struct batch *batch_new(struct front *front, struct http_exchange *exchange, const struct token *token)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	if (batch == NULL)
		return NULL;
	batch->ticket = http_ticket_of(exchange);
	batch->token = *token;
	batch->english = http_prefers_english(exchange);
	batch->next_line = batch->first_line = 1;
	batch->reader.line_bytes_max = BODY_BYTES_MAX;
	batch->reader.input.limit = INPUT_BYTES_MAX;
	copy_text(batch->campaign, sizeof(batch->campaign), http_path_value(exchange, "campaign"));
	copy_text(batch->key, sizeof(batch->key), http_header(exchange, "Idempotency-Key"));
	copy_text(batch->trace_parent, sizeof(batch->trace_parent), http_header(exchange, "traceparent"));
	TAILQ_INSERT_TAIL(&front->batches, batch, link);
	front->batch_count++;
	return batch;
}

static bool key_is_bad(const struct http_exchange *exchange)
{
	const char *key = http_header(exchange, "Idempotency-Key");
	size_t size = key != NULL ? strlen(key) : 1;
	for (size_t i = 0; key != NULL && i < size; i++) {
		if (key[i] < ' ' || key[i] > '~')
			return true;
	}
	return size == 0 || size > KEY_CHARACTERS_MAX;
}

static void refuse_key(struct front *front, struct http_exchange *exchange)
{
	struct buffer errors = {0};
	front->shape.error_count = 0;
	bool long_one = strlen(http_header(exchange, "Idempotency-Key")) > KEY_CHARACTERS_MAX;
	shape_add_error(&front->shape, "Idempotency-Key", long_one ? "too_long" : "invalid");
	problem_errors(&front->shape, http_prefers_english(exchange), &errors);
	metric_add(front->metrics->refused[PROBLEM_FIELDS], 1);
	answer_problem(exchange, PROBLEM_FIELDS, buffer_bytes(&errors), 0);
	buffer_deinit(&errors);
}

void http_batch(struct http_exchange *exchange, void *context)
{
	struct front *front = context;
	struct token token;
	front->server = http_server_of(exchange);
	enum problem problem = judge(front, exchange, &token);
	if (problem == PROBLEM_NONE && key_is_bad(exchange)) {
		refuse_key(front, exchange);
		return;
	}
	struct batch *batch = problem == PROBLEM_NONE ? batch_new(front, exchange, &token) : NULL;
	if (problem == PROBLEM_NONE && batch == NULL)
		problem = PROBLEM_UNAVAILABLE;
	if (problem != PROBLEM_NONE) {
		metric_add(front->metrics->refused[problem], 1);
		answer_problem(exchange, problem, (struct bytes){0}, problem == PROBLEM_UNAVAILABLE ? 2 : 0);
		return;
	}
	http_set_state(exchange, batch);
	http_stream_begin(exchange, 200, "application/x-ndjson");
	/* Many clients, and the proxy, send all of the body before they read. */
	bool spools = http_stream_spool(exchange);
	(void)spools;
}

/* Answers in order ------------------------------------------------------------------------------------------------ */

static struct buffer *answer_of(struct batch *batch, uint64_t line)
{
	return &batch->answers[line % LINES_MAX];
}

static void flush(struct front *front, struct batch *batch, struct http_exchange *exchange)
{
	buffer_clear(&front->scratch);
	while (batch->first_line < batch->next_line && answer_of(batch, batch->first_line)->size > 0) {
		struct buffer *answer = answer_of(batch, batch->first_line++);
		buffer_add(&front->scratch, answer->data, answer->size);
		buffer_deinit(answer);
		*answer = (struct buffer){0};
	}
	if (front->scratch.size > 0)
		(void)http_stream_send(exchange, buffer_bytes(&front->scratch));
}

static void refuse_line(
	struct front *front, struct batch *batch, uint64_t line, enum problem problem, struct bytes errors)
{
	metric_add(front->metrics->refused[problem], 1);
	line_problem(line, problem, batch->english, errors, answer_of(batch, line));
}

/* Lines in -------------------------------------------------------------------------------------------------------- */

static void push(struct front *front, struct batch *batch, struct arrival *arrival)
{
	arrival->batch = batch;
	arrival->ticket = batch->ticket;
	if (front_push(front, arrival))
		batch->with_writer++;
	else
		batch->held = arrival;
}

static void admit_line(
	struct front *front, struct batch *batch, const struct reference *reference, const struct line *line)
{
	struct buffer errors = {0};
	enum problem problem;
	const struct admission admission = {
		.body = line->text,
		.received_at = line->received_at,
		.campaign = reference_by_code(reference, batch->campaign),
		.token = &batch->token,
		.idempotency_key = batch->key[0] != '\0' ? batch->key : NULL,
		.line = batch->next_line,
		.trace_parent = batch->trace_parent[0] != '\0' ? batch->trace_parent : NULL,
		.english = batch->english,
	};
	struct arrival *arrival = front_admit(front, &admission, &problem, &errors);
	if (arrival != NULL)
		push(front, batch, arrival);
	else
		refuse_line(front, batch, batch->next_line, problem, buffer_bytes(&errors));
	buffer_deinit(&errors);
}

static bool may_read(const struct batch *batch)
{
	return batch->held == NULL && batch->next_line - batch->first_line < LINES_MAX;
}

static void read_lines(struct front *front, struct batch *batch, struct http_exchange *exchange)
{
	const struct reference *reference = reference_acquire(front->reference);
	struct line line;
	while (may_read(batch) && line_reader_next(&batch->reader, &line)) {
		if (line.too_large)
			refuse_line(front, batch, batch->next_line, PROBLEM_LINE_TOO_LARGE, (struct bytes){0});
		else
			admit_line(front, batch, reference, &line);
		batch->next_line++;
		/* What is answered at once makes room at once. */
		flush(front, batch, exchange);
	}
	reference_release(front->reference, &reference);
}

/* Reading waits while too many lines are under way, and goes on by itself. */
static void pace(struct batch *batch, struct http_exchange *exchange)
{
	bool full = !may_read(batch) || line_reader_kept(&batch->reader) > PIECE_BYTES_MAX + BODY_BYTES_MAX;
	if (full && !batch->paused)
		http_pause(exchange);
	else if (!full && batch->paused)
		http_resume(exchange);
	batch->paused = full;
}

static bool is_over(const struct batch *batch)
{
	return line_reader_is_over(&batch->reader) && batch->held == NULL && batch->first_line == batch->next_line &&
	       batch->with_writer == 0;
}

static void advance(struct front *front, struct batch *batch)
{
	struct http_exchange *exchange = batch->closed ? NULL : http_find(front->server, batch->ticket);
	if (exchange == NULL) {
		if (batch->closed && batch->with_writer == 0)
			batch_free(front, batch);
		return;
	}
	struct arrival *held = batch->held;
	batch->held = NULL;
	if (held != NULL)
		push(front, batch, held);
	flush(front, batch, exchange);
	read_lines(front, batch, exchange);
	pace(batch, exchange);
	if (!is_over(batch))
		return;
	http_set_state(exchange, NULL);
	http_stream_end(exchange);
	batch_free(front, batch);
}

void http_batch_piece(struct http_exchange *exchange, struct bytes piece, bool last, void *context)
{
	struct front *front = context;
	struct batch *batch = http_state(exchange);
	if (batch == NULL)
		return;
	bool added = line_reader_add(&batch->reader, piece, last, clock_receipt_us);
	assert(added); /* reading is held back long before its bound */
	advance(front, batch);
}

/* Answers of the writers ------------------------------------------------------------------------------------------ */

void http_batch_answered(struct front *front, struct arrival *arrival)
{
	struct batch *batch = arrival->batch;
	batch->with_writer--;
	if (!batch->closed && !arrival->given_up) {
		if (arrival->result == RESULT_PROBLEM)
			line_problem(arrival->line, arrival->problem, batch->english, buffer_bytes(&arrival->errors),
				answer_of(batch, arrival->line));
		else
			line_receipt(arrival, answer_of(batch, arrival->line));
	}
	arrival_free(&arrival);
	advance(front, batch);
}

void http_batch_given_up(struct front *front, struct arrival *arrival, enum problem problem, bool returns)
{
	struct batch *batch = arrival->batch;
	if (!returns)
		batch->with_writer--;
	if (!batch->closed)
		line_problem(
			arrival->line, problem, batch->english, (struct bytes){0}, answer_of(batch, arrival->line));
	advance(front, batch);
}

void http_batch_closed(struct http_exchange *exchange, void *context)
{
	struct batch *batch = http_state(exchange);
	http_set_state(exchange, NULL);
	if (batch == NULL)
		return;
	batch->closed = true;
	advance(context, batch);
}

/* Those held back by a full queue try again. */
void http_batch_tick(struct front *front)
{
	struct batch *batch = TAILQ_FIRST(&front->batches);
	while (batch != NULL) {
		struct batch *next = TAILQ_NEXT(batch, link);
		if (batch->held != NULL)
			advance(front, batch);
		batch = next;
	}
}
