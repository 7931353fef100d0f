export { type Agent, startAgent } from "./agent.ts";
export { type AgentOptions, optionDefaults } from "./options.ts";
export type * from "./ports.ts";
export { realPorts } from "./real/index.ts";
export { realClock, realRandom } from "./real/clock.ts";
export { realFiles } from "./real/files.ts";
export { realProcesses } from "./real/processes.ts";
export { httpTransport, mayCarryTokens, tlsOptions, type Trust } from "./real/transport.ts";
