import { randomBytes } from "node:crypto";
import { BoundQuery, DateTime, type QueryChunk, RecordId, type RpcEngine, type Surreal, Uuid, Value } from "surrealdb";
import { type Connection, DATABASE, NAMESPACE } from "./surreal-open.ts";
import { QueryFailed } from "./store.ts";
import type { Lane } from "./surreal-write.ts";

/**
 * Answers a person's query as a user who cannot write, on a session that nobody else has.
 *
 * 1. The session is made beside the SDK's own. A session of the SDK is raised to owner when the token that it signed
 *    in with expires, after an hour: it invalidates the session, and embedded nobody is the owner.
 * 2. The user is VIEWER with a password that is made at the first query and kept by nobody.
 * 3. SurrealDB answers a write by a viewer with an empty list. A text that begins a write is refused, to say so; what
 *    hides from that check still writes nothing.
 */
export interface Viewer {
  query(surql: string): Promise<readonly unknown[]>;
}

const USER = "viewer";

/** Scalars and keys of one answer, in bytes of their text. What HTTP carries in one reply. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;

/** `lane`: where this store's writes wait for each other; the first query makes the user. */
export function makeViewer({ db, engine }: Connection, lane: Lane): Viewer {
  let session: Promise<Uuid> | null = null;
  return {
    async query(surql) {
      const refused = refuse(surql);
      if (refused !== null) throw new QueryFailed(refused);
      session ??= lane(() => signIn(db, engine)).catch((error: unknown) => {
        session = null;
        throw error;
      });
      return toJson(await answers(engine, await session, surql));
    },
  };
}

async function signIn(db: Surreal, engine: RpcEngine): Promise<Uuid> {
  const password = randomBytes(32).toString("base64url");
  await db.query(`DEFINE USER OVERWRITE ${USER} ON DATABASE PASSWORD '${password}' ROLES VIEWER`);
  const session = Uuid.v4();
  await engine.attach(session);
  await engine.use({ namespace: NAMESPACE, database: DATABASE }, session);
  await engine.send({
    method: "signin",
    params: [{ ns: NAMESPACE, db: DATABASE, user: USER, pass: password }],
    session,
  });
  return session;
}

/** One entry per statement. Throws the error that caused the others. */
async function answers(engine: RpcEngine, session: Uuid, surql: string): Promise<unknown[]> {
  const results: unknown[] = [];
  const errors: string[] = [];
  try {
    for await (const chunk of engine.query<unknown>(new BoundQuery(surql), session)) add(chunk);
  } catch (error) {
    throw new QueryFailed(error instanceof Error ? error.message : String(error), { cause: error });
  }
  const [first] = errors;
  if (first !== undefined)
    throw new QueryFailed(errors.find((text) => !/(failed|cancelled) transaction/.test(text)) ?? first);
  return results;

  function add(chunk: QueryChunk<unknown>): void {
    if (chunk.error !== undefined) errors.push(chunk.error.message);
    else if (chunk.kind === "single") results[chunk.query] = chunk.result?.[0];
    else results[chunk.query] = [...((results[chunk.query] as unknown[] | undefined) ?? []), ...(chunk.result ?? [])];
  }
}

const WRITES =
  "ACCESS|ALTER|BEGIN|CANCEL|COMMIT|CREATE|DEFINE|DELETE|IMPORT|INSERT|KILL|LIVE|OPTION|REBUILD|RELATE|REMOVE|SLEEP|" +
  "UPDATE|UPSERT|USE";
/** A statement begins at the start, after `;` and inside a bracket; `{ update: 1 }` is a key and `delete` may be a field. */
const WRITE = new RegExp(`(?:^|[;({])\\s*(${WRITES})(?=\\s+[\\w$|]|\\s*(?:;|$))`, "i");
/** What may hold anything: comments, strings and quoted names. */
const OPAQUE =
  /\/\*[\s\S]*?\*\/|(?:--|\/\/|#)[^\n]*|'(?:\\[\s\S]|[^'\\])*'|"(?:\\[\s\S]|[^"\\])*"|`(?:\\[\s\S]|[^`\\])*`|⟨[^⟩]*⟩/g;

/** Why a text is not even tried, or null. */
export function refuse(surql: string): string | null {
  const plain = surql.replace(OPAQUE, (text) => (/^['"`⟨]/.test(text) ? "_" : " "));
  const found = WRITE.exec(plain);
  return found === null
    ? null
    : `a query only reads, and ${found[1]!.toUpperCase()} does not: change runs through the orchestrator's commands`;
}

/**
 * Plain JSON: record ids as SurrealQL (`run:01J…`, `stage_run:["01J…","build"]`), times as RFC 3339, other values of
 * the database as it writes them, integers beyond 2^53 as text, NONE as an absent key or null.
 */
export function toJson(results: readonly unknown[], bytes_max = ANSWER_BYTES_MAX): unknown[] {
  let bytes = 0;
  const spend = <T>(value: T, cost: number): T => {
    bytes += cost;
    if (bytes > bytes_max)
      throw new QueryFailed(`the answer is larger than ${bytes_max} bytes: add LIMIT or name fields`);
    return value;
  };
  const text = (value: string): string => spend(value, value.length + 2);
  const convert = (value: unknown): unknown => {
    switch (typeof value) {
      case "string":
        return text(value);
      case "number":
        return spend(Number.isFinite(value) ? value : null, 8);
      case "bigint":
        return text(value.toString());
      case "boolean":
        return spend(value, 5);
      case "object":
        break;
      default:
        return spend(null, 4);
    }
    if (value === null) return spend(null, 4);
    if (Array.isArray(value)) return spend(value, 2).map(convert);
    if (value instanceof RecordId) return text(recordIdText(value));
    if (value instanceof DateTime) return text(rfc3339(value));
    if (value instanceof ArrayBuffer) return text(Buffer.from(value).toString("base64"));
    if (value instanceof Value) return spend(value.toJSON(), 64);
    const entries = value instanceof Map ? [...value] : value instanceof Set ? null : Object.entries(value);
    if (entries === null) return [...(value as Set<unknown>)].map(convert);
    const out: [string, unknown][] = [];
    for (const [key, member] of entries) if (member !== undefined) out.push([text(String(key)), convert(member)]);
    return Object.fromEntries(out);
  };
  return results.map(convert);
}

/** With three digits of a second at least, as everywhere; the database cuts zeros off. */
const rfc3339 = (time: DateTime): string =>
  time.toISOString().replace(/(?:\.(\d+))?Z$/, (_, digits: string | undefined) => `.${(digits ?? "").padEnd(3, "0")}Z`);

/** As a person would write it: the SDK's own text has an `s` before each string of an array. */
function recordIdText(id: RecordId): string {
  const key: unknown = id.id;
  const plain = Array.isArray(key) && key.every((part) => typeof part === "string" || typeof part === "number");
  return plain ? `${id.table.name}:${JSON.stringify(key)}` : id.toString();
}
