import type { Surreal } from "surrealdb";
import { StoreUnusable } from "./store.ts";

/**
 * Tables by version. Hot tables have no fields and no indexes: ids carry the order, the daemon's memory answers the
 * rest, and the values were checked in TypeScript. docs/concepts/graph.md shows the rows.
 *
 * A step is run once, in one transaction with the version it leads to. Never edit a step that was released: append.
 */
export const migrations: readonly string[] = [
  `DEFINE TABLE owner SCHEMALESS;
   DEFINE TABLE journal SCHEMALESS;
   DEFINE TABLE active SCHEMALESS;
   DEFINE TABLE workflow SCHEMALESS;
   DEFINE TABLE workflow_part SCHEMALESS;
   DEFINE TABLE creating SCHEMALESS;
   DEFINE TABLE request SCHEMALESS;
   DEFINE TABLE run_number SCHEMALESS;
   DEFINE TABLE run SCHEMALESS;
   DEFINE TABLE stage_run SCHEMALESS;
   DEFINE TABLE requires TYPE RELATION IN stage_run OUT stage_run SCHEMALESS;
   DEFINE TABLE job SCHEMALESS;
   DEFINE TABLE artifact SCHEMALESS;
   DEFINE TABLE dropping SCHEMALESS;`,
];

/** Brings the tables up to `steps`. A store of a newer version is refused: we would not know what its rows mean. */
export async function migrate(db: Surreal, steps: readonly string[] = migrations): Promise<void> {
  await db.query("DEFINE TABLE IF NOT EXISTS meta SCHEMALESS");
  const [found] = await db.query<[number | undefined]>("SELECT VALUE version FROM ONLY meta:schema");
  const version = found ?? 0;
  if (version > steps.length) {
    throw new StoreUnusable(
      "failed",
      `the store was written by a newer version of the orchestrator (its tables are at version ${version}, this one knows ${steps.length}): use that version`,
    );
  }
  for (const [index, step] of steps.entries()) {
    if (index < version) continue;
    const responses = await db
      .query(`BEGIN; ${step}; UPSERT meta:schema SET version = $version; COMMIT`, { version: index + 1 })
      .responses();
    const errors = responses.flatMap((response) => (response.success ? [] : [response.error]));
    const cause = errors.find((error) => !/(failed|cancelled) transaction/.test(error.message)) ?? errors[0];
    if (cause === undefined) continue;
    const message = `the store's tables could not be brought from version ${index} to ${index + 1}: ${cause.message}`;
    throw new StoreUnusable("failed", message, { cause });
  }
}
