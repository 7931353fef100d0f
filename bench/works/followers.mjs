export const followersWorks = [];
