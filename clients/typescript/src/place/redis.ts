/** A place in Redis. */
import { oneByOne, PlaceLostError, type HeldPlace, type Place } from "./place.js";

/** A client of Redis: `ioredis`, or `redis` (node-redis). */
export type RedisClient =
  | { call(command: string, ...args: string[]): Promise<unknown> }
  | { sendCommand(args: string[]): Promise<unknown> };

const CLAIM = `
local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
return {string.format('%d', version), redis.call('HGET', KEYS[1], 'token') or ''}`;

const SAVE = `
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return '' end
redis.call('HSET', KEYS[1], 'token', ARGV[2])
return string.format('%d', redis.call('HINCRBY', KEYS[1], 'version', 1))`;

/** A place in Redis, as a hash under the given key. Redis must persist it (AOF), or a crash of Redis moves it back. */
export class RedisPlace implements Place<unknown, Promise<void>> {
  readonly #redis: RedisClient;
  readonly #key: string;

  constructor(redis: RedisClient, key: string) {
    this.#redis = redis;
    this.#key = key;
  }

  async claim(): Promise<HeldPlace<unknown, Promise<void>>> {
    let [version, token] = (await this.#run(CLAIM)) as [string, string];
    const inTurn = oneByOne();
    return {
      token: token || undefined,
      save: (token) =>
        inTurn(async () => {
          const moved = String(await this.#run(SAVE, version, token));
          if (moved === "") throw new PlaceLostError(this.#key);
          version = moved;
        }),
    };
  }

  #run(script: string, ...args: string[]): Promise<unknown> {
    const command = [script, "1", this.#key, ...args];
    return "call" in this.#redis ? this.#redis.call("EVAL", ...command) : this.#redis.sendCommand(["EVAL", ...command]);
  }
}
