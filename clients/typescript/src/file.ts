/** Files to upload. */

/** A file: its path (in Node), its bytes, or a `Blob` such as a browser's `File`. */
export type FileSource = string | Uint8Array | Blob;

/** Reads a file by its path. */
export type FileReader = (path: string) => AsyncIterable<Uint8Array>;

const CHUNK = 64 * 1024;

/** The bytes of a file, in chunks that fit into a message. */
export async function* chunks(source: FileSource, read: FileReader | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  if (typeof source === "string") {
    if (!read) throw new TypeError("a browser cannot read a file by its path: pass its bytes or a Blob");
    for await (const part of read(source)) yield* split(part);
  } else if (source instanceof Uint8Array) {
    yield* split(source);
  } else {
    for (let at = 0; at < source.size; at += CHUNK) yield new Uint8Array(await source.slice(at, at + CHUNK).arrayBuffer());
  }
}

function* split(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += CHUNK) yield bytes.subarray(at, at + CHUNK);
}
