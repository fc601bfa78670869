/* Would catch: a submission that is acknowledged and not handed on, one handed on twice, one that is lost for want of
 * room or of its campaign, poison that is retried. The edges and the reference are stand-ins defined here. */
#include "common/domain/unit_tree.h"
#include "services/validation/on_submission_received.h"

#include "proto/submission.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ITEMS_MAX = 8, WINDOW = 4, CAMPAIGN = 7 };

struct delivery {
	struct arena *arena;
	size_t count;
	Sangkien__Wire__Item items[ITEMS_MAX];
	struct buffer bodies[ITEMS_MAX];
	bool rejected[ITEMS_MAX], retried[ITEMS_MAX], is_done;
};
struct pushed {
	uint64_t tag;
	uint32_t rules_version;
	uint32_t phase, near_scope;
	double near_threshold;
	struct campaign_weighting weighting;
	size_t reasons;
	char first_code[32];
	uint8_t id;
};
struct world {
	uint32_t room;
	struct pushed pushed[64];
	size_t pushed_count;
	const struct reference *reference; /* NULL: none loaded */
	struct reference_campaign campaign;
	struct reference loaded;
	struct metrics *metrics;
	struct examination *examination;
};
static struct world *world; /* the stand-ins have no context of their own */

/* Stand-ins -------------------------------------------------------------------------------------------------------- */

size_t delivery_count(const struct delivery *delivery)
{
	return delivery->count;
}

const Sangkien__Wire__Item *delivery_item(const struct delivery *delivery, size_t index)
{
	assert_false(delivery->is_done);
	return &delivery->items[index];
}

struct arena *delivery_arena(struct delivery *delivery)
{
	return delivery->arena;
}

void delivery_reject(struct delivery *delivery, size_t index, bool retry, const char *reason)
{
	assert_true(reason[0] != '\0');
	assert_false(delivery->rejected[index] || delivery->retried[index]);
	(retry ? delivery->retried : delivery->rejected)[index] = true;
}

void delivery_done(struct delivery **delivery)
{
	assert_false((*delivery)->is_done);
	(*delivery)->is_done = true;
	arena_reset((*delivery)->arena); /* what lived there is gone: the sanitizers and the next user see it */
	*delivery = NULL;
}

bool sender_push(struct sender *sender, uint64_t tag, uint32_t route, struct bytes trace_parent, struct bytes body)
{
	(void)sender;
	(void)trace_parent;
	assert_int_equal(route, 0);
	if (world->room == 0)
		return false;
	world->room--;
	Sangkien__Message__SubmissionValidated *validated =
		sangkien__message__submission_validated__unpack(NULL, body.size, body.data);
	assert_non_null(validated);
	struct pushed *pushed = &world->pushed[world->pushed_count++];
	pushed->tag = tag;
	pushed->rules_version = validated->rules_version;
	assert_non_null(validated->ruling);
	pushed->phase = validated->ruling->phase;
	pushed->near_scope = validated->ruling->near_scope;
	pushed->near_threshold = validated->ruling->near_threshold;
	pushed->weighting = (struct campaign_weighting){
		validated->ruling->weight_prior, validated->ruling->weight_power, validated->ruling->cold_start_margin};
	pushed->reasons = validated->n_reasons;
	pushed->id = validated->submission->id.data[0];
	if (validated->n_reasons > 0)
		strncpy(pushed->first_code, validated->reasons[0]->code, sizeof(pushed->first_code) - 1);
	sangkien__message__submission_validated__free_unpacked(validated, NULL);
	return true;
}

const struct reference *reference_acquire(struct reference_source *source)
{
	(void)source;
	return world->reference;
}

void reference_release(struct reference_source *source, const struct reference **reference)
{
	(void)source;
	*reference = NULL;
}

const struct reference_campaign *reference_by_id(const struct reference *reference, uint32_t id)
{
	assert_ptr_equal(reference, &world->loaded);
	return id == CAMPAIGN ? &world->campaign : NULL;
}

/* Helpers ---------------------------------------------------------------------------------------------------------- */

static struct delivery *delivery_new(void)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	delivery->arena = arena_new((size_t)1 << 20);
	return delivery;
}

static void delivery_free(struct delivery **delivery)
{
	for (size_t i = 0; i < ITEMS_MAX; i++)
		buffer_deinit(&(*delivery)->bodies[i]);
	arena_free(&(*delivery)->arena);
	free(*delivery);
}

