import type { FastifyRequest } from "fastify";
import type { AuditRule, ProblemDocument } from "orchestrator-core";
import type { Audit } from "../audit/log.ts";

/** Notes what was carried out, or is about to be, as the route's rule says. */
export async function auditDone(audit: Audit, request: FastifyRequest, reply: unknown): Promise<void> {
  const { name, route } = request.routeOptions.config.of!;
  if (route.audit === undefined) return;
  await audit.add(
    {
      type: route.audit.before === true ? "begun" : "done",
      route: name,
      by: request.principal?.actor,
      from: request.ip,
      subject: subjectOf(request, route.audit, reply),
    },
    route.audit.synced,
  );
}

/** Notes who was refused: at the door, by role, and what was decided, submitted or ordered in vain. */
export async function auditDenial(audit: Audit, request: FastifyRequest, document: ProblemDocument): Promise<void> {
  const { of } = request.routeOptions.config;
  const atTheDoor = [401, 403, 421, 429].includes(document.status);
  const inVain = of?.route.audit !== undefined && [409, 422].includes(document.status);
  if (!atTheDoor && !inVain) return;
  const { principal } = request;
  await audit.denied({
    code: document.code,
    route: of?.name ?? null,
    who: principal === null ? null : `${principal.actor.role}.${principal.actor.name}`,
    from: request.ip,
    ...(inVain ? { subject: subjectOf(request, of?.route.audit, null) } : {}),
  });
}

function subjectOf(
  { params, body }: FastifyRequest,
  rule: AuditRule | undefined,
  reply: unknown,
): Readonly<Record<string, unknown>> {
  return { ...(params as object), ...picked(body, rule?.body), ...picked(reply, rule?.reply) };
}

function picked(from: unknown, fields: readonly string[] = []): Readonly<Record<string, unknown>> {
  if (typeof from !== "object" || from === null) return {};
  return Object.fromEntries(Object.entries(from).filter(([field]) => fields.includes(field)));
}
