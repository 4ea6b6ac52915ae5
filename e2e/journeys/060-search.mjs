// Search over everything in the group: the palette by keyboard alone, and the page without scripts.
import assert from "node:assert/strict";
import { Dealer } from "../dealer.mjs";

export const name = "a dealer finds customers, cars, stock and runs by what they know of them, by keyboard alone and without scripts";

export async function run(stage) {
  const { page } = stage;
  const dealer = new Dealer(page, stage.address);
  await dealer.signUp();
  await dealer.confirm();
  await dealer.addRooftop();
  await dealer.connectDms();
  await page.getByText("Every step went well.").waitFor();
  await dealer.button("Start the first sync").click();
  await dealer.runsEnd();
  const known = await customer(dealer);

  await palette(stage, dealer, known);
  await pages(stage, dealer, known);
  await withoutScripts(stage, dealer, known);
}

// Somebody who is there, with what a person would know of them.
async function customer(dealer) {
  const { page } = dealer;
  await dealer.goto("/records?object=customer");
  const rows = page.getByRole("row");
  for (let n = 1; n < (await rows.count()); n += 1) {
    const cells = await rows.nth(n).getByRole("cell").allTextContents();
    const words = cells[0].trim().split(" ");
    if (words.length === 2 && words[1].length > 4 && cells[1].includes("@")) {
      return { name: cells[0].trim(), email: cells[1].trim(), surname: words[1] };
    }
  }
  throw new Error("no customer of the sandbox has a name and an e-mail");
}

// Nothing but keys.
async function palette(stage, dealer, known) {
  const { page } = stage;
  const dialog = page.getByRole("dialog", { name: "Search and go to" });
  const field = dialog.getByRole("combobox");
  const options = dialog.getByRole("option");
  await dealer.goto("/");
  await stage.awake();
  await page.keyboard.press("Control+k");
  await field.waitFor();
  assert.ok(await field.evaluate((node) => node === document.activeElement), "the field has the focus");
  await stage.look("palette-empty");
  const chosen = dialog.locator("[aria-selected=true]");
  const told = async () => (await chosen.getAttribute("id")) === (await field.getAttribute("aria-activedescendant"));
  await page.keyboard.press("ArrowDown");
  assert.equal(await chosen.getAttribute("id"), "palette-1");
  assert.ok(await told(), "what is chosen is told to a screen reader");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  assert.equal(await chosen.getAttribute("id"), `palette-${(await options.count()) - 1}`, "the arrows go round");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });

  await page.keyboard.press("/");
  await page.keyboard.type(known.surname.slice(0, 4));
  await options.filter({ hasText: known.surname }).first().waitFor();
  await stage.look("palette");
  assert.ok(await told(), "the best is chosen");
  await page.keyboard.press("Escape");

  // An answer that comes after something else was typed is dropped.
  await page.keyboard.press("Control+k");
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  const late = page.waitForResponse(/api\/v1\/search.*q=zzz/);
  await page.route(/api\/v1\/search.*q=zzz/, (route) => held.then(() => route.continue()));
  const asked = page.waitForRequest(/api\/v1\/search.*q=zzz/);
  await page.keyboard.type("zzz");
  await asked;
  await field.fill(known.email);
  await dialog.getByText("1 result").waitFor();
  release();
  await (await late).finished();
  await options.filter({ hasText: known.name }).waitFor();
  await page.keyboard.press("Escape");

  // Enter leads straight to who has that address.
  await page.keyboard.press("Control+k");
  await page.keyboard.type(known.email);
  await dialog.getByText("1 result").waitFor();
  await page.keyboard.press("Enter");
  await dealer.heading(known.name);

  // And to pages by their name.
  await stage.awake();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("dupl");
  await options.filter({ hasText: "Duplicates" }).waitFor();
  await page.keyboard.press("Enter");
  await dealer.heading("Duplicates");

  // A single key that opens things can be switched off (WCAG 2.1.4), and stays so.
  await stage.awake();
  await page.keyboard.press("/");
  await field.waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await page.keyboard.press("Escape");
  await dealer.goto("/runs");
  await stage.awake();
  await page.keyboard.press("/");
  assert.equal(await dialog.isVisible(), false, "/ opens nothing any more");
  await page.keyboard.press("Control+k");
  await field.waitFor();
  await page.keyboard.type("nobody-of-this-name@example.com");
  await dialog.getByText(/^Nothing found/).waitFor();
  await stage.look("palette-nothing");
  await page.keyboard.press("Escape");
}

// The page with its groups, and every way in.
async function pages(stage, dealer, known) {
  const { page } = stage;
  await dealer.goto("/search");
  await stage.look("start");
  await page.getByRole("main").getByRole("searchbox").fill(known.surname.slice(0, 3));
  await dealer.button("Search").click();
  await page.getByRole("heading", { level: 2, name: "Customers" }).waitFor();
  assert.ok(await dealer.link(known.name).count(), "a beginning finds them");
  await stage.look("beginning");

  await dealer.goto("/records?object=vehicle");
  const vin = (await page.getByRole("row").nth(1).getByRole("cell").nth(1).textContent()).trim();
  await dealer.goto(`/search?q=${vin.slice(-8).toLowerCase()}`);
  await page.getByRole("heading", { level: 2, name: "Vehicles owned" }).waitFor();
  await stage.look("last-eight");

  await dealer.goto("/search?q=x");
  await page.getByText(/^Type two characters or more/).waitFor();
  await stage.look("too-short");
  stage.expect(/422/);
  await dealer.goto("/search?q=nobody%40example.com");
  await page.getByText("Nothing has “nobody@example.com”").waitFor();
  await stage.look("nothing");

  await dealer.goto("/runs");
  const run = (await page.getByRole("row").nth(1).getByRole("link").first().getAttribute("href")).split("/").pop();
  await dealer.goto(`/search?q=${run}`);
  await page.getByRole("heading", { level: 2, name: "Runs" }).waitFor();
  await stage.look("run");
}

async function withoutScripts(stage, dealer, known) {
  const context = await stage.context.browser().newContext({
    baseURL: stage.address, javaScriptEnabled: false, storageState: await stage.context.storageState(),
  });
  const page = await context.newPage();
  try {
    await page.goto("/");
    await page.getByLabel("Search everything", { exact: true }).fill(known.email);
    await page.getByLabel("Search everything", { exact: true }).press("Enter");
    await page.getByRole("heading", { level: 1, name: known.name }).waitFor();
    await page.getByLabel("Search everything", { exact: true }).fill(known.surname.slice(0, 3));
    await page.getByLabel("Search everything", { exact: true }).press("Enter");
    await page.getByRole("main").getByRole("link", { name: known.name, exact: true }).first().click();
    await page.getByRole("heading", { level: 1, name: known.name }).waitFor();
  } finally {
    await context.close();
  }
}
