/** The same as in package.json, which a published program need not find again. A test holds them together. */
export const version = "0.1.0";
