export const largeWorks = [];
