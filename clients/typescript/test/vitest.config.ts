import { defineConfig } from "vitest/config";

// Two cores, and most of the time is spent waiting for other processes.
export default defineConfig({ test: { include: ["test/**/*.test.ts"], testTimeout: 60_000, maxWorkers: 4 } });
