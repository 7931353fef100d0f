import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // some tests kill and stall real processes against leases of seconds: on a machine that others load as well, one is
    // tried a second time, and said to have been
    retry: process.env.CI ? 1 : 0,
  },
});
