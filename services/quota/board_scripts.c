#include "services/quota/board_scripts.h"

#include "common/runtime/mutant.h"

/* Rows come in groups: "parent:phase", how many, then (unit, "version figures") each. A row is taken only if its
 * version is newer than what stands there, so that late and repeated transactions do no harm; totals may well go down.
 * Where all that is in is older (`newest`), nothing needs to be looked at. */
#if MUTANT_GREATEST_INSTEAD_OF_NEWEST
#define STANDING "^%d+ %d+ (%d+)"
#define OFFERED "tonumber(string.match(ARGV[from + 2 * i - 1], '^%d+ %d+ (%d+)'))"
#define ALWAYS_LOOK " and false"
#else
#define STANDING "^%d+"
#define OFFERED "version"
#define ALWAYS_LOOK ""
#endif
#define TAKE                                                                                                           \
	"local base = string.sub(KEYS[1], 1, -5)\n"                                                                    \
	"local function newer(key, version, from, to)\n"                                                               \
	"  local units, new = {}, {}\n"                                                                                \
	"  for i = from, to, 2 do units[#units + 1] = ARGV[i] end\n"                                                   \
	"  for i, old in ipairs(redis.call('HMGET', key, unpack(units))) do\n"                                         \
	"    local stands = old and tonumber(string.match(old, '" STANDING "'))\n"                                     \
	"    if not stands or stands < " OFFERED " then\n"                                                             \
	"      new[#new + 1] = units[i]\n"                                                                             \
	"      new[#new + 1] = ARGV[from + 2 * i - 1]\n"                                                               \
	"    end\n"                                                                                                    \
	"  end\n"                                                                                                      \
	"  return new\n"                                                                                               \
	"end\n"                                                                                                        \
	"local function take(generation, version, newest, at)\n"                                                       \
	"  local prefix, added = base .. 'g' .. generation .. ':', 0\n"                                                \
	"  while at <= #ARGV do\n"                                                                                     \
	"    local key, last = prefix .. ARGV[at], at + 1 + 2 * tonumber(ARGV[at + 1])\n"                              \
	"    if newest" ALWAYS_LOOK " then\n"                                                                          \
	"      added = redis.call('HSET', key, unpack(ARGV, at + 2, last))\n"                                          \
	"    else\n"                                                                                                   \
	"      local new = newer(key, version, at + 2, last)\n"                                                        \
	"      added = #new > 0 and redis.call('HSET', key, unpack(new)) or 0\n"                                       \
	"    end\n"                                                                                                    \
	"    if added > 0 then redis.call('SADD', prefix .. 'keys', key) end\n"                                        \
	"    at = last + 1\n"                                                                                          \
	"  end\n"                                                                                                      \
	"end\n"

/* From a version that is in, over those that came ahead of it, to the next gap. */
#define ADVANCE                                                                                                        \
	"local function advance(applied, ahead)\n"                                                                     \
	"  while redis.call('ZSCORE', ahead, string.format('%.0f', applied + 1)) do applied = applied + 1 end\n"       \
	"  redis.call('ZREMRANGEBYSCORE', ahead, '-inf', applied)\n"                                                   \
	"  return applied\n"                                                                                           \
	"end\n"

#define STILL_OURS(lock)                                                                                               \
	"if redis.call('GET', " lock ") ~= ARGV[1] or redis.call('HGET', KEYS[1], 'building') ~= ARGV[2] then "        \
	"return -1 end\n"

