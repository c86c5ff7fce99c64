// SPDX-License-Identifier: BSD-2-Clause
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    restoreMocks: true,
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
  },
});
