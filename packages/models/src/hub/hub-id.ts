/** Names of repositories on a hub: `org/name`, or `org/name@revision`. */

export interface HubId {
  /** `org/name` */
  readonly name: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

const name = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}";
const pattern = new RegExp(`^(${name}/${name})(?:@([A-Za-z0-9][A-Za-z0-9._/-]{0,127}))?$`);

/** Parses a hub id; undefined if invalid. Names become folders of the cache, so they must not leave it. */
export function parseHubId(text: string): HubId | undefined {
  const found = pattern.exec(text);
  if (found === null || text.includes("..") || text.includes("//") || text.endsWith("/")) return undefined;
  return { name: found[1], revision: found[2] ?? "main" };
}

/** Whether a revision is a full commit hash, which never changes. */
export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);
