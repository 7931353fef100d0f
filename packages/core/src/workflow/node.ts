import type { ProblemCode } from "../problem.ts";

/** What `check.ts` sees of a TypeBox schema: the keywords of JSON Schema that `schema.ts` uses, and our annotations. */
export interface Node {
  readonly type?: "boolean" | "integer" | "string" | "array" | "object";
  readonly const?: string;
  readonly anyOf?: readonly Node[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, Node>>;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: Node;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly "x-noun"?: string;
  readonly "x-code"?: ProblemCode;
  readonly "x-code-repeated"?: ProblemCode;
  readonly "x-example"?: string;
  readonly "x-rule"?: string;
  readonly "x-explain"?: string;
  readonly "x-explain-key"?: string;
  readonly "x-key-hints"?: Readonly<Record<string, string>>;
  readonly "x-discriminator"?: string;
}

type JsonType = "null" | "boolean" | "integer" | "number" | "string" | "array" | "object";

/** Whether the value has the type that the node speaks of. What lies within it may still be wrong. */
export function fits(node: Node, value: unknown): boolean {
  if (node.anyOf) return node.anyOf.some((alternative) => fits(alternative, value));
  return node.type === jsonType(value);
}

export function jsonType(value: unknown): JsonType {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  if (typeof value === "boolean" || typeof value === "string") return typeof value as "boolean" | "string";
  return "object";
}

export const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
