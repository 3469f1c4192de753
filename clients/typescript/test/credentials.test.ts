/** Who calls: tokens, files that rotate, client certificates, the environment. */
import { connect, GridgateError } from "@gridgate/client";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Authority } from "./support/certificates.js";
import { newToken, Policy } from "./support/policy.js";
import { Rig } from "./support/rig.js";
import { Watcher } from "./support/watcher.js";

afterEach(() => vi.unstubAllEnvs());

test("a token comes from a file, which may change", async () => {
  const policy = await Policy.start();
  const { rig } = policy;
  const tokenFile = join(rig.folder, "token");
  await writeFile(tokenFile, `${policy.token.token}\n`);
  const gridgate = connect({ url: rig.url, tokenFile });
  await gridgate.platform.getPlatformConfig({});

  const next = newToken();
  await policy.write('methods = ["*/*"]', next.hash);
  await expect(gridgate.platform.getPlatformConfig({})).rejects.toMatchObject({ code: "UNAUTHENTICATED", reason: "CREDENTIALS_INVALID" });
  await writeFile(tokenFile, next.token);
  await gridgate.platform.getPlatformConfig({});
  // Missing for a moment, while somebody replaces it.
  await rm(tokenFile);
  await gridgate.platform.getPlatformConfig({});
  gridgate.close();
  await rig.stop();
});

test("the environment says where gridgate is and who calls", async () => {
  const policy = await Policy.start();
  const { rig } = policy;
  const file = join(rig.folder, "token");
  await writeFile(file, policy.token.token);
  vi.stubEnv("GRIDGATE_CLIENT_URL", rig.url);
  vi.stubEnv("GRIDGATE_CLIENT_TOKEN_FILE", file);
  const gridgate = connect();
  await gridgate.platform.getPlatformConfig({});
  gridgate.close();
  await rig.stop();
});

describe("over TLS", () => {
  const NAME = "spiffe://example.org/payments";
  const POLICY = `[callers.payments]\nidentities = ["${NAME}"]\nmethods = ["*/*"]\n`;

  /** A server that demands certificates, and a client that has one. */
  async function secured() {
    const folder = await mkdtemp(join(tmpdir(), "gridgate-client-"));
    const authority = new Authority(folder, "mesh");
    const server = authority.server("gridgate");
    const { certificate, key } = authority.client("payments", NAME);
    await writeFile(join(folder, "policy.toml"), POLICY);
    const settings = {
      GRIDGATE_GRPC_TLS_CERTIFICATE: server.certificate,
      GRIDGATE_GRPC_TLS_KEY: server.key,
      GRIDGATE_GRPC_TLS_CLIENT_CA: authority.ca,
      GRIDGATE_IDENTITY_POLICY_FILE: join(folder, "policy.toml"),
    };
    const tls = { ca: authority.ca, certificate, key };
    return { authority, tls, rig: await Rig.start(settings, { tls }, folder) };
  }

  test("a client certificate says who calls, and is read again for each connection", async () => {
    const { authority, rig, tls } = await secured();
    const [customer] = await rig.customers(1);
    const watcher = new Watcher(rig.gridgate);
    await watcher.sees(customer!, "UNVERIFIED");
    const other = authority.client("other", "spiffe://example.org/nobody");
    await copyFile(other.certificate, tls.certificate);
    await copyFile(other.key, tls.key);
    rig.proxy.cut();
    await expect(watcher.done).rejects.toMatchObject({ code: "PERMISSION_DENIED", reason: "CALLER_UNKNOWN" });
    await rig.stop();
  });

  test("a server that cannot be verified is not called, and the watch fails at once", async () => {
    const { rig, tls } = await secured();
    const stranger = new Authority(await mkdtemp(join(tmpdir(), "gridgate-client-")), "stranger");
    const gridgate = connect({ url: rig.url, tls: { ...tls, ca: stranger.ca } });
    await expect(new Watcher(gridgate).done).rejects.toThrow(GridgateError);
    await expect(gridgate.platform.getPlatformConfig({}, { timeoutMs: 1000 })).rejects.toThrow(GridgateError);
    const misnamed = connect({ url: rig.url, tls: { ...tls, serverName: "elsewhere" } });
    await expect(new Watcher(misnamed).done).rejects.toThrow(/altnames/);
    const named = connect({ url: rig.url, tls: { ...tls, serverName: "gridgate" } });
    await named.platform.getPlatformConfig({});
    for (const client of [gridgate, misnamed, named]) client.close();
    await rig.stop();
  });

  test("a missing file is an error of the call", async () => {
    const { rig, tls } = await secured();
    const gridgate = connect({ url: rig.url, tls: { ...tls, ca: `${tls.ca}.missing` } });
    await expect(gridgate.platform.getPlatformConfig({}, { timeoutMs: 1000 })).rejects.toThrow(/ENOENT/);
    gridgate.close();
    await rig.stop();
  });
});
