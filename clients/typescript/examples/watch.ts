// Prints each status as it changes, and goes on where it stopped whenever it is started again.
import { connect, FilePlace } from "@gridgate/client";

for await (const change of connect().decisions({ place: new FilePlace(process.argv[2] ?? "watch.place") })) {
  console.log(change.customerId, change.status, change.isDecision ? "decided" : "");
}
