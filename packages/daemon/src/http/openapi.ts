import { problemCodes, type Route, version } from "orchestrator-core";

const Problem = {
  type: "object",
  description: "RFC 9457. `code` is stable; `problems` lists every one at once where the input had several.",
  required: ["type", "title", "status", "code", "detail"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    code: { type: "string", enum: Object.keys(problemCodes) },
    detail: { type: "string" },
    hint: { type: "string" },
    problems: { type: "array", items: { type: "object" } },
  },
};

/** The contract's table as OpenAPI 3.1, whose schemas are JSON Schema 2020-12, which is what the table holds. */
export function openApi(routes: Readonly<Record<string, Route>>): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [operationId, route] of Object.entries(routes)) {
    const operations = (paths[route.path] ??= {});
    operations[route.method.toLowerCase()] = {
      operationId,
      summary: route.summary,
      ...(route.roles === null ? { security: [] } : { "x-roles": route.roles }),
      parameters: [...parameters(route.params, "path"), ...parameters(route.query, "query")],
      ...(route.body
        ? { requestBody: { required: true, content: { "application/json": { schema: route.body } } } }
        : {}),
      responses: {
        [route.status]: {
          description: "Done.",
          content: { [route.media ?? "application/json"]: { schema: route.reply } },
        },
        default: {
          description: "A problem.",
          content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
        },
      },
    };
  }
  return {
    openapi: "3.1.0",
    info: { title: "orchestrator", version, description: "Runs graphs of real commands and proves what ran." },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: { Problem },
    },
  };
}

function parameters(schema: unknown, place: "path" | "query"): unknown[] {
  const { properties = {}, required = [] } = (schema ?? {}) as {
    properties?: Record<string, unknown>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, form]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    schema: form,
  }));
}