static const char *const texts[BOARD_SCRIPTS] = {
	/* KEYS meta, ahead, ahead:building; ARGV version, groups */
	[BOARD_APPLY] = TAKE ADVANCE
	"local meta = redis.call('HMGET', KEYS[1], 'generation', 'applied', 'building')\n"
	"local version = tonumber(ARGV[1])\n"
	"if meta[3] then\n"
	"  take(meta[3], version, false, 2)\n"
	"  redis.call('ZADD', KEYS[3], ARGV[1], ARGV[1])\n"
	"end\n"
	"if not meta[1] or not meta[2] then return -1 end\n"
	"local applied = tonumber(meta[2])\n"
	"take(meta[1], version, version == applied + 1 and redis.call('EXISTS', KEYS[2]) == 0, 2)\n"
	"if version == applied + 1 then\n"
	"  applied = advance(version, KEYS[2])\n"
	"  redis.call('HSET', KEYS[1], 'applied', string.format('%.0f', applied))\n"
	"elseif version > applied then\n"
	"  redis.call('ZADD', KEYS[2], ARGV[1], ARGV[1])\n"
	"end\n"
	"return applied\n",

	/* KEYS meta, ahead:building, rebuild, generations; ARGV token, generation */
	[BOARD_BEGIN] = "if redis.call('GET', KEYS[3]) ~= ARGV[1] then return -1 end\n"
			"redis.call('DEL', KEYS[2])\n"
			"redis.call('SADD', KEYS[4], ARGV[2])\n"
			"redis.call('HSET', KEYS[1], 'building', ARGV[2])\n"
			"return 0\n",

	/* KEYS meta, rebuild; ARGV token, generation, time to live, version, groups */
	[BOARD_LOAD] = TAKE STILL_OURS("KEYS[2]") "redis.call('PEXPIRE', KEYS[2], ARGV[3])\n"
						  "take(ARGV[2], tonumber(ARGV[4]), false, 5)\n"
						  "return 0\n",

	/* KEYS meta, rebuild, ahead, ahead:building; ARGV token, generation, version, tree */
	[BOARD_SWITCH] = ADVANCE STILL_OURS(
		"KEYS[2]") "local applied = advance(tonumber(ARGV[3]), KEYS[4])\n"
			   "local meta = redis.call('HMGET', KEYS[1], 'generation', 'applied')\n"
			   "redis.call('HDEL', KEYS[1], 'building')\n"
			   "if meta[1] and meta[2] and tonumber(meta[2]) > applied then\n"
			   "  redis.call('DEL', KEYS[4])\n"
			   "  return -2\n"
			   "end\n"
			   "redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'tree', ARGV[4], 'applied', "
			   "string.format('%.0f', applied))\n"
			   "redis.call('DEL', KEYS[3])\n"
			   "if redis.call('EXISTS', KEYS[4]) == 1 then redis.call('RENAME', KEYS[4], KEYS[3]) end\n"
			   "return applied\n",

	/* KEYS meta, ahead, ahead:building */
	[BOARD_DROP] = "redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])\n"
		       "return 0\n",

	/* KEYS meta, generations, rebuild, ahead:building */
	[BOARD_SWEEP] = "local base = string.sub(KEYS[1], 1, -5)\n"
			"if redis.call('EXISTS', KEYS[3]) == 0 then\n"
			"  redis.call('HDEL', KEYS[1], 'building')\n"
			"  redis.call('DEL', KEYS[4])\n"
			"end\n"
			"local meta = redis.call('HMGET', KEYS[1], 'generation', 'building')\n"
			"for _, generation in ipairs(redis.call('SMEMBERS', KEYS[2])) do\n"
			"  if generation ~= meta[1] and generation ~= meta[2] then\n"
			"    local set = base .. 'g' .. generation .. ':keys'\n"
			"    if redis.call('TYPE', set).ok ~= 'set' then redis.call('DEL', set) end\n"
			"    local keys = redis.call('SPOP', set, 500)\n"
			"    if #keys > 0 then\n"
			"      redis.call('UNLINK', unpack(keys))\n"
			"      return #keys\n"
			"    end\n"
			"    redis.call('SREM', KEYS[2], generation)\n"
			"  end\n"
			"end\n"
			"return 0\n",

	/* KEYS meta, ahead, ahead:building, generations, rebuild */
	[BOARD_MEND] = "local kinds, mended = {'hash', 'zset', 'zset', 'set', 'string'}, 0\n"
		       "for i, kind in ipairs(kinds) do\n"
		       "  local found = redis.call('TYPE', KEYS[i]).ok\n"
		       "  if found ~= 'none' and found ~= kind then mended = mended + redis.call('DEL', KEYS[i]) end\n"
		       "end\n"
		       "if redis.call('PTTL', KEYS[5]) == -1 then mended = mended + redis.call('DEL', KEYS[5]) end\n"
		       "return mended\n",

	/* KEYS rebuild; ARGV token */
	[BOARD_RELEASE] = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end\n"
			  "return 0\n",
};

const char *board_script_text(enum board_script script)
{
	return texts[script];
}
