// In a page: shows the statuses of one customer until it is decided.
import { connect } from "@gridgate/client/browser";

/** Calls `show` with each status. */
export async function follow(url: string, token: string, customerId: string, show: (status: string) => void): Promise<void> {
  const gridgate = connect({ url, token });
  for await (const { status } of gridgate.decisions({ customerIds: [customerId], untilDecided: true })) show(status);
}