static void add_body(struct delivery *delivery, const void *data, size_t size)
{
	size_t at = delivery->count++;

	buffer_add(&delivery->bodies[at], data, size);
	sangkien__wire__item__init(&delivery->items[at]);
	delivery->items[at].body = (ProtobufCBinaryData){delivery->bodies[at].size, delivery->bodies[at].data};
}

static void add_submission(struct delivery *delivery, uint8_t number, uint32_t unit, int64_t received_at)
{
	Sangkien__Message__SubmissionReceived submission = SANGKIEN__MESSAGE__SUBMISSION_RECEIVED__INIT;
	Sangkien__Message__Fields fields = SANGKIEN__MESSAGE__FIELDS__INIT;
	uint8_t id[16] = {number}, person[16] = {0}, packed[512], words[] = "một hai ba";

	submission.id = (ProtobufCBinaryData){sizeof(id), id};
	submission.person = (ProtobufCBinaryData){sizeof(person), person};
	submission.campaign = CAMPAIGN;
	submission.unit = unit;
	submission.received_at = received_at;
	submission.fields = &fields;
	fields.description = (ProtobufCBinaryData){sizeof(words) - 1, words};
	size_t size = sangkien__message__submission_received__pack(&submission, packed);
	add_body(delivery, packed, size);
}

/* Version 1 takes 100 characters, version 2, from instant 1000, only five. */
static int setup(void **state)
{
	static struct campaign_phase phases[] = {
		{.number = 1, .ends_at = 1000}, {.number = 2, .starts_at = 1000, .ends_at = 2000}};
	static struct rule_pack versions[] = {
		{.version = 1,
			.description_characters_max = 100,
			.exact_scope = SCOPE_NATION,
			.near_scope = SCOPE_TOP,
			.near_threshold = 0.75,
			.phases = phases,
			.phase_count = 2},
		{.version = 2,
			.holds_from = 1000,
			.description_characters_max = 5,
			.exact_scope = SCOPE_NATION,
			.near_scope = SCOPE_UNIT,
			.near_threshold = 0.5,
			.weighting = {.prior = 300, .power = 1.5, .cold_start_margin = 0.25},
			.phases = phases,
			.phase_count = 2},
	};
	static struct campaign campaign = {.code = "c", .versions = versions, .version_count = 2};
	const struct unit_row rows[] = {{.id = 1, .code = "r", .name = "R"}};
	const char *fault;

	world = calloc(1, sizeof(*world));
	world->room = 64;
	world->metrics = metrics_new();
	world->campaign = (struct reference_campaign){
		.id = CAMPAIGN, .campaign = &campaign, .units = unit_tree_new(rows, 1, &fault)};
	world->reference = &world->loaded;
	world->examination = examination_new(&(struct examination_options){
		.metrics = world->metrics, .window = WINDOW, .reference_wait_ms = 600000});
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	examination_free(&world->examination);
	metrics_free(&world->metrics);
	unit_tree_free(&world->campaign.units);
	free(world);
	return 0;
}

/* Tests ------------------------------------------------------------------------------------------------------------ */

static void test_judges_by_the_version_of_receipt(void **state)
{
	CLEANUP(delivery_free) struct delivery *delivery = delivery_new();

	(void)state;
	add_submission(delivery, 1, 1, 999);
	add_submission(delivery, 2, 1, 1000);
	on_submission_received(delivery, world->examination);
	assert_true(delivery->is_done);
	assert_int_equal(world->pushed_count, 2);
	assert_int_equal(world->pushed[0].rules_version, 1);
	assert_int_equal(world->pushed[0].reasons, 0);
	assert_int_equal(world->pushed[1].rules_version, 2);
	assert_string_equal(world->pushed[1].first_code, "too_long");
	/* All that later stages go by is read with the reasons, in one version (R20: the phase is that of the receipt).
	 */
	assert_int_equal(world->pushed[0].phase, 1);
	assert_int_equal(world->pushed[1].phase, 2);
	assert_int_equal(world->pushed[0].near_scope, SCOPE_TOP);
	assert_int_equal(world->pushed[1].near_scope, SCOPE_UNIT);
	assert_true(world->pushed[0].near_threshold == 0.75 && world->pushed[1].near_threshold == 0.5);
	assert_int_equal(world->pushed[1].weighting.prior, 300);
	assert_true(world->pushed[1].weighting.power == 1.5 && world->pushed[1].weighting.cold_start_margin == 0.25);
	/* A refused one is handed on like the other: deduplication passes it through. */
	assert_int_equal(world->pushed[1].id, 2);
}

