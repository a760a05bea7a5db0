/** The page of a profile, or of several side by side: one file that needs nothing else. */
import type { RunData } from "./run-data.ts";

export async function profilePage(runs: readonly RunData[]): Promise<string> {
  // Only who wants a page loads what it is made of.
  const { licences, script, style } = await import("./page-asset.ts");
  // A script element ends at the first `</script`, whatever it holds.
  const data = JSON.stringify(runs).replaceAll("<", "\\u003c");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>JaxScale profile</title>
<!--
${licences}
-->
<style>${style}</style>
</head>
<body>
<script type="application/json" id="runs">${data}</script>
<script type="module">${script}</script>
</body>
</html>
`;
}
