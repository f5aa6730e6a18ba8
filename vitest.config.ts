import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: {
      requireAssertions: true,                                       // a test that came to assert nothing, because a list is empty or a branch is not taken, is one that fails
      poll: { timeout: 30_000 },                                     // a condition is waited for, however busy the machine; what never comes fails all the same
    },
    env: { NO_COLOR: '1' },
  },
})
