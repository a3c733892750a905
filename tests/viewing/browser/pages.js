// Opens pages in light and dark without a network, and prints what axe objects to as JSON.
//
//   node pages.js '{"pages": {"name": "file:///…"}, "browser": ..., "pictures": folder or null}'
//
// Of a page with a sortable table it tells the order of the rows after each key press too, and
// which of them a search for "no video" leaves.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const task = JSON.parse(process.argv[2]);
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const found = {};

// All columns by keyboard alone: Tab to each heading, Enter once and once more.
const sorted = async (page) => {
  const told = [];
  const heads = await page.locator('thead th').count();
  for (let n = 0; n < heads; n += 1) {
    const head = page.locator('thead th').nth(n);
    const title = (await head.innerText()).trim();
    for (let tries = 0; tries < 30; tries += 1) {
      if (await head.evaluate((th) => th.contains(document.activeElement))) break;
      await page.keyboard.press('Tab');
    }
    for (let press = 0; press < 2; press += 1) {
      await page.keyboard.press('Enter');
      told.push({
        title,
        sort: await head.getAttribute('aria-sort'),
        sorts: await page.locator('[aria-sort]').count(),
        names: await page.locator('tbody tr:not([hidden]) th').allInnerTexts(),
      });
    }
  }
  return told;
};

const browser = await chromium.launch({ executablePath: task.browser, args: ['--no-sandbox'] });
for (const [name, address] of Object.entries(task.pages)) {
  found[name] = { elsewhere: [], errors: [], faults: {} };
  for (const colorScheme of ['light', 'dark']) {
    const viewport = { width: 1100, height: 800 };
    const context = await browser.newContext({ viewport, colorScheme, offline: true });
    const page = await context.newPage();
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith('data:') && url !== address) found[name].elsewhere.push(url);
    });
    page.on('pageerror', (error) => found[name].errors.push(String(error)));
    await page.goto(address);
    for (const details of await page.locator('details').all()) await details.click();
    await page.addScriptTag({ path: axe });
    const result = await page.evaluate(() => window.axe.run());
    found[name].faults[colorScheme] = result.violations.map(
      ({ id, impact, nodes }) => ({ id, impact, at: nodes[0].html.slice(0, 200) }));
    found[name].background = {
      ...found[name].background,
      [colorScheme]: await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
    };
    if (task.pictures) {
      const path = join(task.pictures, `${name}-${colorScheme}.png`);
      await page.screenshot({ path, fullPage: true });
    }
    if (colorScheme === 'dark' && await page.locator('[aria-sort]').count()) {
      found[name].first = await page.locator('tbody th').allInnerTexts();
      found[name].sorted = await sorted(page);
      await page.getByRole('searchbox').fill('no video');
      found[name].found = {
        names: await page.locator('tbody tr:not([hidden]) th').allInnerTexts(),
        status: await page.getByRole('status').innerText(),
      };
    }
    await page.setViewportSize({ width: 360, height: 640 });
    found[name].narrow = await page.evaluate(() => (
      { page: document.documentElement.scrollWidth, window: window.innerWidth }));
    await context.close();
  }
}
await browser.close();
process.stdout.write(JSON.stringify(found));
