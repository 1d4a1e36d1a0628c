/** What `/api/system` and `/api/admin/cache-stats` answer, as far as the page reads it. */

export const SYSTEM = {
  version: "0.8.0",
  startedAt: "2026-11-24T07:00:00.000Z",
  serverTime: "2026-11-24T10:00:00.000Z",
  feeds: [
    {
      vendor: "twilio", configured: true, lastAt: "2026-11-24T09:59:58.000Z", lastMinute: 84,
      lastHour: 4210, refused: 0, duplicates: 12, silent: false,
    },
    {
      vendor: "elevenlabs", configured: true, lastAt: "2026-11-24T09:59:40.000Z", lastMinute: 9,
      lastHour: 510, refused: 3, duplicates: 0, silent: false,
    },
  ],
  stalenessBoundS: 0.4,
  views: {
    live: { vouched: true, ageS: 0.2 },
    campaign: { vouched: true, ageS: 0.3 },
    summary: { vouched: true, ageS: 0.4 },
  },
  projector: { lagS: 0.1, drift: 0 },
  redis: { up: true },
  mongodb: { up: true },
  sockets: { connected: 3 },
  cache: { enabled: true, hitRatio: 91.4, notModifiedRatio: 38.2 },
  warming: { enabled: true, lastAt: "2026-11-24T09:58:00.000Z" },
  limits: { callsPerS: 1, concurrency: 40 },
  attemptsLastMinute: 22,
};

const space = (more) => ({
  kind: "cached", ttlS: 300, softTtlS: null, tags: "", sources: [], warmer: "predicted", shards: "",
  hits: 0, misses: 0, ratio: null, l1: 0, l2: 0, loads: 0, loadSeconds: 0, failures: 0, joined: 0,
  waited: 0, stale: 0, soft: 0, degraded: 0, refused: 0, evicted: 0, keys: null, ...more,
});

export const CACHE_STATS = {
  enabled: true,
  since: "2026-11-24T07:00:00.000Z",
  keys: 120,
  memory: 3_565_158,
  keyspaces: {
    call: space({}),
    recent: space({ hits: 90, misses: 10, ratio: 90, keys: 4, warmer: "start, predicted" }),
    live: space({ kind: "view", hits: 900, ratio: 100, keys: 64, warmer: "always there" }),
  },
};
