/** Of all packages: as every package.json has it, which a packed program need not find again. A test holds them together. */
export const version = "0.1.0";
