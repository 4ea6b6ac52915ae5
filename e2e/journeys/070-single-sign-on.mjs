// Single sign-on at a real OpenID Connect provider, in a browser; the sign-in itself also without scripts.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Dealer, password } from "../dealer.mjs";
import { client, startIssuer, startNames } from "../issuer.mjs";
import { code } from "../phone.mjs";

export const name = "an owner connects the company's own sign-in, tests it, proves a domain, and requires it; people come in by it, see that group alone, and are told in the issuer's own words why not";

export async function run(stage) {
  assert.ok(process.env.DRIVELINE_DNS, "DRIVELINE_DNS is not set: start the journeys by ./dev e2e");
  const { page } = stage;
  const dealer = new Dealer(page, stage.address);
  const domain = `bayside-${randomUUID().slice(0, 8)}.test`;
  dealer.email = `anna@${domain}`;
  const names = await startNames(process.env.DRIVELINE_DNS);
  let issuer;
  // Forms that come back with what was wrong, and who is not let in.
  stage.expect(/status of (422|403)/);
  try {
    await dealer.signUp();
    await dealer.confirm();
    await dealer.goto("/settings/single-sign-on");
    await stage.look("off");
    const redirect = await page.locator("#redirect-url").textContent();
    issuer = await startIssuer(redirect, {
      anna: { email: dealer.email, email_verified: true, name: "Anna Perez" },
      bo: { email: `bo@${domain}`, email_verified: true, name: "Bo Diaz" },
      cy: { email: `cy@${domain}`, email_verified: true, name: "Cy Stranger" },
      di: { email: `di@${domain}`, email_verified: false, name: "Di Unconfirmed" },
      eli: { email: `eli@${domain}`, email_verified: true, name: "Eli Ward" },
    });
    await connect(stage, dealer, issuer);
    await prove(stage, dealer, names, domain);
    await invite(dealer, `bo@${domain}`);
    await invite(dealer, `di@${domain}`);
    await withPassword(dealer, `eli@${domain}`);

    await comeIn(stage, dealer, domain);
    await refusals(stage, dealer, domain);
    await withoutScripts(stage, `bo@${domain}`);
    await required(stage, dealer, domain);
  } finally {
    await issuer?.close();
    await names.close();
  }
}

// The issuer's form: wrong first, with the test's words, then right.
async function connect(stage, dealer, issuer) {
  const { page } = stage;
  await page.getByLabel("Issuer", { exact: true }).fill(`${issuer.address}/`);
  await page.getByLabel("Client id").fill(client.id);
  await page.getByLabel("Client secret").fill("not-it");
  await dealer.button("Save").click();
  await page.getByText("Saved.").waitFor();
  assert.equal(await page.getByLabel(/^Client secret/).inputValue(), "", "a stored secret is shown");
  await test(page);
  await page.getByText(`It calls itself ${issuer.address}`).waitFor();
  await stage.look("test-wrong-issuer");
  await dealer.link("Back to the settings").click();
  await page.getByLabel("Issuer", { exact: true }).fill(issuer.address);
  await dealer.button("Save").click();
  await page.getByText("a secret belongs to one issuer").waitFor();
  await stage.look("secret-needed");
  await page.getByLabel(/^Client secret/).fill("not-it");
  await dealer.button("Save").click();
  await page.getByText("Saved.").waitFor();
  await test(page);
  await page.getByText(/The issuer answers “invalid_client: client authentication failed”/).waitFor();
  await stage.look("test-wrong-secret");
  await dealer.link("Back to the settings").click();
  await page.getByLabel(/^Client secret/).fill(client.secret);
  await dealer.button("Save").click();
  await page.getByText("Saved.").waitFor();
  await test(page);
  await page.getByText("Every step went well.").waitFor();
  await stage.look("test-good");
  await dealer.link("Back to the settings").click();
}

function test(page) {
  return page.getByRole("button", { name: "Test: the issuer" }).click();
}

