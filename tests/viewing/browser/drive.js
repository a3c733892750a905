// Does to the viewer's page what a person does, and prints what came of it as JSON.
//
//   node drive.js '{"url": ..., "browser": ..., "joint": ..., "grip": {...}}'
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const task = JSON.parse(process.argv[2]);
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const FLAGS = [
  '--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader',
];
const found = { elsewhere: [], errors: [], faults: {}, layers: {} };

const browser = await chromium.launch({ executablePath: task.browser, args: FLAGS });
const context = await browser.newContext({ viewport: { width: 1000, height: 700 }, bypassCSP: false });
const page = await context.newPage();
const own = new URL(task.url).host;
const watch = (address) => {
  const { host, protocol } = new URL(address);
  if (!['blob:', 'data:'].includes(protocol) && host !== own) found.elsewhere.push(address);
};
page.on('request', (request) => watch(request.url()));
page.on('websocket', (socket) => watch(socket.url()));
page.on('pageerror', (error) => found.errors.push(String(error)));
page.on('console', (message) => {
  if (/Content Security Policy/i.test(message.text())) found.errors.push(message.text());
});

// What is seen of the scene alone, once it stays the same.
const canvas = page.locator('canvas').first();
const picture = async () => {
  let last = '';
  for (let n = 0; n < 60; n += 1) {
    const box = await area();
    const bytes = await page.screenshot({ clip: box });
    const now = createHash('sha256').update(bytes).digest('hex');
    if (now === last) return now;
    last = now;
    await page.waitForTimeout(250);
  }
  return last;
};
// The middle of the scene, where neither notes nor panels lie over it.
const area = async () => {
  const all = await page.evaluate(() => {
    const boxes = [...document.querySelectorAll('canvas')].map((c) => c.getBoundingClientRect());
    const { x, y, width, height } = boxes.sort((a, b) => b.width - a.width)[0];
    return { x, y, width, height };
  });
  return {
    x: all.x + 0.1 * all.width, y: all.y + 0.3 * all.height,
    width: 0.8 * all.width, height: 0.6 * all.height,
  };
};
const whole = async () => {
  const part = await area();
  return {
    x: part.x - part.width / 8, y: part.y - part.height / 2,
    width: part.width / 0.8, height: part.height / 0.6,
  };
};
const faultsIn = async (name) => {
  const result = await page.evaluate(() => window.axe.run());
  found.faults[name] = result.violations
    .filter((fault) => ['serious', 'critical'].includes(fault.impact))
    .map((fault) => `${fault.id}: ${fault.nodes[0].html.slice(0, 200)}`);
};
const tab = (name) => page.getByRole('tab', { name }).click();
const valueOf = async (slider) => Number(await slider.getAttribute('aria-valuenow'));

await page.goto(task.url);
found.title = await page.title();
const slider = page.getByRole('slider', { name: task.joint });
await slider.waitFor();
await page.waitForTimeout(3000);
await page.addStyleTag({ content: '[class*=Notification-root] { display: none !important }' })
  .catch(() => {});
const before = await picture();

await slider.focus();
await page.keyboard.press('End');
const moved = await picture();
found.moved = { to: await valueOf(slider), changed: moved !== before };
await page.keyboard.press('Home');
found.lowest = await valueOf(slider);
found.returned = (await picture()) !== moved;

const source = await (await import('node:fs/promises')).readFile(axe, 'utf8');
await page.evaluate(source);
await faultsIn('Joints');

await tab('Layers');
await faultsIn('Layers');
for (const name of task.layers) {
  const without = await picture();
  await page.getByRole('checkbox', { name }).click();
  await page.waitForTimeout(500);
  found.layers[name] = (await picture()) !== without;
}

await tab('Edit');
await faultsIn('Edit');
await page.getByRole('button', { name: 'Recolour' }).click();
await page.getByText('1. recolor').or(page.getByText('recolor: target')).first().waitFor();
const recolored = await picture();
await page.getByRole('button', { name: 'Undo' }).click();
await page.getByText('Nothing was changed').waitFor();
found.undone = (await picture()) !== recolored;

await tab('Physics');
await faultsIn('Physics');
await page.getByRole('checkbox', { name: 'Physics' }).click();
await page.waitForTimeout(1500);
const box = await whole();
const focal = box.height / 2 / Math.tan(task.grip.fov_y / 2);
const [x, y, z] = task.grip.in_camera;
const at = [box.x + box.width / 2 + (focal * x) / z, box.y + box.height / 2 + (focal * y) / z];
await page.mouse.move(...at);
await page.waitForTimeout(500);
await page.mouse.down();
for (let n = 1; n <= 10; n += 1) {
  await page.mouse.move(at[0] + n * task.grip.by[0], at[1] + n * task.grip.by[1]);
  await page.waitForTimeout(120);
}
await page.waitForTimeout(1500);
await tab('Joints');
found.dragged = await valueOf(page.getByRole('slider', { name: task.joint }));
await page.mouse.up();
if (task.picture) await page.screenshot({ path: task.picture });
await browser.close();
process.stdout.write(JSON.stringify(found));
