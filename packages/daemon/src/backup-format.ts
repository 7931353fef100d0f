import { DIGEST_PATTERN, type Static, Type, ULID_PATTERN } from "orchestrator-core";
import { makeForm } from "./form.ts";

/**
 * A backup: lines of JSON. The first is the header, the last says how many of each kind came between and the SHA-256
 * of every byte before it, so that a file which was cut off or changed is never taken for whole. Workflows come first,
 * then each run with its journal, then requests. Bundles are not in it: they are plain files.
 */
export const BACKUP_SCHEMA = "orchestrator.backup/1";

const closed = { additionalProperties: false };
const Count = Type.Integer({ minimum: 0 });
const Digest = Type.String({ pattern: DIGEST_PATTERN });
const RunId = Type.String({ pattern: ULID_PATTERN });
const Seq = Type.Integer({ minimum: 1 });

const HeaderSchema = Type.Object(
  {
    kind: Type.Literal("header"),
    schema: Type.Literal(BACKUP_SCHEMA),
    /** The identity of the store that it was made of. */
    store: Type.String(),
    /** The last commit that is in it. */
    commit: Count,
    run_number: Count,
    made_at: Type.String(),
    /** The version that made it. */
    made_by: Type.String(),
  },
  closed,
);
export type BackupHeader = Static<typeof HeaderSchema>;

const ItemSchemas = [
  Type.Object(
    { kind: Type.Literal("workflow"), digest: Digest, text: Type.Union([Type.String(), Type.Null()]) },
    closed,
  ),
  Type.Object({ kind: Type.Literal("run"), run_number: Seq, run_id: RunId }, closed),
  Type.Object(
    { kind: Type.Literal("journal"), run_id: RunId, first_seq: Seq, last_seq: Seq, events: Type.String() },
    closed,
  ),
  Type.Object({ kind: Type.Literal("request"), key_digest: Digest, run_id: RunId, body_digest: Digest }, closed),
] as const;

const EndSchema = Type.Object(
  {
    kind: Type.Literal("end"),
    counts: Type.Object({ workflow: Count, run: Count, journal: Count, events: Count, request: Count }, closed),
    sha256: Digest,
  },
  closed,
);
export type BackupEnd = Static<typeof EndSchema>;
export type BackupCounts = BackupEnd["counts"];

export const headerForm = makeForm(HeaderSchema);
export const itemForm = makeForm(Type.Union([...ItemSchemas]));
export const endForm = makeForm(EndSchema);

export const noCounts = (): BackupCounts => ({ workflow: 0, run: 0, journal: 0, events: 0, request: 0 });
