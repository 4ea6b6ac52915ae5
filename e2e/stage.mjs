// What a journey acts on: one fresh browser profile with one page, and what must hold on every page it sees.
import AxeBuilder from "@axe-core/playwright";
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

const action_time_max_ms = 15_000;

export class Stage {
  static async open(browser, address, name, screenshots) {
    const context = await browser.newContext({ baseURL: address, viewport: { width: 1280, height: 800 }, reducedMotion: "reduce" });
    context.setDefaultTimeout(action_time_max_ms);
    const stage = new Stage();
    Object.assign(stage, { context, address, name, screenshots, complaints: [], expected: [] });
    stage.page = await context.newPage();
    stage.watch(stage.page);
    context.on("page", (page) => stage.watch(page));
    return stage;
  }

  // Chromium reports a violation of the content policy as an error on the console.
  watch(page) {
    page.on("console", (message) => {
      if (message.type() === "error" || /Content Security Policy/i.test(message.text())) {
        this.complaints.push(`${message.text()} (${message.location().url || page.url()})`);
      }
    });
    page.on("pageerror", (error) => this.complaints.push(`${error.message} (${page.url()})`));
    page.on("requestfailed", (request) => {
      const why = request.failure()?.errorText ?? "";
      // A page that is left cancels what it was still loading, its event stream among it.
      if (why !== "net::ERR_ABORTED") this.complaints.push(`${request.method()} ${request.url()}: ${why}`);
    });
  }

  // A journey that provokes an error says so first: stage.expect(/404/).
  expect(pattern) {
    this.expected.push(pattern);
  }

  mustBeQuiet() {
    const left = this.complaints.filter((line) => !this.expected.some((pattern) => pattern.test(line)));
    assert.deepEqual(left, [], "the browser complained");
  }

  goto(path) {
    return this.page.goto(new URL(path, this.address).href);
  }

  // The page as it is now: accessible in both themes, nothing sticking out at 360 px, and pictures of it.
  async look(label) {
    await this.screenshot(label);
    for (const scheme of ["light", "dark"]) {
      await this.page.emulateMedia({ colorScheme: scheme });
      const { violations } = await new AxeBuilder({ page: this.page })
        .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]).analyze();
      const found = violations.map((v) => `${v.id} (${scheme}): ${v.help}\n  ${v.nodes.map((n) => n.target.join(" ")).join("\n  ")}`);
      assert.deepEqual(found, [], `axe on ${label}`);
      if (scheme === "dark") await this.screenshot(`${label}-dark`);
    }
    await this.page.emulateMedia({ colorScheme: "light" });
    // The colours are drawn with the next frame.
    await this.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    const size = this.page.viewportSize();
    await this.page.setViewportSize({ width: 360, height: 740 });
    const overflow = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `${label} is ${overflow} px too wide at 360 px`);
    await this.screenshot(`${label}-360`);
    await this.page.setViewportSize(size);
  }

  async screenshot(label) {
    mkdirSync(this.screenshots, { recursive: true });
    await this.page.screenshot({ path: join(this.screenshots, `${this.name}-${label}.png`), fullPage: true });
  }

  // The islands of this page are awake.
  async awake() {
    await this.page.waitForFunction(() => document.documentElement.dataset.islands === "awake");
  }

  async close() {
    await this.context.close();
  }
}
