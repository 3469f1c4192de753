/** gridgate in front of a sandbox, in processes of their own: the server can be killed, frozen and started again at the same address. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, KycEventKind, KycEventOutcome, type ConnectOptions, type Gridgate } from "@gridgate/client";
import { binary, Program } from "./program.js";
import { Proxy } from "./proxy.js";
import { until } from "./until.js";

const ACCOUNT = { GRID_CLIENT_ID: "id", GRID_CLIENT_SECRET: "secret" };
const FREE = { GRIDGATE_GRPC_ADDR: "127.0.0.1:0", GRIDGATE_ADMIN_ADDR: "127.0.0.1:0", GRIDGATE_WEBHOOK_ADDR: "127.0.0.1:0" };

interface Ready {
  readonly grpc: string;
  readonly admin: string;
  readonly webhook: string;
}

export class Rig {
  /** A client of whichever server runs. */
  readonly gridgate: Gridgate;
  server!: Program;
  /** Where the server's admin port is. */
  admin = "";

  private constructor(
    readonly folder: string,
    private readonly sandbox: Program,
    private readonly grid: Record<string, string>,
    readonly proxy: Proxy,
    private readonly settings: Record<string, string>,
    options: ConnectOptions,
  ) {
    this.gridgate = connect({ url: this.url, ...options });
  }

  /** Where the server is, whichever runs. */
  get url(): string {
    return `${this.settings["GRIDGATE_GRPC_TLS_CERTIFICATE"] ? "https" : "http"}://localhost:${this.proxy.port}`;
  }

  /** Starts both, with more settings of the server, and with `options` of the client. */
  static async start(settings: Record<string, string> = {}, options: ConnectOptions = {}, folder?: string): Promise<Rig> {
    folder ??= await Rig.folder();
    const sandbox = new Program(binary(), ["sandbox", "--sandbox-addr=127.0.0.1:0"], ACCOUNT, folder);
    const { base_url, webhook_pubkey } = JSON.parse(await sandbox.line()) as Record<string, string>;
    const grid = { LIGHTSPARK_GRID_BASE_URL: base_url!, GRID_WEBHOOK_PUBKEY: webhook_pubkey! };
    const rig = new Rig(folder, sandbox, grid, await Proxy.start(), settings, options);
    await rig.startServer();
    return rig;
  }

  /** A folder that goes with the rig. */
  static folder(): Promise<string> {
    return mkdtemp(join(tmpdir(), "gridgate-client-"));
  }

  /** Starts the server where it was, over the same log. */
  async startServer(more: Record<string, string> = {}): Promise<void> {
    const log = { GRIDGATE_EVENT_LOG: "sqlite:events.db", GRIDGATE_RECONCILE_INTERVAL: "500ms" };
    const settings = { ...ACCOUNT, ...FREE, ...this.grid, ...log, ...this.settings, ...more };
    this.server = new Program(binary(), ["serve"], settings, this.folder);
    const ready = JSON.parse(await this.server.line()) as Ready;
    await this.control("webhooks/endpoint", { url: `http://${ready.webhook}/webhooks/grid` });
    this.admin = ready.admin;
    this.proxy.target = ready.grpc;
    // Webhooks that found nobody are due again.
    await this.control("clock", { advanceSeconds: 120 });
  }

  /** Ends the server; connections to it break. */
  async endServer(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.proxy.target = undefined;
    await this.server.end(signal);
  }

  /** A request of the sandbox's control API. */
  async control(path: string, body: object): Promise<void> {
    const url = new URL(`/control/${path}`, this.grid["LIGHTSPARK_GRID_BASE_URL"]);
    const headers = { "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  }

  /** Creates so many customers, and waits until the log has them; their ids. */
  async customers(count: number): Promise<string[]> {
    const ids: string[] = [];
    for (let number = 0; number < count; number++) {
      const { customer } = await this.gridgate.createCustomer({ details: { case: "individual", value: { fullName: "Ada Invented" } } });
      ids.push(customer.id);
    }
    const kinds = [KycEventKind.CUSTOMER_STATUS];
    const recorded = () => this.gridgate.listKycEvents({ customerIds: ids, kinds, pageSize: 100 }).all();
    await until("the customers in the log", async () => (await recorded()).length >= count);
    return ids;
  }

  async decide(id: string, status: string): Promise<void> {
    await this.control("decisions", { id, status });
  }

  /** The ids of all changes in the log, in order, once there are so many. */
  async changes(count: number): Promise<string[]> {
    const outcomes = [KycEventOutcome.CHANGE];
    return until(`${count} changes`, async () => {
      const events = await this.gridgate.listKycEvents({ outcomes, pageSize: 100 }).all();
      return events.length >= count && events.map(({ event }) => event.value?.record?.eventId ?? "");
    });
  }

  async stop(): Promise<void> {
    this.gridgate.close();
    this.proxy.stop();
    await this.server.end();
    await this.sandbox.end();
    await rm(this.folder, { recursive: true, force: true });
  }
}
