/* Would catch: personal data that its holder cannot open, or that opens for another key, another submission's row, or
 * after a change (law 10). */
#include "common/domain/sealed.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

struct world {
	uint8_t public_key[SEALED_KEY_SIZE], secret_key[SEALED_KEY_SIZE];
	struct sealer *sealer;
	struct id128 id;
	struct buffer sealed, plain;
};

static struct bytes text(const char *value)
{
	return (struct bytes){(const uint8_t *)value, strlen(value)};
}

static int set_up(void **state)
{
	static struct world world;
	memset(&world, 0, sizeof(world));
	assert_true(sodium_init() >= 0);
	crypto_box_keypair(world.public_key, world.secret_key);
	world.sealer = sealer_new(world.public_key);
	assert_non_null(world.sealer);
	memset(world.id.octet, 7, ID128_SIZE);
	const struct personal given = {text("Nguyễn Thị Hoà"), text("+84912345678"), text("")};
	assert_true(sealer_seal(world.sealer, &world.id, &given, &world.sealed));
	*state = &world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	sealer_free(&world->sealer);
	buffer_deinit(&world->sealed);
	buffer_deinit(&world->plain);
	return 0;
}

static bool opens(struct world *world)
{
	struct personal found;
	return sealed_open(world->secret_key, &world->id, buffer_bytes(&world->sealed), &world->plain, &found);
}

static void comes_back_whole(void **state)
{
	struct world *world = *state;
	struct personal found;
	assert_true(sealed_open(world->secret_key, &world->id, buffer_bytes(&world->sealed), &world->plain, &found));
	assert_int_equal(found.full_name.size, strlen("Nguyễn Thị Hoà"));
	assert_memory_equal(found.full_name.data, "Nguyễn Thị Hoà", found.full_name.size);
	assert_int_equal(found.phone.size, 12);
	assert_memory_equal(found.phone.data, "+84912345678", 12);
	assert_int_equal(found.national_id.size, 0);
	sealed_forget(&world->plain);
	assert_int_equal(world->plain.size, 0);
}

static void shows_nothing_and_never_repeats(void **state)
{
	struct world *world = *state;
	struct buffer again = {0};
	const struct personal given = {text("Nguyễn Thị Hoà"), text("+84912345678"), text("")};
	assert_null(memmem(world->sealed.data, world->sealed.size, "912345678", 9));
	assert_true(sealer_seal(world->sealer, &world->id, &given, &again));
	assert_int_equal(again.size, world->sealed.size);
	assert_memory_not_equal(again.data, world->sealed.data, again.size);
	buffer_deinit(&again);
}

static void opens_for_its_key_and_row_alone(void **state)
{
	struct world *world = *state;
	world->id.octet[0] ^= 1;
	assert_false(opens(world));
	world->id.octet[0] ^= 1;
	world->secret_key[5] ^= 4;
	assert_false(opens(world));
	world->secret_key[5] ^= 4;
	assert_true(opens(world));
}

static void any_changed_or_missing_byte_is_found(void **state)
{
	struct world *world = *state;
	const size_t size = world->sealed.size;
	for (size_t i = 0; i < size; i++) {
		world->sealed.data[i] ^= 1;
		assert_false(opens(world));
		world->sealed.data[i] ^= 1;
	}
	for (world->sealed.size = 0; world->sealed.size < size; world->sealed.size++)
		assert_false(opens(world));
}

static void refuses_what_is_too_long(void **state)
{
	struct world *world = *state;
	static uint8_t longest[SEALED_FIELD_MAX + 1];
	struct buffer out = {0};
	assert_true(sealer_seal(
		world->sealer, &world->id, &(struct personal){.full_name = {longest, SEALED_FIELD_MAX}}, &out));
	assert_false(sealer_seal(
		world->sealer, &world->id, &(struct personal){.full_name = {longest, sizeof(longest)}}, &out));
	buffer_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(comes_back_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(shows_nothing_and_never_repeats, set_up, tear_down),
		cmocka_unit_test_setup_teardown(opens_for_its_key_and_row_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(any_changed_or_missing_byte_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_what_is_too_long, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
