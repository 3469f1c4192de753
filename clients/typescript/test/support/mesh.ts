/** Two replicas over one log in NATS, behind the Envoy that is handed out in `deploy/envoy`, with the certificates of a mesh. */
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type Gridgate } from "@gridgate/client";
import { Authority } from "./certificates.js";
import { binary, Program } from "./program.js";
import { repository } from "./tools.js";
import { until } from "./until.js";

const ACCOUNT = { GRID_CLIENT_ID: "id", GRID_CLIENT_SECRET: "secret" };
const POLICY = `
[callers.payments]
identities = ["spiffe://example.org/payments"]
methods = ["*/*"]

[proxies.envoy]
header = "x-forwarded-client-cert"
identities = ["spiffe://example.org/envoy"]
`;

/** A port that nobody has, below those that are given out by chance: NATS cannot say which one it was given. */
async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer();
    try {
      server.listen(15_000 + Math.floor(Math.random() * 17_000), "127.0.0.1");
      await once(server, "listening");
      return (server.address() as AddressInfo).port;
    } catch {
      // Somebody has it.
    } finally {
      server.close();
    }
  }
}

export class Mesh {
  readonly #replicas: Program[] = [];
  readonly #addresses = ["127.0.0.1:0", "127.0.0.1:0"];
  readonly #others: Program[] = [];
  #settings: Record<string, string> = {};
  #control = "";
  #envoyAdmin = "";
  gridgate!: Gridgate;

  private constructor(readonly folder: string) {}

  static async start(): Promise<Mesh> {
    const mesh = new Mesh(await mkdtemp(join(tmpdir(), "gridgate-client-")));
    const services = new Authority(mesh.folder, "services");
    const gateway = new Authority(mesh.folder, "gridgate");
    gateway.server("server");
    gateway.server("gridgate");
    services.client("client", "spiffe://example.org/envoy");
    const payments = services.client("payments", "spiffe://example.org/payments");
    await mesh.#configure(await mesh.#nats());
    await mesh.#startReplica(0);
    await mesh.#startReplica(1);
    const url = `https://localhost:${await mesh.#envoy()}`;
    mesh.gridgate = connect({ url, tls: { ca: gateway.ca, ...payments } });
    return mesh;
  }

  /** Stops a replica as a platform does, starts it again where it was, and waits until Envoy calls it. */
  async restart(number: number): Promise<void> {
    await this.#replicas[number]!.end("SIGTERM");
    await this.#startReplica(number);
    await this.#healthy();
  }

  async decide(id: string, status: string): Promise<void> {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${this.#control}/decisions`, { method: "POST", headers, body: JSON.stringify({ id, status }) });
    if (!response.ok) throw new Error(await response.text());
  }

  async stop(): Promise<void> {
    this.gridgate.close();
    for (const program of [...this.#replicas, ...this.#others]) await program.end();
    await rm(this.folder, { recursive: true, force: true });
  }

  #file(name: string): string {
    return join(this.folder, name);
  }

  async #nats(): Promise<string> {
    const port = await freePort();
    const config = `listen: "127.0.0.1:${port}"\njetstream { store_dir: ${JSON.stringify(this.#file("nats"))} }\n`;
    await writeFile(this.#file("nats.conf"), config);
    const nats = new Program(repository(".tools/nats/bin/nats-server"), ["-c", this.#file("nats.conf")]);
    this.#others.push(nats);
    await until("NATS", () => nats.errors.includes("Server is ready"));
    return `nats://127.0.0.1:${port}`;
  }

  async #configure(log: string): Promise<void> {
    const sandbox = new Program(binary(), ["sandbox", "--sandbox-addr=127.0.0.1:0"], ACCOUNT, this.folder);
    this.#others.push(sandbox);
    const { base_url } = JSON.parse(await sandbox.line()) as { base_url: string };
    this.#control = new URL("/control", base_url).href;
    await writeFile(this.#file("policy.toml"), POLICY);
    this.#settings = {
      ...ACCOUNT,
      LIGHTSPARK_GRID_BASE_URL: base_url,
      GRIDGATE_ADMIN_ADDR: "127.0.0.1:0",
      GRIDGATE_EVENT_LOG: log,
      GRIDGATE_NATS_REPLICAS: "1",
      GRIDGATE_RECONCILE_INTERVAL: "500ms",
      GRIDGATE_IDENTITY_POLICY_FILE: this.#file("policy.toml"),
      GRIDGATE_GRPC_TLS_CERTIFICATE: this.#file("gridgate.crt"),
      GRIDGATE_GRPC_TLS_KEY: this.#file("gridgate.key"),
      GRIDGATE_GRPC_TLS_CLIENT_CA: this.#file("services-ca.crt"),
      // Several of Envoy's health checks.
      GRIDGATE_SHUTDOWN_DRAIN_DELAY: "1s",
    };
  }

  async #startReplica(number: number): Promise<void> {
    const settings = { ...this.#settings, GRIDGATE_GRPC_ADDR: this.#addresses[number]! };
    const replica = new Program(binary(), ["serve"], settings, this.folder);
    this.#replicas[number] = replica;
    this.#addresses[number] = (JSON.parse(await replica.line()) as { grpc: string }).grpc;
  }

  /** Starts Envoy; its port. */
  async #envoy(): Promise<number> {
    await writeFile(this.#file("envoy.yaml"), this.#sidecar());
    const paths = ["--config-path", this.#file("envoy.yaml"), "--admin-address-path", this.#file("envoy-admin")];
    const more = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"];
    this.#others.push(new Program(repository(".tools/envoy/envoy"), [...paths, ...more]));
    this.#envoyAdmin = await until("Envoy's address", () => readFile(this.#file("envoy-admin"), "utf8").catch(() => undefined));
    await this.#healthy();
    const { listener_statuses: listeners } = (await this.#envoySays("listeners")) as {
      listener_statuses: { local_address: { socket_address: { port_value: number } } }[];
    };
    return listeners[0]!.local_address.socket_address.port_value;
  }

  #sidecar(): string {
    const replica = (number: number) => this.#addresses[number]!.replace(/(.*):(.*)/, "address: $1, port_value: $2");
    const replacements = [
      ["port_value: 9901", "port_value: 0"],
      ["address: 0.0.0.0, port_value: 50443", "address: 127.0.0.1, port_value: 0"],
      ["/etc/envoy/tls", this.folder],
      ["address: gridgate-0.gridgate, port_value: 50051", replica(0)],
      ["address: gridgate-1.gridgate, port_value: 50051", replica(1)],
      ["interval: 1s", "interval: 0.1s"],
    ] as const;
    return replacements.reduce((text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`${from} is not in sidecar.yaml`);
      return text.replaceAll(from, to);
    }, readFileSync(repository("deploy/envoy/sidecar.yaml"), "utf8"));
  }

  async #envoySays(what: string): Promise<unknown> {
    return (await fetch(`http://${this.#envoyAdmin.trim()}/${what}?format=json`)).json();
  }

  /** Waits until Envoy calls both replicas. */
  async #healthy(): Promise<void> {
    await until("both replicas healthy", async () => {
      const { cluster_statuses: clusters } = (await this.#envoySays("clusters").catch(() => ({}))) as {
        cluster_statuses?: { host_statuses?: { health_status: object }[] }[];
      };
      const hosts = clusters?.[0]?.host_statuses ?? [];
      return hosts.length === 2 && hosts.every(({ health_status }) => !("failed_active_health_check" in health_status));
    });
  }
}
