// Brings icons into the repository: node web/build/icons.mjs check circle-alert …
// Each is Lucide's drawing without its attributes; web/src/ui/icon.rs draws them.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = join(dirname(fileURLToPath(import.meta.url)), "..");
mkdirSync(join(web, "icons"), { recursive: true });
for (const name of process.argv.slice(2)) {
  const svg = readFileSync(join(web, "node_modules/lucide-static/icons", `${name}.svg`), "utf8");
  const drawing = svg.replace(/<!--[\s\S]*?-->/g, "").replace(/^[\s\S]*?<svg[\s\S]*?>/, "").replace("</svg>", "");
  writeFileSync(join(web, "icons", `${name}.svg`), `${drawing.replace(/\s+/g, " ").replace(/> </g, "><").trim()}\n`);
}
