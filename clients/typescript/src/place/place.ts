/** Where a watch keeps its place: the resume token of the last response that it is done with. */

/**
 * A place with a name. `Tx` is the transaction in which it can move, and `Saved` says whether moving it is synchronous.
 *
 * A place has a version, which grows with every move and every claim. A consumer moves the place only from the version that it
 * left, so of two consumers the older one finds another version, and is fenced off.
 */
export interface Place<Tx = unknown, Saved extends void | Promise<void> = void | Promise<void>> {
  /** Takes the place over. Whoever held it before can no longer move it. */
  claim(): Promise<HeldPlace<Tx, Saved>>;
}

/** A place in the hands of one consumer. */
export interface HeldPlace<Tx, Saved> {
  /** Where the consumer before stopped; none at first. */
  readonly token: string | undefined;
  /** Moves the place, inside `tx` if there is one. Fails with a PlaceLostError if somebody else moved it. */
  save(token: string, tx?: Tx): Saved;
}

/** This consumer may not go on: its place has moved without it. Start again, from the place. */
export class PlaceLostError extends Error {
  override readonly name = "PlaceLostError";

  /** `place` is the name of the place. */
  constructor(place: string) {
    super(
      `the place ${JSON.stringify(place)} has moved: another consumer has claimed it, or the transaction that moved it was rolled back`,
    );
  }
}

/** A place in memory: after a restart the watch begins anew. */
export class MemoryPlace implements Place<unknown, void> {
  #version = 0;
  #token: string | undefined;

  /** The token; none at first. */
  get token(): string | undefined {
    return this.#token;
  }

  async claim(): Promise<HeldPlace<unknown, void>> {
    let version = ++this.#version;
    return {
      token: this.#token,
      save: (token) => {
        if (version !== this.#version) throw new PlaceLostError("in memory");
        version = ++this.#version;
        this.#token = token;
      },
    };
  }
}

/** Runs one after the other what is asked for at the same time. */
export function oneByOne(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
}
