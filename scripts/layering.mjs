// Who may import whom (the table in ARCHITECTURE.md), held against cargo's own account of the workspace;
// and no vendor's name outside the vendor's folder.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";

const ours = {
  domain: [],
  matching: ["domain"],
  connectors: ["domain"],
  store: ["domain"],
  queue: ["domain", "store"],
  app: ["domain", "matching", "store", "queue", "connectors"],
  simulators: ["domain"],
  web: ["domain", "app"],
  telemetry: [],
  server: ["app", "queue", "domain", "web", "telemetry"],
  worker: ["app", "queue", "domain", "telemetry"],
  migration: [],
  e2e: ["simulators"],
  testkit: ["domain", "matching", "store", "queue", "app", "connectors", "migration", "simulators"],
};
// Crates that only some of ours may name in [dependencies]. `testkit` prepares databases, so it may too.
const onlyIn = {
  "sea-orm": ["store", "testkit"],
  "sea-orm-migration": ["migration", "testkit"],
  sqlx: ["store", "testkit"],
  apalis: ["queue", "worker"],
  "apalis-redis": ["queue"],
  redis: ["queue"],
  "actix-web": ["server", "web", "worker", "simulators", "testkit"],
  leptos: ["web"],
  leptos_actix: ["web"],
  reqwest: ["connectors", "app", "simulators", "testkit", "e2e"],
  russh: ["connectors", "simulators"],
  suppaftp: ["connectors"],
};
// Crates that must not be reached at all, by whatever way.
const never = {
  domain: ["tokio", "sea-orm", "sqlx", "reqwest", "actix-web", "apalis", "leptos"],
  matching: ["tokio", "sea-orm", "sqlx", "reqwest", "actix-web", "apalis", "leptos"],
  store: ["actix-web", "leptos", "reqwest", "apalis", "apalis-redis"],
  queue: ["actix-web", "leptos", "reqwest"],
  app: ["actix-web", "leptos"],
  connectors: ["sea-orm", "sqlx", "actix-web", "leptos", "apalis"],
  worker: ["leptos", "web", "server"],
};
const neverInBrowser = ["tokio", "sea-orm", "sqlx", "reqwest", "actix-web", "apalis", "app", "store", "connectors", "queue"];
// Rules are pure: time, files and the network come in as values.
const impure = /\b(Utc::now|Local::now|SystemTime::now|Instant::now|std::(fs|net|process|thread|env)\b)/;

const problems = [];
const run = (command, args) => execFileSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28 });
const packages = JSON.parse(run("cargo", ["metadata", "--format-version", "1", "--no-deps", "--locked"])).packages;

for (const member of packages) {
  const allowed = ours[member.name];
  for (const dependency of member.dependencies.filter((d) => d.kind !== "dev")) {
    const isOurs = packages.some((p) => p.name === dependency.name);
    if (isOurs && allowed && !allowed.includes(dependency.name)) {
      problems.push(`${member.name}/Cargo.toml: ${member.name} may not import ${dependency.name} (it may: ${allowed.join(", ") || "none of ours"})`);
    }
    const few = onlyIn[dependency.name];
    if (few && allowed && !few.includes(member.name)) {
      problems.push(`${member.name}/Cargo.toml: only ${few.join(", ")} may use ${dependency.name}`);
    }
  }
  if (!allowed) {
    problems.push(`${member.name} is not in the layering table (scripts/layering.mjs and ARCHITECTURE.md)`);
  }
}

// `cargo tree` prints each crate once; a name at the start of a line is reached.
const reached = (args) =>
  new Set(run("cargo", ["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}", ...args]).split("\n").map((line) => line.split(" ")[0]));
