export const idleWorks = [];
