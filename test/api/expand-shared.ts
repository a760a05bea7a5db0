/** A printed jaxpr with the bodies that it names first (`let f = … in`) put where they are called. */
export function expandShared(text: string): string {
  const bodies = new Map<string, string>();
  let rest = text;
  for (let match = /^let (\w+) = /.exec(rest); match; match = /^let (\w+) = /.exec(rest)) {
    const end = rest.indexOf(" } in\n", match[0].length);
    bodies.set(match[1], rest.slice(match[0].length, end + 2));
    rest = rest.slice(end + " } in\n".length);
  }
  // A body may call others.
  for (let before = ""; before !== rest; ) {
    before = rest;
    rest = rest.replace(/jaxpr=(\w+)/g, (call, name: string) =>
      bodies.has(name) ? `jaxpr=${bodies.get(name)}` : call,
    );
  }
  return rest;
}
