import { ManifestSchema, type TSchema } from "orchestrator-core";
import { Compile } from "typebox/schema";

/** One way in which a value differs from a schema. */
export interface Flaw {
  /** JSON Pointer. */
  readonly path: string;
  readonly message: string;
}

/** Compiles a schema of the contract. The function gives what is wrong with a value; empty where it fits. */
export function makeForm(schema: TSchema): (value: unknown) => readonly Flaw[] {
  const form = Compile(schema);
  return (value) => {
    if (form.Check(value)) return [];
    const [, errors] = form.Errors(value);
    return errors.map(({ instancePath, message }) => ({ path: instancePath, message }));
  };
}

const manifestForm = makeForm(ManifestSchema);

/** Where and how a value differs from a manifest; null where it is one. */
export function manifestFlaw(value: unknown): string | null {
  const [first] = manifestForm(value);
  return first === undefined ? null : `${first.path === "" ? "/" : first.path} ${first.message}`;
}
