import { setFlagsFromString } from "node:v8";

// V8 lets its young generation grow to 32 MB, and an agent needs two. Forking costs by the size of a process, too.
// It has to be said before anything is loaded that would make it grow.
setFlagsFromString("--semi-space-growth-factor=1");
await import("./program.ts");
