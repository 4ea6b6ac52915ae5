// ./dev new-connector NAME: a connector that reads customers, its simulator and its place in the conformance suite,
// complete and passing, to be turned into the vendor's own.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const [key] = process.argv.slice(2);
const refuse = (why) => {
  console.error(`✗ ${why}`);
  process.exit(1);
};
if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(key ?? "")) refuse("A connector's name is in lower case with underscores: ./dev new-connector acme_crm");
const words = key.split("_").map((word) => word[0].toUpperCase() + word.slice(1));
const [Name, Title] = [words.join(""), words.join(" ")];
const places = {
  "connector.rs.txt": `crates/connectors/src/${key}/mod.rs`,
  "simulator.rs.txt": `crates/simulators/src/${key}/mod.rs`,
  "fixture.rs.txt": `crates/connectors/tests/it/${key}.rs`,
};
for (const path of Object.values(places)) if (existsSync(join(root, path))) refuse(`${path} exists already.`);

// All edits are made in memory first: either everything is written, or nothing.
const writes = new Map();
for (const [template, path] of Object.entries(places)) {
  const text = readFileSync(join(root, "scripts/new_connector", template), "utf8");
  writes.set(path, text.replaceAll("__key__", key).replaceAll("__Name__", Name).replaceAll("__Title__", Title));
}
function edit(path, pattern, replacement) {
  const text = readFileSync(join(root, path), "utf8");
  if (!pattern.test(text)) refuse(`${path} does not look as expected (${pattern}); nothing was written.`);
  writes.set(path, text.replace(pattern, replacement));
}
// A list of one entry a line stays one.
const beforeList = (addition) => (_, start, list) => {
  const entries = list.trimEnd().replace(/,$/, "");
  const indent = /\n( *)\S/.exec(list)?.[1];
  if (indent !== undefined) return `${start}${entries},\n${indent}${addition},\n${indent.slice(4)}]`;
  return `${start}${entries}${list.trim() ? ", " : ""}${addition}]`;
};
edit("crates/connectors/src/lib.rs", /^pub mod /m, `pub mod ${key};\npub mod `);
edit("crates/connectors/src/registry.rs", /(static CONNECTORS: [^=]*= &\[)([^\]]*)\]/, beforeList(`&crate::${key}::${Name}`));
edit("crates/simulators/src/lib.rs", /^pub mod /m, `pub mod ${key};\npub mod `);
edit("crates/simulators/src/server.rs", /(pub fn all[\s\S]*?vec!\[)([^\]]*)\]/, beforeList(`Arc::new(crate::${key}::${Name}::new(faults))`));
edit("crates/connectors/tests/it/main.rs", /^mod bench;$([\s\S]*)$/m, (_, rest) => `mod bench;\nmod ${key};${rest.trimEnd()}\nconformance!(${key}_conforms, crate::${key}::Fixture);\n`);
for (const [path, text] of writes) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
console.log(`${Title} is there and passes the suite as it is. Make it the vendor's own:
  ${Object.values(places).join("\n  ")}
Try it: ./dev test -p connectors ${key}`);
