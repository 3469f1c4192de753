/** An address that stays while the server behind it comes and goes. */
import { createServer, connect as dial, type AddressInfo, type Server, type Socket } from "node:net";
import { once } from "node:events";

/** Passes bytes on, to wherever the server is now. */
export class Proxy {
  /** `HOST:PORT` of the server; none: connections are closed at once. */
  target: string | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((from) => this.#pass(from));
  }

  static async start(): Promise<Proxy> {
    const proxy = new Proxy();
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Breaks all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  stop(): void {
    this.#server.close();
    this.cut();
  }

  #pass(from: Socket): void {
    if (!this.target) return void from.destroy();
    const [host, port] = this.target.split(":") as [string, string];
    const to = dial(Number(port), host);
    for (const [socket, other] of [[from, to], [to, from]] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
