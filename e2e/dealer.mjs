// What a dealer does, step by step; journeys put these together. Everything is found as a person finds it: by its words.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

export const simulators = process.env.DRIVELINE_SIMULATORS_URL;
export const password = "four tall green hats";
// A sync of the sandbox's few hundred records takes seconds; a busy test machine takes longer.
const sync_time_max_ms = 60_000;

export class Dealer {
  constructor(page, address) {
    this.page = page;
    this.address = address;
    this.email = `dealer-${randomUUID().slice(0, 8)}@bayside.test`;
    this.group = `Bayside ${this.email.slice(7, 15)}`;
  }

  goto(path) {
    return this.page.goto(new URL(path, this.address).href);
  }

  button(name) {
    return this.page.getByRole("main").getByRole("button", { name, exact: true }).first();
  }

  link(name) {
    return this.page.getByRole("main").getByRole("link", { name, exact: true }).first();
  }

  heading(name) {
    return this.page.getByRole("heading", { level: 1, name }).waitFor();
  }

  async signUp() {
    const { page } = this;
    await this.goto("/sign-up");
    await page.getByLabel("Work e-mail").fill(this.email);
    await page.getByLabel("Password").fill(password);
    await page.getByLabel("Your name").fill("Anna Perez");
    await page.getByLabel("Dealership or group").fill(this.group);
    await this.button("Create account").click();
    await this.heading("Check your mail");
  }

  async confirm() {
    const { page } = this;
    await this.goto("/mailbox");
    const mail = page.getByRole("listitem").filter({ hasText: this.email }).first();
    await mail.getByRole("link", { name: /verify/ }).click();
    await page.getByLabel("Password").fill(password);
    await this.button("Confirm and sign in").click();
    await this.heading("Setup");
  }

  async signIn() {
    const { page } = this;
    await this.goto("/sign-in");
    await page.getByLabel("E-mail").fill(this.email);
    await page.getByLabel("Password").fill(password);
    await this.button("Sign in").click();
    await this.heading("Home");
  }

  async addRooftop(name = "Bayside Ford") {
    await this.goto("/settings/rooftops");
    await this.page.getByLabel("Name", { exact: true }).fill(name);
    await this.page.getByLabel("Time zone").selectOption("America/Chicago");
    await this.button("Add the rooftop").click();
    await this.page.getByText("The rooftop is saved.").waitFor();
  }

  // Fills what a system's form asks for and presses Save & test.
  async connect(system, values) {
    await this.goto("/connections/new");
    await this.link(`Connect ${system}`).click();
    await this.heading(`Connect ${system}`);
    for (const [label, value] of Object.entries(values)) {
      await this.page.getByLabel(new RegExp(`^${label}( \\(optional\\))?$`)).fill(value);
    }
    await this.button("Save & test").click();
    await this.heading(/^Test of/);
  }

  async connectDms(more = {}) {
    assert.ok(simulators, "DRIVELINE_SIMULATORS_URL is not set: start the journeys by ./dev e2e");
    await this.connect("Dealertrack OpenTrack", {
      "Enterprise code": "BA",
      "Company number": "BA1",
      "User name": "driveline",
      Password: "opentrack-sandbox",
      Server: `${simulators}/opentrack`,
      ...more,
    });
  }

  // The sandbox's CRM knows some of the same people, once somebody has put them there.
  async connectCrm() {
    const held = await (await fetch(`${simulators}/_sim/hubspot/objects/contacts?limit=1`)).text();
    if (held.trim() === "") {
      const body = JSON.stringify({ customers: 120 });
      const loaded = await fetch(`${simulators}/_sim/hubspot/load`, { method: "POST", headers: { "content-type": "application/json" }, body });
      assert.ok(loaded.ok, `the CRM's sandbox took nothing: ${loaded.status}`);
    }
    await this.connect("HubSpot", { "API address": `${simulators}/hubspot`, "Private app token": "pat-na1-simulated" });
  }

  // Waits, without a script's help, until no run of the list is under way.
  async runsEnd() {
    const until = Date.now() + sync_time_max_ms;
    for (;;) {
      await this.goto("/runs");
      const going = await this.page.getByText(/^(Starting|Running|Retrying)$/).count();
      const there = await this.page.getByRole("row").count();
      if (going === 0 && there > 1) return;
      assert.ok(Date.now() < until, "the runs did not end");
    }
  }
}
