// Runs the browser journeys against a running Driveline: node run.mjs [part of a journey's name]
//
// A journey is a file in journeys/ with a sentence as `name` and an async `run(stage)`. It knows only addresses.
// It fails on a failed assertion, on any error in the browser's console, and on any violation of the content policy.
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { openBrowser } from "./browser.mjs";
import { Stage } from "./stage.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const address = process.env.DRIVELINE_PUBLIC_URL;
if (!address) {
  console.error("DRIVELINE_PUBLIC_URL is not set: start the journeys by ./dev e2e");
  process.exit(2);
}
const wanted = process.argv[2] ?? "";
const journey_time_max_ms = 180_000;

const files = readdirSync(join(here, "journeys")).filter((file) => file.endsWith(".mjs") && file.includes(wanted)).sort();
const browser = await openBrowser();
let passed = 0;
let failed = 0;
try {
  for (const file of files) {
    const journey = await import(pathToFileURL(join(here, "journeys", file)));
    const stage = await Stage.open(browser, address, file.replace(/\.mjs$/, ""), join(here, "screenshots"));
    const began = Date.now();
    try {
      await withinTime(journey.run(stage), journey_time_max_ms);
      stage.mustBeQuiet();
      passed += 1;
      console.log(`ok     ${journey.name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${journey.name}`);
      console.log(`       ${String(error.stack ?? error).replace(/\n/g, "\n       ")}`);
      for (const line of stage.complaints) console.log(`       browser: ${line}`);
      await stage.screenshot("failed").catch(() => console.log("       (no screenshot: the page is gone)"));
    } finally {
      await stage.close();
    }
  }
} finally {
  await browser.close();
}
console.log(`${passed} passed, ${failed} failed`);
if (files.length === 0) console.error(`No journey's name contains ${JSON.stringify(wanted)}.`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

function withinTime(promise, time_ms) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The journey took longer than ${time_ms / 1000} s.`)), time_ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
