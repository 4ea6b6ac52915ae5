// Builds the portal's files: node site.mjs WASM_FOLDER SITE_FOLDER
//
// Takes the wasm and its script as wasm-bindgen left them, the styles, the font and the loader; gives every file a
// name of its content, a brotli and a gzip twin, and writes manifest.json (read by web/src/site.rs).
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const [wasmFolder, siteFolder] = process.argv.slice(2);
const web = join(dirname(fileURLToPath(import.meta.url)), "..");
const fonts = join(web, "node_modules/@fontsource-variable/inter/files");
const limits = { "driveline.wasm": 150_000, "app.css": 30_000 }; // bytes gzipped: the budget of the portal

const fresh = `${siteFolder}.new`;
rmSync(fresh, { recursive: true, force: true });
mkdirSync(join(fresh, "pkg"), { recursive: true });

const sizes = [];
function add(name, content) {
  const body = Buffer.from(content);
  const ending = extname(name);
  const hash = createHash("sha256").update(body).digest("hex").slice(0, 12);
  const file = `${name.slice(0, -ending.length)}-${hash}${ending}`;
  const path = join(fresh, "pkg", file);
  writeFileSync(path, body);
  if (ending !== ".woff2") {
    const zipped = gzipSync(body, { level: 9 });
    writeFileSync(`${path}.gz`, zipped);
    writeFileSync(`${path}.br`, brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: body.length } }));
    sizes.push([name, body.length, zipped.length]);
  } else {
    sizes.push([name, body.length, body.length]);
  }
  return `/pkg/${file}`;
}

const wasm = add("driveline.wasm", readFileSync(join(wasmFolder, "driveline_bg.wasm")));
const snippets = join(wasmFolder, "snippets");
if (existsSync(snippets) && readdirSync(snippets).length > 0) {
  throw new Error(`${snippets} is not empty: a crate brings inline scripts, which this build does not serve`);
}
const script = add("driveline.js", readFileSync(join(wasmFolder, "driveline.js")));
const loaderText = readFileSync(join(web, "build/islands.js"), "utf8").replace("__SCRIPT__", script).replace("__WASM__", wasm);
const loader = add("islands.js", loaderText);

const font = add("inter-latin.woff2", readFileSync(join(fonts, "inter-latin-wght-normal.woff2")));
const fontExtended = add("inter-latin-ext.woff2", readFileSync(join(fonts, "inter-latin-ext-wght-normal.woff2")));
const icon = add("icon.svg", readFileSync(join(web, "style/icon.svg")));
const tailwind = join(web, "node_modules/@tailwindcss/cli/dist/index.mjs");
const styles = execFileSync(process.execPath, [tailwind, "--input", join(web, "style/app.css"), "--minify"], {
  cwd: web, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"],
});
const css = add("app.css", styles.replace(/(?:\.\/)?inter-latin\.woff2/g, font).replace(/(?:\.\/)?inter-latin-ext\.woff2/g, fontExtended));

writeFileSync(join(fresh, "manifest.json"), `${JSON.stringify({ css, loader, script, wasm, font, icon }, null, 2)}\n`);
rmSync(siteFolder, { recursive: true, force: true });
renameSync(fresh, siteFolder);

let tooBig = false;
for (const [name, size, zipped] of sizes) {
  const limit = limits[name];
  if (limit && zipped > limit) tooBig = true;
  console.error(`  ${name.padEnd(22)} ${String(size).padStart(8)} B ${String(zipped).padStart(8)} B zipped${limit ? ` (at most ${limit})` : ""}`);
}
if (tooBig) {
  console.error("  A file is over its budget.");
  process.exit(1);
}
