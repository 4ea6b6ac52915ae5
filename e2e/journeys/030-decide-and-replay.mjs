// Doubtful matches and failures: decided, undone, replayed.
import assert from "node:assert/strict";
import { Dealer } from "../dealer.mjs";

export const name = "a dealer decides a doubtful match, undoes it, and sees every failure by its cause";

export async function run(stage) {
  const { page } = stage;
  const dealer = new Dealer(page, stage.address);
  await dealer.signUp();
  await dealer.confirm();
  await dealer.goto("/duplicates");
  await stage.look("no-duplicates");
  await dealer.goto("/failures");
  await stage.look("no-failures");
  await dealer.addRooftop();
  await dealer.connectDms();
  await dealer.button("Start the first sync").click();
  await dealer.runsEnd();
  await dealer.connectCrm();
  await dealer.button("Start the first sync").click();
  await dealer.runsEnd();

  await dealer.goto("/duplicates");
  await stage.look("duplicates");
  await dealer.link("Review the first").click();
  await dealer.heading("One or two?");
  await stage.look("pair");
  const pair = page.url();
  await dealer.button("Merge").click();
  await page.getByText(/^Merged\. The systems are told/).waitFor();
  await stage.look("merged");
  await dealer.button("Undo").click();
  await page.getByText(/^Undone\./).waitFor();
  assert.equal(new URL(page.url()).pathname, new URL(pair).pathname);
  await dealer.button("Not a match").click();
  await page.getByText(/^Remembered: these are two/).waitFor();

  await dealer.goto("/failures");
  await stage.look("failures");
}
