/* Catches: a gateway that is away and asked again and again, or never; one that wants to be left alone and is not; one
 * that takes every place; a campaign's change that loses what is under way. */
#include "services/notification/gateways.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct world {
	struct notice_channel channels[2];
	struct campaign campaign;
	struct reference_campaign row;
	struct reference reference;
	struct gateways gateways;
};

static struct gateway *open_world(struct world *world)
{
	*world = (struct world){
		.channels = {{.name = "sms", .kind = CHANNEL_HTTP}, {.name = "mail", .kind = CHANNEL_SMTP}}};
	world->campaign =
		(struct campaign){.code = "trial", .notices = {.channels = world->channels, .channel_count = 2}};
	world->row = (struct reference_campaign){.id = 7, .campaign = &world->campaign};
	world->reference = (struct reference){.campaigns = &world->row, .campaign_count = 1};
	assert_true(gateways_follow(&world->gateways, &world->reference, 0));
	assert_int_equal(world->gateways.count, 2);
	return world->gateways.rows[0];
}

static void test_each_has_its_share(void **state)
{
	struct world world;
	struct gateway *sms = open_world(&world), *mail = world.gateways.rows[1];

	(void)state;
	assert_int_equal(gateway_room(sms, 8, 1000), 8);
	assert_int_equal(gateway_room(mail, 8, 1000), 1);
	sms->under_way = 6;
	mail->under_way = 1;
	assert_int_equal(gateway_room(sms, 8, 1000), 2);
	assert_int_equal(gateway_room(mail, 8, 1000), 0);
	gateways_free(&world.gateways);
}

static void test_who_is_away_is_asked_by_one_notice(void **state)
{
	struct world world;
	struct gateway *sms = open_world(&world);
	int64_t first;

	(void)state;
	gateway_away(sms, "no", 1000, UINT32_MAX);
	first = sms->try_at_ms;
	assert_true(first > 1000);
	gateway_away(sms, "no", 1000, UINT32_MAX); /* was under way at the same time */
	assert_int_equal(sms->try_at_ms, first);
	assert_ptr_equal(gateways_first_away(&world.gateways), sms);
	assert_int_equal(gateway_room(sms, 8, first - 1), 0);
	assert_int_equal(gateway_room(sms, 8, first), 1);
	for (int i = 0; i < 100; i++)
		gateway_away(sms, "no", sms->try_at_ms, UINT32_MAX);
	assert_int_equal(gateway_room(sms, 8, sms->try_at_ms), 1);
	gateway_back(sms);
	assert_null(gateways_first_away(&world.gateways));
	assert_int_equal(gateway_room(sms, 8, sms->try_at_ms), 8);
	gateways_free(&world.gateways);
}

static void test_a_pause_is_kept_and_is_no_fault(void **state)
{
	struct world world;
	struct gateway *sms = open_world(&world);

	(void)state;
	gateway_pause(sms, 5000);
	gateway_back(sms);
	assert_int_equal(gateway_room(sms, 8, 4999), 0);
	assert_int_equal(gateway_room(sms, 8, 5000), 8);
	assert_null(gateways_first_away(&world.gateways));
	gateways_free(&world.gateways);
}

static void test_a_channel_that_is_gone_ends_what_it_began(void **state)
{
	struct world world;
	struct gateway *sms = open_world(&world);

	(void)state;
	sms->under_way = 1;
	world.campaign.notices.channel_count = 0;
	assert_true(gateways_follow(&world.gateways, &world.reference, 0));
	assert_int_equal(world.gateways.count, 1);
	assert_int_equal(gateway_room(sms, 8, 1000), 0);
	sms->under_way = 0;
	assert_true(gateways_follow(&world.gateways, &world.reference, 0));
	assert_int_equal(world.gateways.count, 0);
	gateways_free(&world.gateways);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_has_its_share),
		cmocka_unit_test(test_who_is_away_is_asked_by_one_notice),
		cmocka_unit_test(test_a_pause_is_kept_and_is_no_fault),
		cmocka_unit_test(test_a_channel_that_is_gone_ends_what_it_began),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
