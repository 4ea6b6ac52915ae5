// The main job in the browser, from nothing to a record that both systems tell of.
import assert from "node:assert/strict";
import { Dealer } from "../dealer.mjs";

export const name = "a dealer signs up, connects the DMS and the CRM, watches the first sync and sees one customer with its sources";

export async function run(stage) {
  const { page } = stage;
  const dealer = new Dealer(page, stage.address);
  await dealer.signUp();
  await stage.look("check-your-mail");
  await dealer.confirm();
  await stage.look("setup");
  await dealer.goto("/");
  await stage.look("home-empty");
  await dealer.addRooftop();

  await dealer.goto("/connections/new");
  await stage.look("catalogue");
  await dealer.connectDms();
  await page.getByText("Every step went well.").waitFor();
  await stage.look("tested");
  await dealer.button("Start the first sync").click();
  await page.getByText("The sync has started.").waitFor();
  await page.getByRole("link", { name: /ago|now/ }).last().click();
  await stage.screenshot("run-live");
  await dealer.runsEnd();
  await stage.look("runs");
  await page.getByRole("row").filter({ hasText: "customers" }).first().getByRole("link").first().click();
  await page.getByText("From received to delivered").waitFor();
  await stage.look("run");

  await dealer.connectCrm();
  await page.getByText("Every step went well.").waitFor();
  await dealer.button("Start the first sync").click();
  await dealer.runsEnd();

  await dealer.goto("/");
  await stage.look("home");
  await dealer.goto("/connections");
  await stage.look("connections");
  await page.getByRole("row").filter({ hasText: "OpenTrack" }).getByRole("link").first().click();
  await dealer.heading(/OpenTrack/);
  await stage.look("connection");
  await dealer.goto("/setup");
  await stage.look("setup-later");

  await dealer.goto("/records");
  await stage.look("records");
  // Somebody whom both systems tell of.
  const both = page.getByRole("row").filter({ has: page.getByRole("cell", { name: "2", exact: true }) });
  const email = await both.getByRole("cell").filter({ hasText: "@" }).first().textContent();
  await page.getByRole("main").getByRole("searchbox").fill(email);
  await dealer.button("Search").click();
  await page.getByText(/record(s)? found/).waitFor();
  await page.getByRole("row").nth(1).getByRole("link").click();
  await page.getByText("Sources side by side").waitFor();
  assert.ok(await page.getByRole("columnheader", { name: "Golden record" }).count(), "the golden record has its column");
  await stage.look("record");
}
