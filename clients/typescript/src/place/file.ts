/** A place in a file. */
import { randomUUID } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { oneByOne, PlaceLostError, type HeldPlace, type Place } from "./place.js";

interface Content {
  readonly holder: string;
  readonly token?: string | undefined;
}

/**
 * A place in a file of its own. Each move replaces the whole file, so whenever the process is killed, one of the two is whole.
 * It fences off an older consumer at its next move. Consumers on several machines need a place in SQL or Redis.
 */
export class FilePlace implements Place<unknown, Promise<void>> {
  readonly #path: string;

  /** `path` is the file, in a folder that exists. */
  constructor(path: string) {
    this.#path = path;
  }

  async claim(): Promise<HeldPlace<unknown, Promise<void>>> {
    const holder = randomUUID();
    const { token } = (await this.#read()) ?? {};
    await this.#write({ holder, token });
    const inTurn = oneByOne();
    return {
      token,
      save: (token) =>
        inTurn(async () => {
          if ((await this.#read())?.holder !== holder) throw new PlaceLostError(this.#path);
          await this.#write({ holder, token });
        }),
    };
  }

  async #read(): Promise<Content | undefined> {
    try {
      return JSON.parse(await readFile(this.#path, "utf8")) as Content;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new Error(`${this.#path} holds no place`, { cause: error });
    }
  }

  async #write(content: Content): Promise<void> {
    const fresh = `${this.#path}.${content.holder}`;
    const file = await open(fresh, "w");
    try {
      await file.writeFile(JSON.stringify(content));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, this.#path);
  }
}
