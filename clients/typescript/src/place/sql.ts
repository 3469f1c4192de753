/**
 * Places in the caller's own database. A change that is acknowledged inside the transaction that has its effect is handled
 * exactly once: effect and place commit together, or neither does.
 */
import { oneByOne, PlaceLostError, type HeldPlace, type Place } from "./place.js";

const TABLE = `CREATE TABLE IF NOT EXISTS gridgate_places (
  name    TEXT   PRIMARY KEY,
  version BIGINT NOT NULL,
  token   TEXT
)`;

/** Of `better-sqlite3`, what a place needs. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): { get(...values: unknown[]): unknown };
}

/** A place in SQLite, by `better-sqlite3`. Acknowledge inside `db.transaction(…)`; that is synchronous, and so is `ack`. */
export class SqlitePlace implements Place<unknown, void> {
  readonly #db: SqliteDatabase;
  readonly #name: string;

  /** `name` tells places in the same database apart. The table `gridgate_places` is made if need be. */
  constructor(db: SqliteDatabase, name: string) {
    this.#db = db;
    this.#name = name;
  }

  async claim(): Promise<HeldPlace<unknown, void>> {
    this.#db.exec(TABLE);
    const claim = `INSERT INTO gridgate_places (name, version) VALUES (?, 1)
      ON CONFLICT (name) DO UPDATE SET version = version + 1 RETURNING version, token`;
    const move = this.#db.prepare(
      "UPDATE gridgate_places SET version = version + 1, token = ? WHERE name = ? AND version = ? RETURNING version",
    );
    let { version, token } = this.#db.prepare(claim).get(this.#name) as { version: number; token: string | null };
    return {
      token: token ?? undefined,
      save: (token) => {
        const moved = move.get(token, this.#name, version) as { version: number } | undefined;
        if (!moved) throw new PlaceLostError(this.#name);
        version = moved.version;
      },
    };
  }
}

/** Of `pg`, what a place needs: a pool, or a client in a transaction. */
export interface PgQueryable {
  query(sql: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/**
 * A place in PostgreSQL, by `pg`. Acknowledge with the client of your transaction, `await change.ack(client)`, as the last
 * thing before `COMMIT`, and commit before you go on to the next change.
 */
export class PgPlace implements Place<PgQueryable, Promise<void>> {
  readonly #pool: PgQueryable;
  readonly #name: string;

  /** `name` tells places in the same database apart. The table `gridgate_places` is made if need be. */
  constructor(pool: PgQueryable, name: string) {
    this.#pool = pool;
    this.#name = name;
  }

  async claim(): Promise<HeldPlace<PgQueryable, Promise<void>>> {
    await this.#pool.query(TABLE);
    const claim = `INSERT INTO gridgate_places AS p (name, version) VALUES ($1, 1)
      ON CONFLICT (name) DO UPDATE SET version = p.version + 1 RETURNING version, token`;
    const move = "UPDATE gridgate_places SET version = version + 1, token = $1 WHERE name = $2 AND version = $3 RETURNING version";
    const claimed = await this.#pool.query(claim, [this.#name]);
    // pg gives a BIGINT as a string; it is only passed back.
    let { version, token } = claimed.rows[0] as { version: unknown; token: string | null };
    const inTurn = oneByOne();
    return {
      token: token ?? undefined,
      save: (token, tx = this.#pool) =>
        inTurn(async () => {
          const moved = await tx.query(move, [token, this.#name, version]);
          if (moved.rows.length === 0) throw new PlaceLostError(this.#name);
          version = (moved.rows[0] as { version: unknown }).version;
        }),
    };
  }
}
