// The first page a dealer sees.
import assert from "node:assert/strict";

export const name = "a dealer finds the sign-up page, and it works with a keyboard and without a mouse";

export async function run(stage) {
  const answer = await stage.goto("/sign-up");
  assert.equal(answer.status(), 200);
  await stage.page.getByRole("heading", { level: 1 }).waitFor();
  await stage.look("sign-up");

  const email = stage.page.getByLabel(/e-?mail/i);
  const password = stage.page.getByLabel(/password/i).first();
  assert.equal(await email.getAttribute("type"), "email");
  assert.equal(await password.getAttribute("autocomplete"), "new-password", "a password manager can help");
  await email.focus();
  await stage.page.keyboard.type("anna@bayside.test");
  assert.equal(await email.inputValue(), "anna@bayside.test");

  const policy = answer.headers()["content-security-policy"] ?? "";
  assert.match(policy, /script-src/);
  assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'/);
}