async function prove(stage, dealer, names, domain) {
  const { page } = stage;
  await page.getByLabel("Domain", { exact: true }).fill("no domain");
  await dealer.button("Add the domain").click();
  await page.getByText("This is no domain; write example.com.").waitFor();
  await page.getByLabel("Domain", { exact: true }).fill(domain.toUpperCase());
  await dealer.button("Add the domain").click();
  await page.getByText("The domain is listed.").waitFor();
  await page.getByRole("button", { name: `Check the DNS: ${domain}` }).click();
  await page.getByText(/^There is no TXT record under _driveline\./).waitFor();
  await stage.look("not-proven");
  names.say(await page.locator(`[id="name-${domain}"]`).textContent(), await page.locator(`[id="value-${domain}"]`).textContent());
  await page.getByRole("button", { name: `Check the DNS: ${domain}` }).click();
  await page.getByText("The domain is yours.").waitFor();
  await page.getByLabel("People of the proven domains must sign in by it").check();
  await dealer.button("Save").click();
  await page.getByText("Sign in by it once with these settings").waitFor();
  await stage.look("not-yet-required");
}

async function invite(dealer, email) {
  const { page } = dealer;
  await dealer.goto("/settings/team");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Role", { exact: true }).selectOption("reviewer");
  await dealer.button("Add").click();
  await page.getByRole("row").filter({ hasText: email }).waitFor();
}

async function signOut(page) {
  await page.getByRole("button", { name: "Sign out" }).first().click();
  await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
}

// A member who took the mailed invitation and chose a password, in a browser of their own.
async function withPassword(dealer, email) {
  const { page } = dealer;
  await invite(dealer, email);
  await signOut(page);
  await dealer.goto("/mailbox");
  await page.getByRole("listitem").filter({ hasText: email }).first().getByRole("link", { name: /accept-invitation/ }).click();
  await page.getByLabel("Your name").fill("Eli Ward");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("main").getByRole("button").click();
  await page.getByRole("navigation", { name: "Main", exact: true }).waitFor();
  await signOut(page);
}

async function byPassword(dealer, email) {
  await dealer.goto("/sign-in");
  await dealer.page.getByLabel("E-mail").fill(email);
  await dealer.page.getByLabel("Password").fill(password);
  await dealer.button("Sign in").click();
}

// From the sign-in page to the issuer and, as `login`, back.
async function by(page, address, email, login) {
  await forgottenAtWork(page);
  await page.goto(new URL("/sign-in", address).href);
  await page.getByRole("link", { name: "Continue with single sign-on" }).click();
  await page.getByLabel("Work e-mail").fill(email);
  await page.getByRole("button", { name: "Continue", exact: true }).click();
  await atWork(page, login);
}

// Another person sits down: the provider has forgotten who signed in before.
function forgottenAtWork(page) {
  return page.context().clearCookies({ name: /^_session/ });
}

async function atWork(page, login) {
  await page.getByRole("heading", { name: "Login at work" }).waitFor();
  await page.getByLabel("Login").fill(login ?? "");
  await page.getByRole("button", { name: login ? "Log in" : "I am not allowed" }).click();
}

async function comeIn(stage, dealer, domain) {
  const { page } = stage;
  await dealer.goto("/runs");
  await stage.look("sign-in");
  await dealer.link("Continue with single sign-on").click();
  await dealer.heading("Single sign-on");
  await stage.look("ask");
  await page.getByLabel("Work e-mail").fill("somebody@elsewhere.test");
  await dealer.button("Continue").click();
  await page.getByText("There is no single sign-on for this address.").waitFor();
  await stage.look("no-single-sign-on");
  await page.getByLabel("Work e-mail").fill(`bo@${domain}`);
  await dealer.button("Continue").click();
  await atWork(page, "bo");
  await dealer.heading("Runs");
  assert.equal(new URL(page.url()).pathname, "/runs", "the page that was asked for");
  await dealer.goto("/settings/security");
  await page.getByText("with the account that you have at work").waitFor();
  await stage.look("your-sign-in");
  await dealer.goto("/settings/sessions");
  assert.equal(await page.getByRole("row").count(), 2, "a head and the one session");
  assert.equal((await page.goto(new URL("/settings/single-sign-on", stage.address).href)).status(), 403, "a reviewer sees it");
  await dealer.goto("/");
  await signOut(page);
}

