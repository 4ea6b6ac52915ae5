// Signing in with a phone as well, in a browser: none of it needs a script.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Dealer, password } from "../dealer.mjs";
import { code } from "../phone.mjs";

export const name = "an owner sets up two-step sign-in, signs in with a code and a recovery code, requires it of the group, lets a member in who lost their phone, rotates an API key, and finds it all in the audit trail";

export async function run(stage) {
  const { page } = stage;
  const dealer = new Dealer(page, stage.address);
  // Forms that come back with what was wrong.
  stage.expect(/status of 422/);
  await dealer.signUp();
  await dealer.confirm();
  await dealer.goto("/settings/security");
  await stage.look("off");
  await dealer.goto("/settings/team");
  await dealer.button("Require it of everybody").click();
  await page.getByText("Set up two-step sign-in for yourself first").waitFor();
  await stage.look("not-yours-yet");

  await dealer.goto("/settings/security");
  await dealer.link("Set up").click();
  await dealer.heading("Set up two-step sign-in");
  await stage.look("begin");
  await page.getByLabel("Your password").fill("not my password");
  await dealer.button("Continue").click();
  await page.getByText("This is not your password.").waitFor();
  await page.getByLabel("Your password").fill(password);
  await dealer.button("Continue").click();
  await page.locator("svg[role=img]").waitFor();
  await stage.look("scan");
  await page.getByRole("textbox", { name: "Code" }).fill("000000");
  await dealer.button("Switch it on").click();
  await page.getByText("This code is wrong, over or used.").waitFor();
  await stage.look("wrong-code");
  const { secret, recovery } = await scanned(dealer);
  await stage.look("recovery-codes");
  assert.equal(recovery.length, 10);
  await dealer.link("I have kept them").click();
  await page.getByText("10 recovery codes left.").waitFor();
  await stage.look("on");

  // The phone shows the next code half a minute from now; clocks differ by that much, so it is taken already.
  await signInWith(dealer, code(secret, 1), stage);
  await signInWith(dealer, recovery[0]);
  await dealer.goto("/settings/security");
  await page.getByText("9 recovery codes left.").waitFor();
  await page.getByText("Make new recovery codes").click();
  await page.getByText("Switch it off").click();
  await stage.look("open");

  await dealer.goto("/settings/team");
  await dealer.button("Require it of everybody").click();
  await page.getByText("Saved.").waitFor();
  await stage.look("required");

  const bo = await invited(dealer);
  await dealer.heading("Set up two-step sign-in");
  await stage.look("kept-out");
  await page.getByLabel("Your password").fill(password);
  await dealer.button("Continue").click();
  await scanned(dealer);
  await dealer.link("I have kept them").click();
  await signInWith(dealer, recovery[1]);
  await dealer.goto("/settings/team");
  const row = page.getByRole("row").filter({ hasText: bo });
  await row.getByText("Change").click();
  await stage.look("team-row");
  await row.getByRole("link", { name: "Lost phone" }).click();
  await page.getByRole("heading", { name: "Bo Diaz lost their phone" }).waitFor();
  await page.getByLabel("Your own password").fill("not my password");
  await page.getByRole("button", { name: /Reset two-step sign-in/ }).click();
  await page.getByText("This is not your password.").waitFor();
  await stage.look("lost-phone");
  await page.getByLabel("Your own password").fill(password);
  await page.getByRole("button", { name: /Reset two-step sign-in/ }).click();
  await page.getByText("Two-step sign-in is reset.").waitFor();
  await dealer.goto("/mailbox");
  await page.getByRole("listitem").filter({ hasText: bo }).filter({ hasText: "Your two-step sign-in was reset" }).waitFor();

  await dealer.goto("/settings/keys");
  await page.getByLabel("Name").fill("Website");
  await page.getByLabel("Read records").check();
  await dealer.button("Make the key").click();
  const first = await page.getByRole("status").locator("code").textContent();
  assert.equal(await answer(stage, first), 200);
  await page.getByText("Rotate Website").click();
  await page.getByLabel("A new key is made.").selectOption({ label: "three days" });
  await stage.look("keys-rotate");
  await page.getByRole("button", { name: "Rotate: Website" }).click();
  await page.getByText("Copy this key now.").waitFor();
  const second = await page.getByRole("status").locator("code").textContent();
  assert.notEqual(second, first);
  assert.deepEqual([await answer(stage, first), await answer(stage, second)], [200, 200], "both work for a time");
  await dealer.goto("/settings/keys");
  await page.getByText(`replaced by ${second.slice(0, 13)}`).waitFor();
  await stage.look("keys-rotated");

  await dealer.goto("/settings/audit");
  await stage.look("trail");
  await page.getByLabel("Action").selectOption({ label: "second factor: on" });
  await page.getByLabel("Who").selectOption({ label: "Anna Perez" });
  await dealer.button("Show").click();
  await page.waitForURL(/action=second_factor.on/);
  assert.equal(await page.getByRole("row").count(), 2, "a head and the one entry");
  await stage.look("trail-filtered");
  const [download] = await Promise.all([page.waitForEvent("download"), dealer.button("Export as CSV").click()]);
  const table = readFileSync(await download.path(), "utf8");
  assert.match(table, /second_factor\.on/);
  assert.equal(table.trim().split("\n").length, 2);
  await dealer.goto("/settings/audit?action=audit.exported");
  assert.equal(await page.getByRole("row").count(), 2, "the export is told");
  await dealer.goto("/settings/audit?action=second_factor.reset");
  await page.getByRole("row").getByRole("link", { name: "Bo Diaz" }).click();
  await page.waitForURL(/id=/);
  await page.getByRole("row").filter({ hasText: "second factor: on" }).waitFor();
  await stage.look("trail-of-bo");
  await dealer.goto("/settings/audit?action=nothing.like_this");
  await stage.look("trail-empty");
}

