/** A watch that runs beside the test. */
import type { Gridgate, Notice, StatusEvent, WatchOptions } from "@gridgate/client";
import { until } from "./until.js";

/** Keeps the changes and the notices that a watch yields. */
export class Watcher {
  readonly seen: StatusEvent[] = [];
  readonly notices: Notice[] = [];
  /** Ends with the watch; rejects with its error. */
  readonly done: Promise<void>;
  readonly #stop = new AbortController();

  constructor(gridgate: Gridgate, options: WatchOptions = {}, handle: (event: StatusEvent) => void | Promise<void> = () => undefined) {
    const onNotice = (notice: Notice) => void this.notices.push(notice);
    this.done = this.#run(gridgate, { heartbeatMs: 1000, signal: this.#stop.signal, onNotice, ...options }, handle);
    this.done.catch(() => undefined);
  }

  async #run(gridgate: Gridgate, options: WatchOptions, handle: (event: StatusEvent) => void | Promise<void>): Promise<void> {
    for await (const event of gridgate.decisions(options)) {
      this.seen.push(event);
      await handle(event);
    }
  }

  /** Waits until it has seen this status of this customer. */
  async sees(customerId: string, status: string, origin?: StatusEvent["origin"]): Promise<StatusEvent> {
    const fits = (event: StatusEvent) =>
      event.customerId === customerId && event.status === status && (origin === undefined || event.origin === origin);
    return this.#orItsError(until(`${customerId} ${status}`, () => this.seen.find(fits)));
  }

  /** Waits until it has been told this. */
  async told(what: string, fits: (notice: Notice) => boolean): Promise<Notice> {
    return this.#orItsError(until(what, () => this.notices.find(fits)));
  }

  /** The ids of the events seen. */
  ids(): string[] {
    return this.seen.map(({ eventId }) => eventId);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.done;
  }

  #orItsError<T>(coming: Promise<T>): Promise<T> {
    const error = this.done.then(() => new Promise<never>(() => undefined));
    return Promise.race([coming, error]);
  }
}

/** Whether a notice says that the stream broke. */
export const broke = ({ type }: Notice) => type === "reconnecting";
