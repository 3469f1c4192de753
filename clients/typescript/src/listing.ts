/** Lists, page by page. */
import type { UnreadableRow } from "./gen/gridgate/v1/unreadable_row_pb.js";

/** What the response of every list has. */
export interface Page {
  readonly nextPageToken: string;
  readonly unreadableRows?: readonly UnreadableRow[];
  readonly truncated?: boolean;
}

/** More rows exist, and cannot be asked for, because Grid's cursor is missing or unreadable. */
export class ListTruncatedError extends Error {
  override readonly name = "ListTruncatedError";
}

/**
 * A list: `for await (const row of listing)` reads page after page. It ends with a ListTruncatedError if rows are left that
 * cannot be read.
 */
export class Listing<Row, P extends Page> implements AsyncIterable<Row> {
  /** Rows so far that gridgate could not read and left out. */
  readonly unreadableRows: UnreadableRow[] = [];
  readonly #fetch: (pageToken: string) => Promise<P>;
  readonly #rows: (page: P) => readonly Row[];

  /** `fetch` asks for a page, and `rows` takes its rows out. */
  constructor(fetch: (pageToken: string) => Promise<P>, rows: (page: P) => readonly Row[]) {
    this.#fetch = fetch;
    this.#rows = rows;
  }

  /** The pages, with everything that their responses have. */
  async *pages(): AsyncGenerator<P, void, undefined> {
    let pageToken = "";
    do {
      const page = await this.#fetch(pageToken);
      this.unreadableRows.push(...(page.unreadableRows ?? []));
      yield page;
      if (page.truncated) throw new ListTruncatedError("rows are left that cannot be read: Grid's cursor is missing or unreadable");
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Row, void, undefined> {
    for await (const page of this.pages()) yield* this.#rows(page);
  }

  /** All rows. */
  async all(): Promise<Row[]> {
    const rows: Row[] = [];
    for await (const row of this) rows.push(row);
    return rows;
  }
}
