/**
 * The steps that must be one. Each script touches KEYS[1] only and takes the time from Redis, so the clocks of the
 * nodes need not agree.
 */
const now = `local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`;

/** A lease set that nobody reaps is forgotten a day after its last lease has ended. */
export const leaseSetKeptMs = 86_400_000;

/** The longest wait and the longest life of a bucket; reached only where the refill is next to nothing. */
export const longestBucketMs = 86_400_000;

/** Parts of a token, and of a millisecond, that are errors of the arithmetic and not a shortage. */
export const bucketTolerance = 0.000001;

/** `expected` and `next` with flags, because Lua has no null among strings; ttl 0 = for ever. Answers 1 or 0. */
export const compareAndSetLua = `
local hasExpected, expected, hasNext, nextValue, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local found = redis.call('GET', KEYS[1])
if hasExpected == '1' then
  if found ~= expected then return 0 end
elseif found then
  return 0
end
if hasNext == '0' then
  redis.call('DEL', KEYS[1])
elseif ttl == '0' then
  redis.call('SET', KEYS[1], nextValue)
else
  redis.call('SET', KEYS[1], nextValue, 'PX', ttl)
end
return 1`;

/** by, windowMs → { count, milliseconds left of the window }. */
export const incrementLua = `
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
return { count, left }`;

/**
 * capacity, refillPerMinute, tokens → { allowed, remaining, retryMs }. A refusal writes nothing: the level is
 * computed from the last taking, whenever that was.
 */
export const takeTokenLua = `${now}
local capacity, perMs, wanted = tonumber(ARGV[1]), ARGV[2] / 60000, tonumber(ARGV[3])
local bucket = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = tonumber(bucket[1] or capacity), tonumber(bucket[2] or now)
level = math.min(capacity, level + math.max(0, now - at) * perMs)
if level < wanted - ${bucketTolerance} then
  return { 0, math.floor(level), math.min(${longestBucketMs}, math.ceil((wanted - level) / perMs - ${bucketTolerance})) }
end
level = math.max(0, level - wanted)
redis.call('HSET', KEYS[1], 'level', level, 'at', now)
redis.call('PEXPIRE', KEYS[1], math.max(1, math.min(${longestBucketMs}, math.ceil((capacity - level) / perMs))))
return { 1, math.floor(level), 0 }`;

/** member, ttlMs. */
export const leaseAddLua = `${now}
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], last[2] + ${leaseSetKeptMs})
return 1`;

/** member → 1 when its lease was alive. */
export const leaseRemoveLua = `${now}
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
return tonumber(ends) > now and 1 or 0`;

export const leaseMembersLua = `${now}
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf')`;

export const leaseReapLua = `${now}
local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
if #ended > 0 then redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now) end
return ended`;

/** In a cluster a plain PUBLISH goes to any node, and two nodes don't agree on an order: one key, one node. */
export const publishLua = `return redis.call('PUBLISH', KEYS[1], ARGV[1])`;
