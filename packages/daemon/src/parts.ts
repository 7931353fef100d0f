/** What the daemon is made of, for those who put it together in another world: the simulator. */
export { type Flaw, makeForm, manifestFlaw } from "./form.ts";
export { type Handlers, makeHandlers, type RequestContext } from "./http/handlers.ts";
export { documentOf } from "./http/problems.ts";
export { loadRun, Plans } from "./owner/load.ts";
export { Owner, type OwnerPorts } from "./owner/owner.ts";
export { runRecord, stageRecords } from "./owner/records.ts";
export * from "./store/memory-store.ts";
export * from "./store/store.ts";
