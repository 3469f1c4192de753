/** Certificates made for a test, by openssl. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** A CA whose files are in a folder: `NAME-ca.crt`, and `NAME.crt` and `NAME.key` of what it signs. */
export class Authority {
  readonly ca: string;
  readonly #key: string;

  constructor(
    readonly folder: string,
    name: string,
  ) {
    this.ca = join(folder, `${name}-ca.crt`);
    this.#key = join(folder, `${name}-ca.key`);
    const usage = ["-addext", "keyUsage=critical,keyCertSign"];
    openssl("req", "-x509", ...NEW_KEY, "-keyout", this.#key, "-out", this.ca, "-days", "2", "-subj", `/CN=${name}`, ...usage);
  }

  /** A server's certificate, for `localhost` and its own name. */
  server(name: string): { certificate: string; key: string } {
    return this.#sign(name, `DNS:localhost,DNS:${name},IP:127.0.0.1`, "serverAuth");
  }

  /** A client's, with this URI as its name. */
  client(name: string, uri: string): { certificate: string; key: string } {
    return this.#sign(name, `URI:${uri}`, "clientAuth");
  }

  #sign(name: string, names: string, usage: string): { certificate: string; key: string } {
    const [certificate, key, request, extensions] = ["crt", "key", "csr", "ext"].map((end) => join(this.folder, `${name}.${end}`));
    openssl("req", "-new", ...NEW_KEY, "-keyout", key!, "-out", request!, "-subj", "/");
    writeFileSync(extensions!, `subjectAltName=critical,${names}\nextendedKeyUsage=${usage}\nkeyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n`);
    openssl("x509", "-req", "-in", request!, "-CA", this.ca, "-CAkey", this.#key, "-CAcreateserial", "-days", "1", "-extfile", extensions!, "-out", certificate!);
    return { certificate: certificate!, key: key! };
  }
}
