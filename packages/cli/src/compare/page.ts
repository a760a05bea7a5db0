/** A comparison as a page: one file that needs nothing else. */
import type { Comparison } from "./comparison-data.ts";

export async function comparisonPage(comparison: Comparison): Promise<string> {
  const { licences, script, style } = await import("./page-asset.ts");
  // A script element ends at the first `</script`, whatever it holds.
  const data = JSON.stringify(comparison).replaceAll("<", "\\u003c");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>JaxScale benchmarks</title>
<!--
${licences}
-->
<style>${style}</style>
</head>
<body>
<script type="application/json" id="comparison">${data}</script>
<script type="module">${script}</script>
</body>
</html>
`;
}
