// The same main job in a browser that runs no scripts at all.
import assert from "node:assert/strict";
import { Dealer } from "../dealer.mjs";

export const name = "without JavaScript a dealer signs up, corrects a form, connects, syncs, decides a match, and signs out and in";

export async function run(stage) {
  const context = await stage.context.browser().newContext({ baseURL: stage.address, javaScriptEnabled: false });
  const page = await context.newPage();
  const dealer = new Dealer(page, stage.address);
  try {
    await refused(dealer);
    await dealer.signUp();
    await dealer.confirm();
    await dealer.addRooftop();
    // A wrong password: the test says which step failed; what was typed is kept.
    await dealer.connectDms({ Password: "wrong" });
    await page.getByText("The connection does not work yet").waitFor();
    await dealer.link("Change and test again").click();
    assert.equal(await page.getByLabel("Company number").inputValue(), "BA1");
    assert.equal(await page.getByLabel(/^Password/).inputValue(), "", "a stored credential is never shown");
    await page.getByLabel(/^Password/).fill("opentrack-sandbox");
    await dealer.button("Save & test").click();
    await page.getByText("Every step went well.").waitFor();
    await dealer.button("Start the first sync").click();
    await page.getByText("The sync has started.").waitFor();
    await dealer.runsEnd();

    await dealer.connectCrm();
    await dealer.button("Start the first sync").click();
    await dealer.runsEnd();
    await dealer.goto("/duplicates");
    await dealer.link("Review the first").click();
    await dealer.button("Not a match").click();
    await page.getByText(/^Remembered: these are two/).waitFor();
    await dealer.button("Undo").click();
    await page.getByText(/^Undone\./).waitFor();

    await page.getByRole("button", { name: "Dark colors" }).click();
    assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
    await page.getByRole("button", { name: "Sign out" }).click();
    await dealer.heading("Sign in");
    await dealer.signIn();
  } catch (error) {
    await page.screenshot({ path: `${stage.screenshots}/${stage.name}-failed-page.png`, fullPage: true });
    throw error;
  } finally {
    await context.close();
  }
}

// A form with mistakes comes back with the words beside the fields and what was typed, but for the password.
async function refused(dealer) {
  const { page } = dealer;
  await dealer.goto("/sign-up");
  await page.getByLabel("Work e-mail").fill("anna@bayside.test");
  await page.getByLabel("Password").fill("short");
  await page.getByLabel("Your name").fill("Anna Perez");
  await page.getByLabel("Dealership or group").fill("Bayside");
  await dealer.button("Create account").click();
  const password = page.getByLabel("Password");
  assert.equal(await password.getAttribute("aria-invalid"), "true");
  assert.match(await page.locator("#password-error").textContent(), /at least/);
  assert.equal(await password.inputValue(), "");
  assert.equal(await page.getByLabel("Work e-mail").inputValue(), "anna@bayside.test");
}
