// The same with PostgreSQL: `pool` is one of `pg`.
import { connect, PgPlace, type PgQueryable } from "@gridgate/client";

interface Pool extends PgQueryable {
  connect(): Promise<PgQueryable & { release(error?: unknown): void }>;
}

/** Has an effect for each change exactly once. */
export async function recordDecisions(pool: Pool, signal: AbortSignal): Promise<void> {
  for await (const change of connect().decisions({ place: new PgPlace(pool, "decisions"), signal })) {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await client.query("INSERT INTO decisions (event_id, customer_id, status) VALUES ($1, $2, $3)", [
        change.eventId,
        change.customerId,
        change.status,
      ]);
      await change.ack(client);
      await client.query("COMMIT");
      client.release();
    } catch (error) {
      client.release(error); // closes the connection, and with it the transaction
      throw error;
    }
  }
}