static void test_waits_for_room_and_hands_on_once(void **state)
{
	CLEANUP(delivery_free) struct delivery *first = delivery_new();
	CLEANUP(delivery_free) struct delivery *second = delivery_new();

	(void)state;
	world->room = 1;
	add_submission(first, 1, 1, 0);
	add_submission(first, 2, 1, 0);
	add_submission(second, 3, 1, 0);
	on_submission_received(first, world->examination);
	on_submission_received(second, world->examination);
	assert_false(first->is_done);
	assert_false(second->is_done);
	assert_int_equal(examination_kept(world->examination), 2);
	examination_continue(world->examination); /* still no room */
	world->room = 10;
	examination_continue(world->examination);
	assert_true(first->is_done);
	assert_true(second->is_done);
	assert_int_equal(examination_kept(world->examination), 0);
	assert_int_equal(world->pushed_count, 3);
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(world->pushed[i].id, i + 1);
}

static void test_never_more_under_way_than_the_window(void **state)
{
	CLEANUP(delivery_free) struct delivery *delivery = delivery_new();

	(void)state;
	for (int i = 1; i <= WINDOW + 2; i++)
		add_submission(delivery, (uint8_t)i, 1, 0);
	on_submission_received(delivery, world->examination);
	assert_int_equal(world->pushed_count, WINDOW);
	/* Tags come back in any order and name their submission. */
	for (size_t i = WINDOW; i-- > 0;)
		assert_int_equal(
			examination_release(world->examination, world->pushed[i].tag).octet[0], world->pushed[i].id);
	examination_continue(world->examination);
	assert_true(delivery->is_done);
	assert_int_equal(world->pushed_count, WINDOW + 2);
}

static void test_waits_for_its_campaign(void **state)
{
	CLEANUP(delivery_free) struct delivery *early = delivery_new();
	CLEANUP(delivery_free) struct delivery *other = delivery_new();

	(void)state;
	world->reference = NULL;
	add_submission(early, 1, 1, 0);
	on_submission_received(early, world->examination);
	assert_false(early->is_done);
	world->reference = &world->loaded;
	add_submission(other, 2, 99, 0); /* a unit that is not loaded */
	add_submission(other, 3, 1, 0);
	on_submission_received(other, world->examination);
	/* What waits holds up its own batch alone. */
	assert_true(early->is_done);
	assert_false(other->is_done);
	assert_int_equal(world->pushed_count, 1);
}

static void test_gives_back_what_waited_too_long(void **state)
{
	CLEANUP(delivery_free) struct delivery *delivery = delivery_new();

	(void)state;
	examination_free(&world->examination);
	world->examination = examination_new(
		&(struct examination_options){.metrics = world->metrics, .window = WINDOW, .reference_wait_ms = 0});
	add_submission(delivery, 1, 99, 0);
	add_submission(delivery, 2, 1, 0);
	on_submission_received(delivery, world->examination);
	assert_true(delivery->is_done);
	assert_true(delivery->retried[0]);
	assert_false(delivery->rejected[0] || delivery->retried[1]);
	assert_int_equal(world->pushed_count, 1);
}

static void test_rejects_poison(void **state)
{
	CLEANUP(delivery_free) struct delivery *delivery = delivery_new();
	static const uint8_t short_id[] = {0x0A, 0x02, 0x01, 0x02};

	(void)state;
	add_body(delivery, "\xFF\xFF\xFF", 3);
	add_body(delivery, short_id, sizeof(short_id));
	add_body(delivery, NULL, 0);
	add_submission(delivery, 4, 1, 0);
	on_submission_received(delivery, world->examination);
	assert_true(delivery->is_done);
	for (size_t i = 0; i < 3; i++)
		assert_true(delivery->rejected[i]);
	assert_int_equal(world->pushed_count, 1);
	assert_int_equal(world->pushed[0].id, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_judges_by_the_version_of_receipt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_room_and_hands_on_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_more_under_way_than_the_window, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_its_campaign, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gives_back_what_waited_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rejects_poison, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
