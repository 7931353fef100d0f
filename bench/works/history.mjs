export const historyWorks = [];
