import { historyWorks } from "./history.mjs";
import { idleWorks } from "./idle.mjs";
import { jobsWorks } from "./jobs.mjs";
import { largeWorks } from "./large.mjs";
import { followersWorks } from "./followers.mjs";
import { outputWorks } from "./output.mjs";
import { stagesWorks } from "./stages.mjs";
import { startWorks } from "./start.mjs";

/**
 * A work: {
 *   id, what(bench),
 *   warm: true             one round more, before the others, is thrown away
 *   smoke: false           not in a smoke run
 *   cannot(bench, rounds)  why it cannot be done here, or null
 *   prepare(bench), finish(state)
 *   round(bench, state, n) measures everything once; gives numbers by name
 *   figures(bench)         how they are shown, see table.mjs
 * }
 */
export const works = [
  ...stagesWorks,
  ...jobsWorks,
  ...startWorks,
  ...largeWorks,
  ...historyWorks,
  ...outputWorks,
  ...followersWorks,
  ...idleWorks,
];