async function refusals(stage, dealer, domain) {
  const { page } = stage;
  await by(page, stage.address, `cy@${domain}`, "cy");
  await page.getByText(/^You have no role in/).waitFor();
  await stage.look("not-invited");
  await by(page, stage.address, `di@${domain}`, "di");
  await page.getByText("does not say that your e-mail address is confirmed").waitFor();
  await by(page, stage.address, `bo@${domain}`);
  await page.getByText("access_denied: You are not assigned to Driveline. Ask the help desk, extension 12.").waitFor();
  await stage.look("issuers-words");
  // The same address again: what came back once comes back no more.
  await page.reload();
  await page.getByText("This sign-in is over").waitFor();
  await stage.look("over");
}

async function withoutScripts(stage, email) {
  const context = await stage.context.browser().newContext({ baseURL: stage.address, javaScriptEnabled: false });
  try {
    const page = await context.newPage();
    await by(page, stage.address, email, "bo");
    await page.getByRole("navigation", { name: "Main", exact: true }).waitFor();
  } finally {
    await context.close();
  }
}

async function required(stage, dealer, domain) {
  const { page } = stage;
  await byPassword(dealer, dealer.email);
  await page.getByRole("navigation", { name: "Main", exact: true }).waitFor();
  await dealer.goto("/settings/single-sign-on");
  await page.getByText("People of the proven domains may sign in at your issuer.").waitFor();
  await stage.look("on");
  await page.getByLabel("People of the proven domains must sign in by it").check();
  await dealer.button("Save").click();
  await page.getByText("Set up two-step sign-in for yourself first").waitFor();
  const recovery = await twoStep(dealer);
  await dealer.goto("/settings/single-sign-on");
  await page.getByLabel("People of the proven domains must sign in by it").check();
  await dealer.button("Save").click();
  await page.getByText("Saved.").waitFor();
  await page.getByText("People of the proven domains sign in at your issuer only.").waitFor();
  await stage.look("required");
  await dealer.goto("/settings/audit?action=single_sign_on.refused");
  assert.ok((await page.getByRole("row").count()) > 3, "refusals are told");
  await stage.look("trail");
  await signOut(page);

  await byPassword(dealer, `eli@${domain}`);
  await dealer.heading("Single sign-on");
  await stage.look("kept-out");
  await forgottenAtWork(page);
  await dealer.button("Continue with single sign-on").click();
  await atWork(page, "eli");
  await page.getByRole("navigation", { name: "Main", exact: true }).waitFor();
  await signOut(page);

  // An owner comes back in without the issuer.
  await byPassword(dealer, dealer.email);
  await dealer.heading("Enter your code");
  await page.getByRole("textbox", { name: "Code" }).fill(recovery);
  await dealer.button("Sign in").click();
  await page.getByRole("navigation", { name: "Main", exact: true }).waitFor();
  await dealer.goto("/settings/single-sign-on");
  await page.getByRole("button", { name: "Remove: single sign-on" }).click();
  await page.getByText("People sign in with a password of their own.").waitFor();
}

// Sets two-step sign-in up; one of its recovery codes.
async function twoStep(dealer) {
  const { page } = dealer;
  await dealer.goto("/two-step");
  await page.getByLabel("Your password").fill(password);
  await dealer.button("Continue").click();
  const secret = (await page.locator("#key").textContent()).replaceAll(" ", "");
  await page.getByRole("textbox", { name: "Code" }).fill(code(secret, 0));
  await dealer.button("Switch it on").click();
  await dealer.heading("Two-step sign-in is on");
  return (await page.locator("#recovery-codes li").allTextContents())[0];
}
