export const outputWorks = [];