// What the API says to a key.
async function answer(stage, key) {
  const told = await fetch(new URL("/api/v1/records?object=customer", stage.address), { headers: { authorization: `Bearer ${key}` } });
  return told.status;
}

// The app has the secret: from the page with the key to the one with the recovery codes.
async function scanned(dealer) {
  const { page } = dealer;
  const secret = (await page.locator("#key").textContent()).replaceAll(" ", "");
  await page.getByRole("textbox", { name: "Code" }).fill(code(secret, 0));
  await dealer.button("Switch it on").click();
  await dealer.heading("Two-step sign-in is on");
  return { secret, recovery: await page.locator("#recovery-codes li").allTextContents() };
}

// A member joins by the mailed link and is signed in then; returns their address.
async function invited(dealer) {
  const { page } = dealer;
  const bo = `bo-${dealer.email}`;
  await dealer.goto("/settings/team");
  await page.getByLabel("E-mail").fill(bo);
  await dealer.button("Add").click();
  await page.getByRole("row").filter({ hasText: bo }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).first().click();
  await dealer.heading("Sign in");
  await dealer.goto("/mailbox");
  await page.getByRole("listitem").filter({ hasText: bo }).first().getByRole("link", { name: /accept-invitation/ }).click();
  await page.getByLabel("Your name").fill("Bo Diaz");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("main").getByRole("button").click();
  return bo;
}

async function signInWith(dealer, typed, stage) {
  const { page } = dealer;
  await page.getByRole("button", { name: "Sign out" }).first().click();
  await dealer.heading("Sign in");
  await page.getByLabel("E-mail").fill(dealer.email);
  await page.getByLabel("Password").fill(password);
  await dealer.button("Sign in").click();
  await dealer.heading("Enter your code");
  if (stage) await stage.look("code");
  await page.getByRole("textbox", { name: "Code" }).fill(typed);
  await dealer.button("Sign in").click();
  await page.getByRole("navigation", { name: "Main", exact: true }).waitFor();
}
