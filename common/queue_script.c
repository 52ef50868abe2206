/*
 * queue_script: the steps that must happen in one go, as scripts that Redis runs.
 */
#include <string.h>

#include "common/queue_internal.h"

static const char *const scripts[SCRIPT_COUNT] = {
	[SCRIPT_PUT] =
		"local put = 0\n"
		"for i = 2, #ARGV do\n"
		"  local id = ARGV[i]\n"
		"  local entry = redis.call('HGET', KEYS[2], id)\n"
		"  local held = false\n"
		"  if entry == 'delayed' then\n"
		"    held = redis.call('ZSCORE', KEYS[3], id)\n"
		"    if held and ARGV[1] ~= 'put' then\n"
		"      redis.call('ZREM', KEYS[3], id)\n"
		"      held = false\n"
		"    end\n"
		"  elseif entry then\n"
		"    held = #redis.call('XRANGE', KEYS[1], entry, entry) > 0\n"
		"    if held and ARGV[1] == 'again' then\n"
		"      redis.call('XACK', KEYS[1], '" QUEUE_GROUP "', entry)\n"
		"      redis.call('XDEL', KEYS[1], entry)\n"
		"      held = false\n"
		"    end\n"
		"  end\n"
		"  if not held then\n"
		"    redis.call('HSET', KEYS[2], id, redis.call('XADD', KEYS[1], '*', 'id', id))\n"
		"    put = put + 1\n"
		"  end\n"
		"end\n"
		"return put\n",
	/* An id that has a newer entry meanwhile is waiting already. */
	[SCRIPT_DELAY] = "redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])\n"
			 "redis.call('XDEL', KEYS[1], ARGV[3])\n"
			 "local entry = redis.call('HGET', KEYS[2], ARGV[2])\n"
			 "if entry and entry ~= ARGV[3] and entry ~= 'delayed'\n"
			 "    and #redis.call('XRANGE', KEYS[1], entry, entry) > 0 then\n"
			 "  return 0\n"
			 "end\n"
			 "local now = redis.call('TIME')\n"
			 "local due = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[4]\n"
			 "redis.call('ZADD', KEYS[3], string.format('%.0f', due), ARGV[2])\n"
			 "redis.call('HSET', KEYS[2], ARGV[2], 'delayed')\n"
			 "return 1\n",
	[SCRIPT_MOVE] =
		"local now = redis.call('TIME')\n"
		"local due = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))\n"
		"local ids = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', due, 'LIMIT', 0, "
		"ARGV[1])\n"
		"for _, id in ipairs(ids) do\n"
		"  redis.call('ZREM', KEYS[3], id)\n"
		"  local entry = redis.call('HGET', KEYS[2], id)\n"
		"  if not entry or entry == 'delayed' then\n"
		"    redis.call('HSET', KEYS[2], id, redis.call('XADD', KEYS[1], '*', 'id', id))\n"
		"  end\n"
		"end\n"
		"return #ids\n",
	[SCRIPT_DONE] = "for i = 2, #ARGV, 2 do\n"
			"  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i + 1])\n"
			"  redis.call('XDEL', KEYS[1], ARGV[i + 1])\n"
			"  if redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[i + 1] then\n"
			"    redis.call('HDEL', KEYS[2], ARGV[i])\n"
			"  end\n"
			"end\n"
			"return 1\n",
	[SCRIPT_REQUEUE] = "for i = 3, #ARGV, 2 do\n"
			   "  local id, entry = ARGV[i], ARGV[i + 1]\n"
			   "  if #redis.call('XPENDING', KEYS[1], ARGV[1], entry, entry, 1, "
			   "ARGV[2]) == 1 then\n"
			   "    redis.call('XACK', KEYS[1], ARGV[1], entry)\n"
			   "    redis.call('XDEL', KEYS[1], entry)\n"
			   "    local live = redis.call('HGET', KEYS[2], id)\n"
			   "    if not live or live == entry then\n"
			   "      redis.call('HSET', KEYS[2], id, redis.call('XADD', KEYS[1], '*', "
			   "'id', id))\n"
			   "    end\n"
			   "  end\n"
			   "end\n"
			   "return 1\n",
	/* Claiming without looking would steal back what another has claimed meanwhile. */
	[SCRIPT_TOUCH] = "local ours = {}\n"
			 "for i = 3, #ARGV do\n"
			 "  local entry = ARGV[i]\n"
			 "  ours[i - 2] = 0\n"
			 "  if #redis.call('XPENDING', KEYS[1], ARGV[1], entry, entry, 1, ARGV[2]) "
			 "== 1 then\n"
			 "    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, entry, 'JUSTID')\n"
			 "    ours[i - 2] = 1\n"
			 "  end\n"
			 "end\n"
			 "return ours\n",
	/* Deleting a consumer drops what it holds: only an empty one may go. */
	[SCRIPT_LEAVE] =
		"if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then\n"
		"  return 0\n"
		"end\n"
		"redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])\n"
		"return 1\n",
	[SCRIPT_SWEEP] =
		"local gone = 0\n"
		"for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do\n"
		"  local is = {}\n"
		"  for i = 1, #c, 2 do is[c[i]] = c[i + 1] end\n"
		"  if is['pending'] == 0 and is['idle'] > tonumber(ARGV[2]) then\n"
		"    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], is['name'])\n"
		"    gone = gone + 1\n"
		"  end\n"
		"end\n"
		"return gone\n",
};

void queue_args(struct queue *queue, struct redis_command *args)
{
	redis_command_init(args, &queue->scratch);
}

static enum status load(struct queue *queue, enum queue_script script, struct problem *err)
{
	REDIS_REPLY reply = NULL;
	enum status status = redis_call(queue->commands, &reply, err, "SCRIPT", "LOAD",
					scripts[script], (char *)NULL);

	if (status != OK)
		return status;
	if (reply->type != REDIS_REPLY_STRING || reply->len != SHA1_HEX_SIZE - 1)
		return redis_refused(reply, err);
	memcpy(queue->sha[script], reply->str, SHA1_HEX_SIZE);
	return OK;
}

static void build(struct queue *queue, enum queue_script script, const char *type,
		  const struct redis_command *args, struct redis_command *ret)
{
	queue_args(queue, ret);
	redis_word(ret, "EVALSHA");
	redis_word(ret, queue->sha[script]);
	redis_word(ret, "3");
	redis_word(ret, arena_printf(&queue->scratch, "{%s}", type));
	redis_word(ret, arena_printf(&queue->scratch, "{%s}:live", type));
	redis_word(ret, arena_printf(&queue->scratch, "{%s}:delayed", type));
	for (size_t i = 0; i < args->count; i++)
		redis_word_len(ret, args->words[i], args->lens[i]);
}

enum status queue_script(struct queue *queue, enum queue_script script, const char *type,
			 const struct redis_command *args, redisReply **ret_reply,
			 struct problem *err)
{
	/* A second round where the server was restarted or flushed its scripts. */
	for (int round = 0;; round++) {
		struct redis_command command;
		REDIS_REPLY reply = NULL;
		enum status status = *queue->sha[script] ? OK : load(queue, script, err);

		if (status != OK)
			return status;
		build(queue, script, type, args, &command);
		status = redis_run(queue->commands, &command, &reply, err);
		if (status != OK)
			return status;
		if (redis_is_error(reply, "NOSCRIPT") && round == 0) {
			*queue->sha[script] = '\0';
			continue;
		}
		if (redis_is_error(reply, NULL))
			return redis_refused(reply, err);
		if (ret_reply) {
			*ret_reply = reply;
			reply = NULL;
		}
		return OK;
	}
}
