// Every file and every command that README.md, ARCHITECTURE.md and the other documents name must exist.
import { existsSync, readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { dirname, join, normalize } from "node:path";

const documents = execFileSync("git", ["ls-files", "*.md"], { encoding: "utf8" }).split("\n").filter(Boolean);
const commands = new Set(
  [...execFileSync("./dev", ["help"], { encoding: "utf8" }).matchAll(/^\.\/dev ([a-z0-9-]+)/gm)].map((m) => m[1]),
);
// What a build or a run makes is named in documents and is not committed.
const made = /^(target|\.data|node_modules|e2e\/screenshots)\b/;
const looksLikeAFile = /^(\.{0,2}\/)?[A-Za-z0-9_.@-]+(\/[A-Za-z0-9_.@-]+)*\/?$/;
const knownEndings = /\.(rs|toml|md|sh|mjs|json|css|lock|yml|yaml|csv|xml|sql|html)$/;
const roots = new Set(execFileSync("git", ["ls-files"], { encoding: "utf8" }).split("\n").map((path) => path.split("/")[0]));

const problems = [];
for (const document of documents) {
  const lines = readFileSync(document, "utf8").split("\n");
  lines.forEach((line, index) => {
    const complain = (what) => problems.push(`${document}:${index + 1}: ${what}`);
    for (const [, name] of line.matchAll(/\.\/dev ([a-z][a-z0-9-]*)/g)) {
      if (!commands.has(name)) complain(`./dev has no command ${name}`);
    }
    const named = [...line.matchAll(/`([^`\s]+)`/g)].map((m) => m[1]);
    const linked = [...line.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map((m) => m[1]).filter((to) => !/^[a-z]+:/.test(to));
    for (const name of named.filter((n) => looksLikeAFile.test(n))) {
      const path = normalize(name.replace(/\/$/, ""));
      const claimsToBeOurs = name.includes("/") ? roots.has(path.split("/")[0]) : knownEndings.test(name);
      if (claimsToBeOurs && !made.test(path) && !existsSync(path) && !existsSync(join(dirname(document), path))) {
        complain(`there is no ${name}`);
      }
    }
    for (const name of linked) {
      if (!existsSync(join(dirname(document), decodeURI(name)))) complain(`the link to ${name} leads nowhere`);
    }
  });
}
for (const problem of problems) console.error(`  ${problem}`);
process.exit(problems.length === 0 ? 0 : 1);
