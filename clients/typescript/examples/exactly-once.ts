// Has an effect for each change exactly once, whatever is killed: effect and place commit in one transaction.
import Database from "better-sqlite3";
import { connect, SqlitePlace } from "@gridgate/client";

const db = new Database(process.argv[2] ?? "effects.db");
db.pragma("journal_mode = WAL");
db.exec("CREATE TABLE IF NOT EXISTS effects (event_id TEXT, customer_id TEXT, status TEXT)");
const effect = db.prepare("INSERT INTO effects VALUES (?, ?, ?)");

for await (const change of connect().decisions({ place: new SqlitePlace(db, "effects"), start: "earliest" })) {
  db.transaction(() => {
    effect.run(change.eventId, change.customerId, change.status);
    change.ack();
  }).immediate();
  console.log(change.eventId);
}