for (const [name, forbidden] of Object.entries(never)) {
  if (!packages.some((p) => p.name === name)) continue;
  const tree = reached(["-p", name]);
  for (const crate of forbidden.filter((f) => tree.has(f))) {
    problems.push(`${name} reaches ${crate} (see: cargo tree -p ${name} -e normal -i ${crate})`);
  }
}
const browser = reached(["-p", "web", "--no-default-features", "--features", "hydrate", "--target", "wasm32-unknown-unknown"]);
for (const crate of neverInBrowser.filter((c) => browser.has(c))) {
  problems.push(`web's browser part reaches ${crate} (see: cargo tree -p web --no-default-features --features hydrate --target wasm32-unknown-unknown -e normal -i ${crate})`);
}

// A source file without its comments and without its tests, line by line, so that line numbers stay true.
function code(path) {
  const lines = readFileSync(path, "utf8").split("\n");
  const tests = lines.findIndex((line) => /^\s*#\[cfg\(test\)\]/.test(line));
  return lines.slice(0, tests < 0 ? lines.length : tests).map((line) => line.replace(/(^|[^:"'])\/\/.*$/, "$1"));
}
const sources = run("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"]).split("\n").filter((path) => path && existsSync(path));

for (const path of sources.filter((p) => /^crates\/(domain|matching)\/src\//.test(p) && !/\/(bin\/|main\.rs)/.test(p))) {
  code(path).forEach((line, index) => {
    const found = impure.exec(line);
    if (found) problems.push(`${path}:${index + 1}: ${found[0]} in a pure crate; pass the value in`);
  });
}

// Folder of a vendor → the names it goes by. A new vendor's folder is known by its own name.
const alsoCalled = {
  opentrack: ["opentrack", "dealertrack"],
  inventory_feed: [],
  adf: [],
  files: [],
};
const withoutAFolderYet = [
  "cdk", "fortellis", "reynolds", "dealerbuilt", "tekion", "salesforce", "elead", "vinsolutions", "dealersocket", "mailchimp",
  "klaviyo", "twilio", "callrail", "routeone", "docusign",
];
const folders = readdirSync("crates/connectors/src", { withFileTypes: true }).filter((e) => e.isDirectory()).map((e) => e.name);
const isConnector = (folder) => {
  const path = `crates/connectors/src/${folder}/mod.rs`;
  return existsSync(path) && /impl Connector for /.test(readFileSync(path, "utf8"));
};
const vendors = new Map();
for (const folder of folders.filter(isConnector)) {
  for (const name of alsoCalled[folder] ?? [folder.replaceAll("_", "")]) vendors.set(name, folder);
}
for (const name of withoutAFolderYet) if (!vendors.has(name)) vendors.set(name, name);
// A short name (cdk, kbb) counts only as a word of its own; a long one inside an identifier too.
const names = new RegExp([...vendors.keys()].map((n) => (n.length < 5 ? `(?<![a-z])${n}(?![a-z])` : n)).join("|"), "gi");
// The generated population has people whose surnames are vendors' names.
const free = /^(e2e\/|crates\/simulators\/src\/population\/|crates\/testkit\/|crates\/connectors\/src\/registry\.rs$|crates\/simulators\/src\/server\.rs$)|\/(tests|benches)\/|\/tests?\.rs$/;
for (const path of sources.filter((p) => !free.test(p))) {
  const [, folder] = /^crates\/(?:connectors|simulators)\/src\/([^/]+)\//.exec(path) ?? [];
  const declares = /^crates\/(connectors|simulators)\/src\/lib\.rs$/.test(path);
  code(path).forEach((line, index) => {
    if (declares && /^\s*(pub(\([a-z]+\))? )?mod [a-z0-9_]+;/.test(line)) return;
    for (const [name] of line.matchAll(names)) {
      const home = vendors.get(name.toLowerCase());
      if (folder !== home) problems.push(`${path}:${index + 1}: names ${name} outside its folder: ${line.trim().slice(0, 100)}`);
    }
  });
}

for (const problem of problems) console.error(`  ${problem}`);
process.exit(problems.length === 0 ? 0 : 1);
