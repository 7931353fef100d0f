import type {
  Static as StaticOf,
  TArray,
  TBoolean,
  TEnum,
  TInteger,
  TLiteral,
  TNull,
  TObject,
  TOptional,
  TProperties,
  TRecord,
  TSchema as TAny,
  TString,
  TUnion,
  TUnknown,
} from "typebox";

/**
 * Builders of plain JSON Schema (draft 2020-12), typed by TypeBox. Its types are all that we take of it here: its
 * own builders load hundreds of modules, which costs every process that speaks our API 0.25 s of its start.
 */
export type TSchema = TAny;
export type Static<T extends TSchema> = StaticOf<T>;
type Annotations = Readonly<Record<string, unknown>>;

const OPTIONAL = Symbol("optional");

const as = <T>(schema: object): T => schema as T;

export const Type = {
  String: (options: Annotations = {}): TString => as({ type: "string", ...options }),
  Integer: (options: Annotations = {}): TInteger => as({ type: "integer", ...options }),
  Boolean: (options: Annotations = {}): TBoolean => as({ type: "boolean", ...options }),
  Null: (): TNull => as({ type: "null" }),
  Unknown: (options: Annotations = {}): TUnknown => as({ ...options }),
  Literal: <const V extends string | number | boolean>(value: V, options: Annotations = {}): TLiteral<V> =>
    as({ type: typeof value, const: value, ...options }),
  Enum: <const V extends string[]>(values: V, options: Annotations = {}): TEnum<V> => as({ enum: values, ...options }),
  Array: <T extends TSchema>(items: T, options: Annotations = {}): TArray<T> =>
    as({ type: "array", items, ...options }),
  Union: <T extends TSchema[]>(anyOf: [...T], options: Annotations = {}): TUnion<T> => as({ anyOf, ...options }),
  /** A member that may be left out. */
  Optional: <T extends TSchema>(schema: T): TOptional<T> => as({ ...schema, [OPTIONAL]: true }),
  Object: <P extends TProperties>(properties: P, options: Annotations = {}): TObject<P> => {
    const required = Object.keys(properties).filter((key) => !(OPTIONAL in properties[key]!));
    return as({ type: "object", ...(required.length > 0 ? { required } : {}), properties, ...options });
  },
  Record: <T extends TSchema>(key: TString, value: T, options: Annotations = {}): TRecord<"^.*$", T> => {
    const pattern = (key as { pattern?: string }).pattern ?? "^.*$";
    return as({ type: "object", patternProperties: { [pattern]: value }, ...options });
  },
} as const;
